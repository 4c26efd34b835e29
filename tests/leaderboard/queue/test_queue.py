"""The queue over the folder store: what each change does, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from leaderboard.errors import AlreadyRequested, Conflict, NotFound, NotPossible, Unreadable
from leaderboard.queue.queue import Queue
from leaderboard.queue.retries import MAX_BACKOFF_S
from leaderboard.records import Failure, Fault, Progress, Request, Status, request_path, utc
from leaderboard.stores.local import LocalStore

OURS = Failure(fault=Fault.INFRASTRUCTURE, code="hub_down", message="The Hub did not answer.")
THEIRS = Failure(fault=Fault.SUBMISSION, code="no_tokenizer", message="It has no tokenizer. Add one.")


class Clock:
    """A time that passes only when told to."""

    def __init__(self) -> None:
        self.time = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time

    def elapsed(self) -> float:
        return self.time.timestamp()

    def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queue(tmp_path: Path, clock: Clock) -> Queue:
    return Queue(LocalStore(tmp_path), clock, clock.elapsed)


def asked(model: str = "org/model", number: int = 1, **fields: Any) -> Request:
    return Request(benchmark="tiny", model=model, revision=f"{number:040x}", sender="ann", **fields)


def put(queue: Queue, path: str, content: object) -> None:
    queue.store.commit({path: content if isinstance(content, bytes) else json.dumps(content).encode()}, "by hand")


# --- submitting


def test_a_submitted_request_is_a_file_at_its_own_place(queue: Queue, tmp_path: Path) -> None:
    request = queue.submit(asked())
    path = f"tiny/org/model_eval_request_{'0' * 12}_bfloat16_Original.json"
    assert queue.path_of(request) == path == request_path(request)
    fields = json.loads((tmp_path / path).read_text())
    assert fields["status"] == "PENDING" and fields["submitted_time"] == "2026-01-01T00:00:00Z"
    assert fields["history"] == [
        {"time": "2026-01-01T00:00:00Z", "from": None, "to": "PENDING", "by": "ann", "note": "submitted"}
    ]
    assert queue.get(request.id) == request == queue.find(path)
    assert queue.raw(request.id) == request.to_json()


def test_the_same_checkpoint_is_refused_and_another_is_not(queue: Queue) -> None:
    first = queue.submit(asked())
    with pytest.raises(AlreadyRequested, match="already requested and is PENDING") as refused:
        queue.submit(asked())
    assert refused.value.existing == first
    others = [asked(number=1 << 140), asked(precision="float16"), asked(weight_type="Delta"),
              asked(use_chat_template=True), asked("org/other")]  # fmt: skip
    ids = {queue.submit(other).id for other in others}
    assert len(ids | {first.id}) == 6 == len(queue.view().requests)


@pytest.mark.parametrize("end", ["failed", "cancelled"])
def test_what_failed_or_was_cancelled_may_be_submitted_again(queue: Queue, clock: Clock, end: str) -> None:
    first = queue.submit(asked())
    claimed = queue.claim(first, "w", 60)
    if end == "failed":
        queue.fail(claimed, THEIRS)
    else:
        queue.cancel(claimed, "ann")
    clock.sleep(100)
    again = queue.submit(asked(model_type="pretrained"))
    assert (again.id, again.status, again.attempts, again.failure) == (first.id, Status.PENDING, 1, None)
    assert again.model_type == "pretrained" and again.submitted_time == "2026-01-01T00:01:40Z"
    assert [entry.to for entry in again.history][-2:] == [Status(end.upper()), Status.PENDING]
    assert queue.claim(again, "w", 60).attempts == 2


def test_a_file_that_cannot_be_read_blocks_its_place_with_a_reason(queue: Queue) -> None:
    put(queue, request_path(asked()), b"{")
    with pytest.raises(Unreadable, match="not JSON"):
        queue.submit(asked())


# --- the order


def test_priority_then_time_then_id(queue: Queue) -> None:
    for model, priority, time in [
        ("o/late", 0, "2026-01-03T00:00:00Z"), ("o/early", 0, "2026-01-01T00:00:00Z"),
        ("o/voted", 5, "2026-01-04T00:00:00Z"), ("o/low", -1, "2025-01-01T00:00:00Z"),
    ]:  # fmt: skip
        queue.submit(asked(model, priority=priority, submitted_time=time))
    order = ["o/voted", "o/early", "o/late", "o/low"]
    assert [request.model for request in queue.pending()] == order
    claimed = [queue.claim_next("w", 60) for _ in range(5)]
    assert [item.model if item else None for item in claimed] == [*order, None]


def test_claim_next_takes_only_what_the_worker_accepts(queue: Queue) -> None:
    queue.submit(asked("o/large", params=70, priority=9))
    queue.submit(asked("o/small", params=1))
    claimed = queue.claim_next("w", 60, lambda request: (request.params or 0) < 10)
    assert claimed and claimed.model == "o/small"


# --- running


def test_a_whole_life(queue: Queue, clock: Clock) -> None:
    request = queue.submit(asked())
    claimed = queue.claim(request, "w", 60)
    assert claimed.lease and (claimed.lease.worker, claimed.lease.until) == ("w", "2026-01-01T00:01:00Z")
    assert (claimed.status, claimed.attempts, claimed.job_start_time) == (Status.RUNNING, 1, "2026-01-01T00:00:00Z")
    queue.started(claimed, "job-7")
    clock.sleep(50)
    renewed = queue.renew(claimed, 60, Progress(task="arithmetic", done=5, total=10))
    assert renewed.lease and renewed.lease.until == "2026-01-01T00:01:50Z"
    assert renewed.progress and renewed.progress.done == 5
    assert queue.renew(claimed, 60).progress == renewed.progress
    finished = queue.finish(claimed, "published")
    assert (finished.status, finished.lease, finished.progress) == (Status.FINISHED, None, None)
    assert finished.job_id == "job-7" and finished.job_start_time == claimed.job_start_time
    assert [(entry.from_, entry.to, entry.by) for entry in finished.history] == [
        (None, Status.PENDING, "ann"), (Status.PENDING, Status.RUNNING, "w"), (Status.RUNNING, Status.FINISHED, "w"),
    ]  # fmt: skip


def test_one_claim_wins(queue: Queue) -> None:
    request = queue.submit(asked())
    queue.claim(request, "w", 60)
    for worker in ("w", "other"):
        with pytest.raises(Conflict):
            queue.claim(request, worker, 60)


@pytest.mark.parametrize("change", ["renew", "started", "finish", "fail", "give_back", "retry"])
def test_a_worker_that_lost_its_claim_changes_nothing(queue: Queue, clock: Clock, change: str) -> None:
    mine = queue.claim(queue.submit(asked()), "w", 60)
    clock.sleep(61)
    queue.reap()
    queue.claim(mine, "w", 60)
    before = queue.raw(mine.id)
    arguments: dict[str, tuple[Any, ...]] = {
        "renew": (60,), "started": ("job",), "finish": (), "fail": (THEIRS,), "give_back": (OURS, 0),
        "retry": (OURS, 3, 0),
    }  # fmt: skip
    with pytest.raises(Conflict):
        getattr(queue, change)(mine, *arguments[change])
    assert queue.raw(mine.id) == before


def test_a_cancelled_run_is_told_at_its_next_renewal(queue: Queue) -> None:
    claimed = queue.claim(queue.submit(asked()), "w", 60)
    queue.cancel(claimed, "maintainer", "wrong checkpoint")
    with pytest.raises(Conflict):
        queue.renew(claimed, 60)
    assert queue.get(claimed.id).history[-1].note == "wrong checkpoint"


def test_failing_says_why(queue: Queue) -> None:
    failed = queue.fail(queue.claim(queue.submit(asked()), "w", 60), THEIRS)
    assert failed.status is Status.FAILED and failed.failure == THEIRS
    assert failed.history[-1].note == "no_tokenizer: It has no tokenizer. Add one."


def test_failed_attempts_back_off_and_end(queue: Queue, clock: Clock) -> None:
    request = queue.submit(asked())
    for attempt, wait in enumerate((30, 60), start=1):
        back = queue.retry(queue.claim(request, "w", 60), OURS, max_attempts=3, backoff_s=30)
        assert back.status is Status.PENDING and back.failure and back.failed_attempts == attempt
        when = f"{clock.time + timedelta(seconds=wait):%Y-%m-%d %H:%M} UTC"
        assert back.failure.message == (
            f"The Hub did not answer. This was attempt {attempt} of 3. It is tried again at about {when}."
        )
        clock.sleep(wait - 1)
        assert queue.claim_next("w", 60) is None
        with pytest.raises(Conflict):
            queue.claim(request, "w", 60)
        assert [item.id for item in queue.pending()] == [request.id]
        clock.sleep(1)
    failed = queue.retry(queue.claim(request, "w", 60), OURS, max_attempts=3, backoff_s=30)
    assert failed.status is Status.FAILED and failed.attempts == 3
    assert failed.failure and failed.failure.fault is Fault.INFRASTRUCTURE
    assert "was tried 3 times and is not tried again. Submit it again, or ask" in failed.failure.message
    assert failed.history[-1].note.endswith(failed.failure.message)
    queue.relaunch(failed, "maintainer")
    back = queue.retry(queue.claim(request, "w", 60), OURS, max_attempts=3, backoff_s=30)
    assert (back.status, back.attempts, back.failed_attempts) == (Status.PENDING, 4, 1)


def test_giving_back_uses_up_no_attempt(queue: Queue, clock: Clock) -> None:
    request = queue.submit(asked())
    for _ in range(20):
        back = queue.give_back(queue.claim(request, "w", 60), OURS, backoff_s=30)
        assert back.status is Status.PENDING and back.failed_attempts == 0
        assert back.failure and "no attempt is used up. It is tried again at about" in back.failure.message
        clock.sleep(MAX_BACKOFF_S)
    at_once = queue.give_back(queue.claim(request, "w", 60), OURS, backoff_s=0)
    assert at_once.failure and at_once.failure.message.endswith("It is tried again as soon as a worker is free.")
    assert queue.retry(queue.claim(request, "w", 60), OURS, 2, 0).failed_attempts == 1


def test_expired_leases_make_no_later_wait_longer(queue: Queue, clock: Clock) -> None:
    request = queue.submit(asked())
    for _ in range(5):
        queue.claim(request, "w", 60)
        clock.sleep(60)
        queue.reap()
    back = queue.retry(queue.claim(request, "w", 60), OURS, max_attempts=3, backoff_s=30)
    assert back.not_before == utc(clock.time + timedelta(seconds=30))


def test_a_clock_that_was_ahead_puts_no_request_off(queue: Queue, clock: Clock) -> None:
    request = queue.submit(asked())
    clock.sleep(3600)
    queue.give_back(queue.claim(request, "w", 60), OURS, backoff_s=30)
    assert queue.claim_next("w", 60) is None
    clock.sleep(-3600)
    assert queue.claim_next("w", 60) is not None


def test_submitting_again_starts_the_count_anew(queue: Queue) -> None:
    failed = queue.retry(queue.claim(queue.submit(asked()), "w", 60), OURS, max_attempts=1, backoff_s=0)
    assert failed.failure and "was tried once and is not tried again" in failed.failure.message
    assert queue.submit(asked()).failed_attempts == 0


def test_a_holder_s_own_leases_are_not_reaped_by_the_wall_clock(queue: Queue, clock: Clock) -> None:
    mine, other = (queue.claim(queue.submit(asked(f"o/{name}")), name, 60) for name in ("mine", "other"))
    clock.sleep(3600)
    assert mine.lease and [item.id for item in queue.reap(held={mine.lease.claim})] == [other.id]


def test_a_clock_that_is_ahead_takes_no_work_from_a_holder_that_renews(
    queue: Queue, clock: Clock, tmp_path: Path
) -> None:
    ahead = Queue(LocalStore(tmp_path), lambda: clock.time + timedelta(hours=1), clock.elapsed)
    assert ahead.reap() == []
    claimed = queue.claim(queue.submit(asked()), "w", 60)
    for _ in range(5):
        assert ahead.reap() == []
        clock.sleep(40)
        queue.renew(claimed, 60)
    assert ahead.reap() == []
    clock.sleep(60)
    assert [item.id for item in ahead.reap()] == [claimed.id]


def test_a_lease_of_a_clock_that_was_ahead_ends_in_its_own_time(queue: Queue, clock: Clock, tmp_path: Path) -> None:
    ahead = Queue(LocalStore(tmp_path), lambda: clock.time + timedelta(hours=1), clock.elapsed)
    claimed = ahead.claim(queue.submit(asked()), "w", 60)
    assert queue.reap() == []
    clock.sleep(60)
    assert [item.id for item in queue.reap()] == [claimed.id]


def test_an_expired_lease_goes_back_to_pending(queue: Queue, clock: Clock) -> None:
    lost = queue.claim(queue.submit(asked("o/lost")), "w", 60)
    alive = queue.claim(queue.submit(asked("o/alive")), "w", 120)
    clock.sleep(60)
    assert [item.id for item in queue.reap()] == [lost.id] and queue.reap() == []
    back = queue.get(lost.id)
    assert (back.status, back.lease, back.failure) == (Status.PENDING, None, None)
    assert back.history[-1].note == "the lease of w has expired"
    assert queue.get(alive.id).status is Status.RUNNING
    again = queue.claim(back, "w", 60)
    assert again.attempts == 2 and again.job_start_time == "2026-01-01T00:01:00Z"


def test_no_two_attempts_start_at_the_same_time(queue: Queue) -> None:
    starts = []
    request = queue.submit(asked())
    for _ in range(3):
        claimed = queue.claim(request, "w", 60)
        starts.append(claimed.job_start_time)
        queue.rerun(queue.finish(claimed), "maintainer")
    assert starts == ["2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z", "2026-01-01T00:00:02Z"]


# --- somebody is faster


class Interrupted(LocalStore):
    """Lets something happen between the reading and the writing of the next change."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.meanwhile: list[Callable[[], object]] = []

    def commit(
        self, changes: Mapping[str, bytes | None], message: str, expected: Mapping[str, str | None] | None = None
    ) -> str:
        while self.meanwhile:
            self.meanwhile.pop()()
        return super().commit(changes, message, expected)


