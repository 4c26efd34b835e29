"""Requests that have ended: kept in short, not read again at the next start, and still all that they were."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from leaderboard.benchmarks import Benchmark, load_benchmarks
from leaderboard.errors import AlreadyRequested, NotFound
from leaderboard.live.look import QUEUE, QueueLook
from leaderboard.monitoring.metrics import QueueMetrics
from leaderboard.queue import request_index
from leaderboard.queue.durations import PastRuns
from leaderboard.queue.queue import Queue
from leaderboard.records import EndedRequest, Failure, Fault, Person, Request, Status, request_path
from leaderboard.results.job_logs import JobLogs
from leaderboard.stores import local
from leaderboard.stores.local import LocalStore
from leaderboard.stores.saved import load, save
from leaderboard.submissions.policy import Rules
from tests.shared import ROOT

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
FAILURE = Failure(fault=Fault.SUBMISSION, code="no_tokenizer", message="It has no tokenizer.")


class Reads:
    """A queue as a new process opens it, and the paths of the files that it reads."""

    def __init__(self, root: Path) -> None:
        self.paths: list[str] = []
        store = LocalStore(root)
        original = store.read_many
        store.read_many = lambda paths: original(self.paths.extend(paths := list(paths)) or paths)  # type: ignore
        self.queue = Queue(store, lambda: NOW)


def asked(number: int) -> Request:
    return Request(
        id=f"{number:016x}", benchmark="tiny", model=f"org/m{number}", revision=f"{number:040x}", sender="ann",
        params=1.0, base_model="org/base", license="mit",
    )  # fmt: skip


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Seven finished, one failed, one cancelled, one running and two pending requests; small stores are saved too."""
    monkeypatch.setattr(request_index, "SAVE_AFTER", 5)
    monkeypatch.setattr(local, "SAVE_AFTER", 5)
    time = NOW - timedelta(hours=1)
    queue = Queue(LocalStore(tmp_path), lambda: time)
    requests = [queue.submit(asked(number)) for number in range(12)]
    for number in range(9):
        claimed = queue.claim(requests[number], "w", 60)
        time += timedelta(minutes=1)
        if number < 7:
            queue.finish(claimed)
        elif number == 7:
            queue.fail(claimed, FAILURE)
        else:
            queue.cancel(claimed, "ann")
    queue.claim(requests[9], "w", 1e6)
    Queue(LocalStore(tmp_path)).view()
    return tmp_path


def test_a_start_reads_only_what_is_open(root: Path) -> None:
    reads = Reads(root)
    view = reads.queue.view()
    assert sorted(reads.paths) == sorted(request_path(asked(number)) for number in (9, 10, 11))
    assert [request.id for request in view.open] == [asked(number).id for number in (10, 11, 9)]
    assert [request.id for request in view.ended] == [asked(number).id for number in range(9)]
    assert [request.status.value for request in view.ended][6:] == ["FINISHED", "FAILED", "CANCELLED"]
    assert {request.seconds for request in view.ended[:7]} == {60.0} and view.ended[7].seconds is None
    assert isinstance(view.by_id[asked(3).id], EndedRequest) and isinstance(view.by_id[asked(10).id], Request)
    for past in (PastRuns(view.requests), PastRuns(view), view.ended.past):
        assert past.durations.expected("tiny", 1.0) == 60.0 and past.accuracy.runs == 6


def test_who_follows_or_counts_the_queue_reads_no_file_of_what_has_ended(root: Path) -> None:
    reads = Reads(root)
    told = QueueLook(reads.queue, JobLogs(reads.queue.store), list)([QUEUE])[QUEUE]
    assert json.loads(told["queue"])["counts"] == {
        "PENDING": 2, "RUNNING": 1, "FINISHED": 7, "FAILED": 1, "CANCELLED": 1,
    }  # fmt: skip
    [states] = [family for family in QueueMetrics(reads.queue).collect() if family.name == "podium_requests"]
    counts = {sample.labels["status"]: sample.value for sample in states.samples}
    assert counts == json.loads(told["queue"])["counts"]
    assert sorted(reads.paths) == sorted(request_path(asked(number)) for number in (9, 10, 11))


def test_a_saved_start_and_one_from_the_files_are_the_same(root: Path) -> None:
    started = Reads(root).queue.view()
    for name in (local.SAVED, request_index.SAVED):
        LocalStore(root).kept_at(name).unlink()
    fresh = Reads(root)
    assert fresh.queue.view() == started and len(fresh.paths) == 12
    assert fresh.queue.view().requests == started.requests
    assert [request.status for request in started.requests] == [
        request.status for request in fresh.queue.view().requests
    ]


def test_an_ended_request_is_found_refused_relaunched_and_run_again(root: Path) -> None:
    queue = Reads(root).queue
    for number in range(9):
        path = request_path(asked(number))
        found = queue.get(asked(number).id)
        assert found == queue.find(path) and queue.path_of(found) == path and found.license == "mit"
    with pytest.raises(AlreadyRequested, match="is already requested and is FINISHED"):
        queue.submit(asked(0))
    assert queue.submit(asked(8)).status is Status.PENDING, "one that was cancelled may be submitted again"
    assert queue.relaunch(queue.get(asked(7).id), "ada").status is Status.PENDING
    assert queue.rerun(queue.get(asked(0).id), "ada").status is Status.PENDING
    view = queue.view()
    assert {request.id for request in view.ended} == {asked(number).id for number in range(1, 7)}
    assert {request.id for request in view.open} >= {asked(number).id for number in (0, 7, 8)}
    assert Reads(root).queue.view() == view, "what was saved before does not undo it"


