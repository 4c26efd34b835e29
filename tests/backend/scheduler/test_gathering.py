"""A scheduler whose commits wait for the end of a step: how many it makes, and what happens when they come too late."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from backend.scheduler.tick import Ticker
from backend.workdir import Workdir
from leaderboard.board.contents import Contents
from leaderboard.errors import HubUnavailable
from leaderboard.queue.queue import Queue
from leaderboard.records import Progress, Request, Status
from leaderboard.results.results import Results
from leaderboard.stores.batched import BatchedStore
from leaderboard.stores.local import LocalStore
from tests.backend.conftest import Board, ToldExecutor


class Watched(LocalStore):
    """A folder that keeps the messages of its commits, and refuses them when told to."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.messages: list[str] = []
        self.down = False

    def commit(
        self, changes: Mapping[str, bytes | None], message: str, expected: Mapping[str, str | None] | None = None
    ) -> str:
        if self.down:
            raise HubUnavailable("The Hub has trouble of its own.", 1)
        version = super().commit(changes, message, expected)
        self.messages.append(message)
        return version


class GatheringBoard(Board):
    """A board as on the Hub: others see the stores, the scheduler gathers what it writes to them."""

    def __init__(self, folder: Path) -> None:
        self.requests_store, self.results_store = Watched(folder / "requests"), Watched(folder / "results")
        super().__init__(folder)

    def new_ticker(self) -> Ticker:
        self.executor = ToldExecutor(self.executor.free)
        benchmarks = {"tiny": self.benchmark}
        queue = Queue(BatchedStore(self.requests_store), clock=self.clock.utc, elapsed=self.clock.monotonic)
        gathered = BatchedStore(self.results_store)
        contents = Contents(gathered, queue, benchmarks)
        self.ticker = Ticker(
            self.settings, queue, Results(gathered), benchmarks, self.executor, contents, self.clock.monotonic
        )
        return self.ticker

    def run_one(self, request: Request) -> tuple[str, Workdir]:
        """Tick until the request's job runs; its handle and folder. The request does not name the job yet."""
        self.ticker.tick()
        current = self.now(request)
        assert current.status is Status.RUNNING
        return next((handle, job.workdir) for handle, job in self.ticker.jobs.items() if job.request.id == request.id)

    def commits(self) -> list[str]:
        """Messages since the last time, of requests and of results."""
        answer = [*self.requests_store.messages, *self.results_store.messages]
        self.requests_store.messages.clear()
        self.results_store.messages.clear()
        return answer


@pytest.fixture
def board(tmp_path: Path) -> GatheringBoard:
    made = GatheringBoard(tmp_path)
    made.executor.free = 2
    return made


def test_the_end_of_one_request_goes_with_the_claim_of_the_next(board: GatheringBoard) -> None:
    board.executor.free = 1
    first = board.submit("first")
    board.clock.pass_(1)
    second = board.submit("second")
    handle, workdir = board.run_one(first)
    board.commits()
    board.succeed(handle, workdir)
    board.ticker.tick()
    assert board.commits() == ["Claim org/second", "Publish results of 1 requests"]
    assert [board.now(item).status for item in (first, second)] == [Status.FINISHED, Status.RUNNING]
    board.ticker.tick()
    assert board.commits() == []


def test_what_a_round_publishes_and_renews_is_one_commit_each(board: GatheringBoard) -> None:
    requests = [board.submit(name) for name in ("first", "second")]
    jobs = [board.run_one(item) for item in requests]
    board.commits()
    board.clock.pass_(board.settings.progress_s)
    for _, workdir in jobs:
        workdir.write_progress(Progress(task="sums", done=1, total=2))
    board.ticker.tick()
    assert board.commits() == ["Renew leases"]
    for handle, workdir in jobs:
        board.succeed(handle, workdir)
    board.ticker.tick()
    assert board.commits() == ["What became of requests", "Publish results of 2 requests"]
    assert {board.now(request).status for request in requests} == {Status.FINISHED}


def test_results_that_could_not_be_written_are_tried_again(board: GatheringBoard) -> None:
    request = board.submit()
    handle, workdir = board.run_one(request)
    board.succeed(handle, workdir)
    board.results_store.down = True
    for _ in range(3):
        board.ticker.tick()
    assert board.now(request).status is Status.RUNNING and not board.results_store.list("tiny/")
    board.results_store.down = False
    board.ticker.tick()
    assert board.now(request).status is Status.FINISHED and len(board.results_store.list("tiny/")) == 1


def test_an_end_that_could_not_be_written_is_written_later(board: GatheringBoard) -> None:
    request = board.submit()
    handle, workdir = board.run_one(request)
    board.ticker.queue.flush("what waits")
    board.succeed(handle, workdir)
    board.requests_store.down = True
    board.ticker.tick()
    assert board.now(request).status is Status.RUNNING and len(board.results_store.list("tiny/")) == 1
    board.requests_store.down = False
    board.ticker.tick()
    assert board.now(request).status is Status.FINISHED and len(board.results_store.list("tiny/")) == 1


def test_nothing_is_published_under_a_lease_that_could_not_be_renewed(board: GatheringBoard) -> None:
    request = board.submit()
    handle, workdir = board.run_one(request)
    board.succeed(handle, workdir)
    board.clock.pass_(board.settings.lease_s)
    board.requests_store.down = True
    board.ticker.tick()
    assert not board.results_store.list("tiny/")
    board.requests_store.down = False
    Queue(board.requests_store, clock=board.clock.utc, elapsed=board.clock.monotonic).reap()
    other = board.queue.claim(board.now(request), "w2", 120)
    for _ in range(2):
        board.ticker.tick()
    assert not board.results_store.list("tiny/") and board.now(request).lease == other.lease
    assert not board.ticker.jobs


def test_a_cancelled_request_stays_cancelled(board: GatheringBoard) -> None:
    request = board.submit()
    handle, workdir = board.run_one(request)
    board.succeed(handle, workdir)
    board.requests_store.down = True
    board.ticker.tick()
    board.requests_store.down = False
    board.queue.cancel(request, "someone")
    for _ in range(2):
        board.ticker.tick()
    assert board.now(request).status is Status.CANCELLED and not board.ticker.jobs


def test_a_claim_that_could_not_be_written_is_dropped(board: GatheringBoard) -> None:
    request = board.submit()
    board.requests_store.down = True
    board.ticker.tick()
    board.requests_store.down = False
    assert board.ticker.queue.get(request.id).status is Status.PENDING and not board.ticker.jobs
    assert (
        Queue(board.requests_store, clock=board.clock.utc, elapsed=board.clock.monotonic)
        .claim(request, "w2", 120)
        .attempts
        == 1
    )


def test_a_claim_whose_answer_was_lost_is_taken_up(board: GatheringBoard, monkeypatch: pytest.MonkeyPatch) -> None:
    board.ticker.tick()
    request, commit = board.submit(), board.requests_store.commit

    def lose_the_answer(*answer: Any) -> str:
        commit(*answer)
        raise HubUnavailable("The Hub gave no usable answer.", 1)

    monkeypatch.setattr(board.requests_store, "commit", lose_the_answer)
    board.ticker.tick()
    monkeypatch.undo()
    claimed = board.now(request)
    assert claimed.status is Status.RUNNING and not board.ticker.jobs
    board.ticker.tick()
    [job] = board.ticker.jobs.values()
    assert job.request.lease and claimed.lease and job.request.lease.claim == claimed.lease.claim
    board.succeed(*board.run_one(request))
    board.ticker.tick()
    assert board.now(request).status is Status.FINISHED and len(board.results_store.list("tiny/")) == 1