@pytest.fixture
def slow(tmp_path: Path, clock: Clock) -> tuple[Queue, Interrupted]:
    store = Interrupted(tmp_path)
    return Queue(store, clock, clock.elapsed), store


def test_no_update_is_lost(queue: Queue, slow: tuple[Queue, Interrupted]) -> None:
    slow_queue, store = slow
    claimed = queue.claim(queue.submit(asked()), "w", 60)
    store.meanwhile = [lambda: queue.started(claimed, "job-7")]
    slow_queue.renew(claimed, 60, Progress(done=1, total=2))
    now = queue.get(claimed.id)
    assert now.job_id == "job-7" and now.progress == Progress(done=1, total=2)


def test_the_later_of_two_claims_is_refused(queue: Queue, slow: tuple[Queue, Interrupted]) -> None:
    slow_queue, store = slow
    first, second = queue.submit(asked()), queue.submit(asked("org/second"))
    store.meanwhile = [lambda: queue.claim(first, "fast", 60)]
    with pytest.raises(Conflict):
        slow_queue.claim(first, "slow", 60)
    store.meanwhile = [lambda: queue.claim(second, "fast", 60)]
    assert slow_queue.claim_next("slow", 60) is None
    assert {request.lease.worker for request in queue.view().requests if request.lease} == {"fast"}