def test_an_ended_request_counts_for_its_sender_s_quota(root: Path) -> None:
    tiny = load_benchmarks(ROOT / "benchmarks")["tiny"].model_dump()
    tiny["policy"] = {"quota": {"person": 20, "period_days": 7}}
    rules = Rules(Benchmark.model_validate(tiny), {})
    view = Reads(root).queue.view()
    [allowance] = rules.allowances(Person(name="ann"), "org/new", view, NOW)
    assert allowance == rules.allowances(Person(name="ann"), "org/new", view.requests, NOW)[0]
    assert allowance.used == 10, "all but the failed and the cancelled one"


def test_a_file_of_an_ended_request_that_is_changed_by_hand_is_seen(root: Path) -> None:
    queue, other = Reads(root).queue, Reads(root).queue
    queue.view()
    places = [root / request_path(asked(number)) for number in range(4)]
    fields = json.loads(places[0].read_bytes())
    places[0].write_text(json.dumps(fields | {"license": "gpl", "status": "FAILED"}))
    draft = places[1].with_suffix(".new")
    draft.write_text(json.dumps(json.loads(places[1].read_bytes()) | {"status": "PENDING"}))
    draft.replace(places[1])
    places[2].unlink()
    places[3].write_text("{")
    for each in (queue, other):
        view = each.view()
        changed = view.by_id[asked(0).id]
        assert (changed.status, changed.license, changed.base_model) == (Status.FAILED, "gpl", "org/base")
        assert view.by_id[asked(1).id].status is Status.PENDING
        assert asked(2).id not in view.by_id and asked(3).id not in view.by_id
        assert [file.path for file in view.set_aside] == [request_path(asked(3))]
        with pytest.raises(NotFound):
            each.get(asked(2).id)


def test_what_ended_last_is_not_read_again_and_what_is_gone_is_left_out(root: Path) -> None:
    reads = Reads(root)
    view = reads.queue.view()
    reads.paths.clear()
    last = view.ended[-3:]
    assert [request.id for request in view.in_full(last)] == [request.id for request in last]
    assert len(reads.paths) == 3
    assert view.in_full(last) == view.in_full(last) and len(reads.paths) == 3
    (root / last[0].path).unlink()
    view = reads.queue.view()
    assert [request.id for request in view.in_full(last)] == [request.id for request in last[1:]]
    assert view is reads.queue.view(), "as long as nothing changes the view is the same object"


def test_many_changes_at_once_and_one_after_the_other_give_the_same_order(root: Path) -> None:
    queue = Reads(root).queue
    for number in (4, 0, 6):
        place = root / request_path(asked(number))
        fields = json.loads(place.read_bytes())
        fields["history"][-1]["time"] = f"2026-11-20T11:{10 - number:02}:30Z"
        place.write_text(json.dumps(fields))
        queue.view()
    ended = [(request.ended_time, request.path) for request in queue.view().ended]
    assert ended == sorted(ended) and len(ended) == 9
    assert queue.view() == Reads(root).queue.view()


@pytest.mark.parametrize("odd", [[1], [["a", "b"]], {"a": 1}, "text", [[1] * len(EndedRequest._fields)]])
def test_a_saved_file_that_is_not_ours_is_made_anew(root: Path, odd: object) -> None:
    expected = Reads(root).queue.view()
    place = LocalStore(root).kept_at(request_index.SAVED)
    save(place, request_index.LAYOUT, odd)
    reads = Reads(root)
    assert reads.queue.view() == expected and len(reads.paths) == 12
    assert len(load(place, request_index.LAYOUT)) == 9


def test_a_saved_request_counts_only_with_the_version_of_its_file(root: Path) -> None:
    place = LocalStore(root).kept_at(request_index.SAVED)
    rows = load(place, request_index.LAYOUT)
    for row in rows:
        row[6] = "org/somebody-else"
    rows[0][1] = "0" * 40
    save(place, request_index.LAYOUT, rows)
    view = Reads(root).queue.view()
    stale = {row[0] for row in rows[1:]}
    assert {request.path for request in view.ended if request.base_model == "org/somebody-else"} == stale


def test_a_copy_of_an_ended_request_is_set_aside(root: Path) -> None:
    queue = Reads(root).queue
    queue.view()
    original = root / request_path(asked(2))
    copy = original.with_name("m2_eval_request_copy.json")
    copy.write_bytes(original.read_bytes())
    for view in (queue.view(), Reads(root).queue.view()):
        assert [file.path for file in view.set_aside] == [str(copy.relative_to(root))]
        assert len(view.ended) == 9 and view.by_id[asked(2).id].path == request_path(asked(2))  # type: ignore
    copy.unlink()
    view = queue.view()
    assert not view.set_aside and len(view.ended) == 9
    assert view.ended.by_id == {request.id: request for request in view.ended}
