"""One estimate of waiting and running time, from hand-made queues; the form, the pages and the API say the same."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

import localhub
from leaderboard.documents import queue as queue_page
from leaderboard.documents import request as request_page
from leaderboard.documents import words
from leaderboard.documents.queue import Filters, arrange
from leaderboard.documents.visit import Visit
from leaderboard.queue.durations import FEWEST, SAMPLE, Accuracy, FinishedRun, accuracy, finished_run, finished_runs
from leaderboard.queue.estimates import Estimate, Estimates
from leaderboard.queue.priority import in_order
from leaderboard.records import Abilities, HistoryEntry, Lease, Progress, Request, Status, request_path, utc
from leaderboard.service import Service
from scripts.seed_hub import seed

NOW = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)


def at(minutes: float) -> str:
    return utc(NOW + timedelta(minutes=minutes))


def waits(number: int, **more: Any) -> Request:
    reply = {"model": f"org/m{number}", "revision": "a" * 40, "benchmark": "tiny", "id": f"{number:016x}"}
    return Request.model_validate({**reply, "submitted_time": at(number - 1000), **more})


def runs(number: int, worker: str = "w1", **more: Any) -> Request:
    lease = Lease(worker=worker, claim="c", until=at(2))
    return waits(number, **{"status": Status.RUNNING, "lease": lease, "job_start_time": at(-5), **more})


def finished(params: float | None, seconds: int, benchmark: str = "tiny", **more: Any) -> Request:
    end = f"2026-01-01T{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}Z"
    history = [
        HistoryEntry(time="2026-01-01T00:00:00Z", from_=Status.PENDING, to=Status.RUNNING, by="w"),
        HistoryEntry(time=end, from_=Status.RUNNING, to=Status.FINISHED, by="w"),
    ]
    done = Request(model="org/x", benchmark=benchmark, params=params, status=Status.FINISHED, history=history)
    return done.model_copy(update=more)


def estimates(requests: list[Request], *workers: Abilities) -> Estimates:
    return Estimates(requests, workers, NOW)


def starts(requests: list[Request], *workers: Abilities) -> list[str | None]:
    result = estimates(requests, *workers)
    pending = [request for request in requests if request.status is Status.PENDING]
    return [result.of(request).start for request in in_order(pending, [], NOW)]


# --- how long


def test_the_expected_time_is_scaled_from_runs_of_similar_size() -> None:
    done = [finished(1.0, 100), finished(2.0, 200), finished(100.0, 3600), finished(None, 7), finished(2.0, 9, "other")]

    def expected(benchmark: str, params: float | None, requests: list[Request] = done) -> float | None:
        asked = waits(1, benchmark=benchmark, params=params)
        return estimates([*requests, asked]).of(asked).seconds

    assert expected("tiny", 4.0) == pytest.approx(400)
    assert expected("unknown", 4.0) is None
    assert expected("tiny", 4.0, []) is None


def test_only_the_runs_closest_in_size_count() -> None:
    far = [finished(params, 9) for params in (0.001, 0.002, 4000.0, 5000.0)]
    near = [finished(params, seconds) for params, seconds in ((1, 10), (2, 22), (4, 40), (8, 80), (16, 160))]
    asked = waits(1, params=4.0)
    assert estimates([*far, *near, asked]).of(asked).seconds == pytest.approx(40)


def test_of_runs_of_the_same_size_the_last_ones_count() -> None:
    done = [finished(4.0, seconds).model_copy(deep=True) for seconds in (10, 10, 10, 10, 10, 900, 900, 900, 900, 900)]
    asked = waits(1, params=4.0)
    assert estimates([*done, asked]).of(asked).seconds == 900


def test_the_usual_time_is_the_median_of_finished_runs() -> None:
    pending = waits(1)
    assert estimates([pending]).of(pending).seconds is None
    done = [finished(None, 10), finished(2.0, 30), finished(None, 500)]
    assert estimates([*done, pending]).of(pending).seconds == 30
    sized = waits(2, params=1.0)
    assert estimates([finished(None, 10), sized]).of(sized).seconds == 10, "no size of a run is known"


def test_a_run_that_did_not_finish_or_cannot_be_timed_says_nothing() -> None:
    run = finished_run(finished(1.0, 90))
    assert run and run.seconds == 90
    assert finished_run(finished(1.0, 0)) is None
    assert finished_run(finished(1.0, 90, status=Status.FAILED)) is None
    odd = finished(1.0, 90)
    odd.history[0].time = "yesterday"
    assert finished_run(odd) is None
    assert finished_run(Request(model="org/old", status=Status.FINISHED)) is None
    assert finished_runs([odd, finished(1.0, 90)]) == [run]


# --- how far off


def runs_after_each_other(seconds: list[float]) -> list[FinishedRun]:
    """Runs of one benchmark and size, each beginning when the last one ended."""
    ends = [sum(seconds[: number + 1]) for number in range(len(seconds))]
    return [FinishedRun(end - each, end, "tiny", 7.0) for end, each in zip(ends, seconds, strict=True)]


def test_the_error_is_unknown_while_too_few_estimates_were_made() -> None:
    assert accuracy([]) == Accuracy(None, 0)
    assert accuracy(runs_after_each_other([100.0] * FEWEST)) == Accuracy(None, FEWEST - 1), "nothing told of the first"
    assert accuracy(runs_after_each_other([100.0] * (FEWEST + 1))) == Accuracy(0.0, FEWEST)


def test_half_of_the_last_estimates_were_off_by_at_most_the_error() -> None:
    """Of five runs in turn the median is the one before: 200 s instead of 100 is 1.0 off, 100 instead of 200 is 0.5."""
    assert accuracy(runs_after_each_other([100.0, 200.0] * SAMPLE)) == Accuracy(0.75, SAMPLE)
    assert accuracy(runs_after_each_other([*[900.0] * 30, *[100.0] * (2 * SAMPLE)])) == Accuracy(0.0, SAMPLE)


def test_a_run_is_judged_by_what_was_known_when_it_began() -> None:
    before = runs_after_each_other([100.0] * (FEWEST + 1))
    begun = before[-1].end
    long, short = (FinishedRun(begun, begun + seconds, "tiny", 7.0) for seconds in (400.0, 50.0))
    assert accuracy([*before, long, short]).runs == FEWEST + 2
    other = [FinishedRun(begun, begun + 10.0, "other", 7.0)]
    assert accuracy([*before, *other]).runs == FEWEST, "nothing was known of the other benchmark"


# --- when


def test_the_next_one_starts_now_when_nothing_runs() -> None:
    assert starts([waits(1)]) == [utc(NOW)]


def test_nothing_is_expected_where_nothing_tells() -> None:
    assert starts([waits(1), waits(2)]) == [utc(NOW), None]
    assert starts([runs(3), waits(1)]) == [None]


def test_those_that_wait_start_as_those_that_run_end() -> None:
    running = [runs(number, progress=Progress(eta=at(minutes))) for number, minutes in ((8, 5), (9, 2))]
    pending = [waits(number) for number in (1, 2, 3, 4)]
    assert starts([*running, *pending, finished(None, 600)]) == [at(2), at(5), at(12), at(15)]


def test_a_run_that_says_nothing_takes_the_usual_time_and_is_never_over_already() -> None:
    soon, late = runs(8), runs(9, job_start_time=at(-90))
    result = estimates([soon, late, finished(None, 600)])
    assert (result.of(soon).start, result.of(soon).end) == (at(-5), at(5))
    assert result.of(late).end == at(0) and result.of(late).position is None


def test_a_worker_runs_as_many_at_a_time_as_it_has_slots() -> None:
    done, pending = finished(None, 600), [waits(number) for number in (1, 2, 3, 4)]
    three = Abilities(worker="w1", slots=3)
    assert starts([done, *pending], three) == [at(0), at(0), at(0), at(10)]
    running = [runs(9, progress=Progress(eta=at(4)))]
    assert starts([done, *running, *pending], three) == [at(0), at(0), at(4), at(10)]
    assert starts([done, *running, *pending], Abilities(worker="w1")) == [at(4), at(14), at(24), at(34)]


def test_only_workers_that_can_run_it_count() -> None:
    done = [finished(None, 600), finished(None, 1200, "large")]
    small, large = Abilities(worker="w1", benchmarks=["tiny"]), Abilities(worker="w2", benchmarks=["tiny", "large"])
    pending = [waits(1, benchmark="large"), waits(2), waits(3), waits(4, benchmark="large"), waits(5, benchmark="none")]
    result = estimates([*done, *pending], small, large)
    assert [result.of(request).start for request in pending] == [at(0), at(0), at(10), at(20), None]
    assert [result.of(request).position for request in pending] == [1, 2, 3, 4, None]
    assert result.of(pending[-1]).obstacle.startswith("No worker of this board can run it. w1: It does not serve")
    assert result.of(pending[3]).end == at(40)


def test_a_worker_in_trouble_starts_nothing() -> None:
    done, pending = finished(None, 600), [waits(1), waits(2)]
    broken, fine = Abilities(worker="w1", trouble="Its disk is full."), Abilities(worker="w2")
    assert starts([done, *pending], broken, fine) == [at(0), at(10)]
    result = estimates([done, *pending], broken)
    estimated = [result.of(request)._replace(standing=None) for request in pending]
    assert estimated == [Estimate(600, 1), Estimate(600, 2)]


def test_one_that_is_not_due_yet_lets_the_others_go_first() -> None:
    pending = [waits(1, not_before=at(30)), waits(2), waits(3)]
    result = estimates([finished(None, 600), *pending], Abilities(worker="w1"))
    assert [result.of(request).start for request in pending] == [at(30), at(0), at(10)]
    assert [result.of(request).position for request in pending] == [1, 2, 3]


def test_one_that_was_put_off_by_a_clock_that_was_ahead_is_expected_at_once() -> None:
    written_ahead = HistoryEntry(time=at(60), from_=Status.RUNNING, to=Status.PENDING, by="w")
    request = waits(1, not_before=at(65), history=[written_ahead])
    assert starts([finished(None, 600), request], Abilities(worker="w1")) == [at(0)]


def test_priority_then_time_is_the_order() -> None:
    pending = [waits(1), waits(2, priority=5.0), waits(3)]
    assert [request.model for request in in_order(pending, [], NOW)] == ["org/m2", "org/m1", "org/m3"]


def test_an_ended_request_has_no_estimate() -> None:
    done = finished(None, 600, id="f" * 16)
    assert estimates([done]).of(done) == Estimate()


# --- said everywhere


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[localhub.Running]:
    root = tmp_path_factory.mktemp("hub")
    seed(root)
    with localhub.running(root) as running:
        yield running


@pytest.fixture
def frozen(monkeypatch: pytest.MonkeyPatch) -> datetime:
    """The time that everybody who estimates sees."""
    now = datetime.now(UTC).replace(microsecond=0)

    class Frozen(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return now

    for module in ("service", "submissions.intake", "documents.queue", "documents.words", "live.look"):
        monkeypatch.setattr(f"leaderboard.{module}.datetime", Frozen)
    return now


@pytest.mark.parametrize("workers", [0, 2])
def test_the_form_the_pages_and_the_api_say_the_same(
    service: Service, api: TestClient, frozen: datetime, workers: int
) -> None:
    for number in range(workers):
        known = Abilities(worker=f"w{number}", slots=2, updated=utc(frozen))
        service.queue.store.commit({f"workers/w{number}.json": known.model_dump_json().encode()}, "What it can do")
    running = runs(900, "w0", job_start_time=utc(frozen - timedelta(minutes=2)))
    others = [finished(1.0, 600, model="org/done", id="f" * 16, revision="b" * 40), running, *map(waits, range(1, 8))]
    for request in others:
        request.submitted_time, request.schema_version = "2026-01-01T00:00:00Z", 1
        service.queue.store.commit({request_path(request): request.to_json()}, "Add")

    asked = {"benchmark": "tiny", "model": "podium-demo/tiny-base"}
    cost = api.post("/api/v1/submissions/check", json=asked).json()["cost"]
    sent = api.post("/api/v1/submissions", json=asked).json()
    answer = api.get(f"/api/v1/requests/{sent['id']}").json()
    names = ("expected_seconds", "queue_position", "expected_start", "expected_end", "expected_error")
    assert [answer[name] for name in names] == [cost[name] for name in names] and cost["queue_position"] == 8
    assert cost["expected_seconds"] > 0 and cost["expected_start"] > utc(frozen)
    assert answer in api.get("/api/v1/requests").json()["requests"]
    shown = arrange(service.queue.view(), Filters("tiny"), frozen, service.workers())
    [row] = [row for row in shown.waiting if row.request.id == sent["id"]]
    assert (row.seconds, row.position, row.expected) == tuple(cost[name] for name in names[:3])
    left = words.time_left(cost["expected_start"])
    assert f"Number 8 in the queue; expected start: {left}" in request_page.draw(service, Visit((sent["id"],)))
    assert left in queue_page.draw(service, Visit())
    assert [sent[name] for name in names] == [None] * len(names), "a submission does not read the whole queue"
