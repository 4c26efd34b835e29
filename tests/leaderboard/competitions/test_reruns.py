"""A re-run of everything: once each, whoever goes on with it, with its progress and its reason."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from leaderboard.competitions.competitions import Competitions
from leaderboard.competitions.due import DueThread
from leaderboard.competitions.reruns import Reruns
from leaderboard.errors import NotPossible
from leaderboard.queue.queue import Queue
from leaderboard.records import Failure, Fault, Status
from leaderboard.stores.local import LocalStore
from tests.leaderboard.competitions.made import Competition, benchmark

BROKEN = Failure(fault=Fault.SUBMISSION, code="bad", message="It is broken.")


def test_every_finished_submission_is_evaluated_once_more(held: Competition) -> None:
    requests = [held.submit(person) for person in ("ann", "bob", "eve")]
    pending, elsewhere = held.submit("ann", finished=False), held.submit("ann", benchmark="others")
    reruns = Reruns(held.public, held.queue, held.clock)
    rerun = reruns.start(benchmark(), "mia", "The labels of item 3 were wrong.")
    again = [held.queue.get(request.id) for request in requests]
    assert [each.status for each in again] == [Status.PENDING] * 3
    assert again[0].history[-1].by == "mia"
    assert again[0].history[-1].note == "run again with all others: The labels of item 3 were wrong."
    assert [held.queue.get(each.id).attempts for each in (pending, elsewhere)] == [0, 1]
    assert reruns.progress(rerun) == (3, 0, 0) and reruns.progress(rerun).waiting == 3
    with pytest.raises(NotPossible, match="3 of 3 submissions wait or run"):
        reruns.start(benchmark(), "mia", "Once more.")
    held.finish(again[0])
    held.queue.cancel(again[1], "bob")
    held.queue.fail(held.queue.claim(again[2], "worker", 60), BROKEN)
    assert reruns.progress(rerun) == (3, 1, 2) and reruns.progress(rerun).waiting == 0
    assert held.queue.get(requests[0].id).attempts == 2, "a new attempt: the old result is kept"
    assert len(reruns.start(benchmark(), "mia", "Once more.").requests) == 1
    [first, second] = reruns.of("pairs")
    assert (first.by, first.why, first.put_back) == ("mia", "The labels of item 3 were wrong.", True)
    assert second.put_back


def test_nothing_finished_is_nothing_to_run_again(held: Competition) -> None:
    with pytest.raises(NotPossible, match="has no finished submissions"):
        Reruns(held.public, held.queue, held.clock).start(benchmark(), "mia", "A fix.")


class Stopping(LocalStore):
    """A store whose machine stops at a commit."""

    commits_left = 10**6

    def commit(self, *arguments: Any, **more: Any) -> str:
        self.commits_left -= 1
        if self.commits_left < 0:
            raise ConnectionResetError("The machine stopped.")
        return super().commit(*arguments, **more)


def test_who_looks_next_goes_on_with_one_that_was_interrupted(
    held: Competition, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leaderboard.competitions.reruns.AT_ONCE", 2)
    requests = [held.submit("ann") for _ in range(5)]
    store = Stopping(held.root / "requests")
    store.commits_left = 1
    with pytest.raises(ConnectionResetError):
        Reruns(held.public, Queue(store, held.clock), held.clock).start(benchmark(), "mia", "A fix.")
    states = [held.queue.get(request.id).status for request in requests]
    assert states.count(Status.PENDING) == 2
    done = next(held.queue.get(each.id) for each in requests if held.queue.get(each.id).status is Status.PENDING)
    held.finish(done)
    reruns = Reruns(held.public, held.queue, held.clock)
    assert reruns.go_on("pairs") == 3
    assert reruns.go_on("pairs") == 0
    assert sorted(held.queue.get(each.id).attempts for each in requests) == [1, 1, 1, 1, 2]
    assert held.queue.get(done.id).status is Status.FINISHED, "what ran already is not put back twice"


def test_a_thread_goes_on_and_wakes_the_workers(held: Competition, monkeypatch: pytest.MonkeyPatch) -> None:
    request = held.submit("ann")
    competitions = Competitions(held.public, held.queue, lambda: held.private, held.clock)
    with monkeypatch.context() as stopped:
        stopped.setattr(Reruns, "go_on", lambda self, benchmark_id: 0)
        competitions.reruns.start(benchmark(), "mia", "A fix.")
    woken = threading.Event()
    thread = DueThread(competitions, {"pairs": benchmark()}, woken.set)
    assert woken.wait(60)
    thread.stop()
    assert held.queue.get(request.id).status is Status.PENDING