def test_a_lease_renewed_in_the_last_moment_is_not_reaped(
    queue: Queue, slow: tuple[Queue, Interrupted], clock: Clock
) -> None:
    slow_queue, store = slow
    claimed = queue.claim(queue.submit(asked()), "w", 60)
    clock.sleep(60)
    store.meanwhile = [lambda: queue.renew(claimed, 60)]
    assert slow_queue.reap() == []
    assert queue.get(claimed.id).status is Status.RUNNING


def test_a_cancellation_beats_a_finish_that_comes_later(queue: Queue, slow: tuple[Queue, Interrupted]) -> None:
    slow_queue, store = slow
    claimed = queue.claim(queue.submit(asked()), "w", 60)
    store.meanwhile = [lambda: queue.cancel(claimed, "ann")]
    with pytest.raises(Conflict):
        slow_queue.finish(claimed)
    assert queue.get(claimed.id).status is Status.CANCELLED


# --- by hand


def test_by_hand_only_where_it_makes_sense(queue: Queue) -> None:
    request = queue.submit(asked())
    for change in (queue.relaunch, queue.rerun):
        with pytest.raises(NotPossible, match="org/model is PENDING"):
            change(request, "maintainer")
    finished = queue.finish(queue.claim(request, "w", 60))
    with pytest.raises(NotPossible, match="is FINISHED; only a PENDING or RUNNING request can become CANCELLED"):
        queue.cancel(finished, "maintainer")
    assert queue.rerun(finished, "maintainer").status is Status.PENDING
    assert queue.cancel(finished, "ann").status is Status.CANCELLED
    relaunched = queue.relaunch(finished, "maintainer")
    assert relaunched.status is Status.PENDING and relaunched.history[-1].by == "maintainer"


# --- files


def test_unknown_fields_are_written_back(queue: Queue) -> None:
    request = queue.submit(asked(result_metrics={"arc": 0.5}, hide=None))
    queue.finish(queue.claim(request, "w", 60))
    assert json.loads(queue.raw(request.id))["result_metrics"] == {"arc": 0.5}
    assert json.loads(queue.raw(request.id))["hide"] is None


def test_one_bad_file_stops_nothing(queue: Queue) -> None:
    request = queue.submit(asked())
    put(queue, "tiny/org/broken_eval_request_False_float16_Original.json", b"{not json")
    put(queue, "tiny/notes.txt", b"hello")
    put(queue, "workers/w.json", b"{}")
    put(queue, "README.md", b"# Requests")
    view = queue.view()
    assert view.requests == [request]
    assert [(entry.path, entry.reason.split(" (")[0]) for entry in view.set_aside] == [
        ("tiny/notes.txt", "its name is not that of a request file"),
        ("tiny/org/broken_eval_request_False_float16_Original.json", "it is not JSON"),
    ]
    put(queue, "tiny/org/broken_eval_request_False_float16_Original.json", {"model": "org/broken"})
    queue.store.commit({"tiny/notes.txt": None}, "tidy up")
    assert [item.model for item in queue.view().requests] == ["org/broken", "org/model"]
    assert queue.view().set_aside == []


def test_a_copy_is_set_aside_and_the_original_stays(queue: Queue) -> None:
    request = queue.submit(asked())
    copy = "tiny/org/model_eval_request_0.json"
    put(queue, copy, request.to_json())
    assert copy < queue.path_of(request)
    view = queue.view()
    assert view.requests == [request]
    assert [item.path for item in view.set_aside] == [copy] and request_path(request) in view.set_aside[0].reason
    queue.store.commit({request_path(request): None}, "delete the original")
    assert queue.view().set_aside == [] and queue.get(request.id).id == request.id
    assert queue.path_of(request) == copy


def test_the_view_reads_only_what_changed(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    requests = [queue.submit(asked(f"o/m{number}")) for number in range(5)]
    queue.view()
    read: list[str] = []
    original = queue.store.read_many
    monkeypatch.setattr(queue.store, "read_many", lambda paths: original(read.extend(paths := list(paths)) or paths))
    assert len(queue.view().requests) == 5 and read == []
    queue.cancel(requests[2], "ann")
    read.clear()
    assert queue.view().requests[2].status is Status.CANCELLED
    assert read == [request_path(requests[2])]
    read.clear()
    queue.submit(asked("o/new"))
    assert read == []


def test_another_process_is_seen(queue: Queue, tmp_path: Path) -> None:
    other = Queue(LocalStore(tmp_path))
    request = other.submit(asked())
    assert queue.get(request.id) == request
    other.store.commit({request_path(request): None}, "delete")
    with pytest.raises(NotFound, match=request.id):
        queue.get(request.id)
    with pytest.raises(NotFound):
        queue.cancel(request, "ann")


# --- other boards' files


def test_a_complete_foreign_request_is_claimed_and_becomes_ours(queue: Queue) -> None:
    path = "tiny/org/model_eval_request_False_float16_Original.json"
    put(
        queue, path, {"model": "org/model", "revision": "a" * 40, "precision": "float16", "status": "RERUN", "likes": 7}
    )
    [request] = queue.view().requests
    assert queue.path_of(request) == path
    claimed = queue.claim_next("w", 60)
    assert claimed and claimed.id == request.id
    queue.finish(claimed)
    fields = json.loads(queue.raw(request.id))
    assert (fields["status"], fields["original_status"], fields["likes"]) == ("FINISHED", "RERUN", 7)
    assert fields["schema_version"] == 1 and queue.path_of(request) == path
    assert queue.view().set_aside == []


def test_incomplete_foreign_requests_are_shown_and_left_alone(queue: Queue, clock: Clock) -> None:
    put(queue, "tiny/org/main_eval_request_False_float16_Original.json", {"model": "org/main", "revision": "main"})
    put(queue, "org/root_eval_request_False_float16_Original.json", {"model": "org/root", "revision": "a" * 40})
    put(queue, "gpt2_eval_request_False_float16_Original.json", {"model": "gpt2", "revision": "a" * 40})
    put(queue, "tiny/org/run_eval_request_False_float16_Original.json", {"model": "org/run", "status": "RUNNING"})
    clock.sleep(10_000)
    assert len(queue.view().requests) == 4 and queue.view().set_aside == []
    assert queue.pending() == [] and queue.claim_next("w", 60) is None and queue.reap() == []
    with pytest.raises(Conflict):
        queue.claim(queue.view().requests[0], "w", 60)
