"""Claims that the Hub carried out and the worker did not learn of, and claims that lost their jobs: none waits."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from pydantic import SecretStr

import localhub
from backend.scheduler.tick import Ticker
from backend.workdir import Workdir
from leaderboard.benchmarks import Benchmark, Column, Part
from leaderboard.opening import open_stores
from leaderboard.queue.queue import Queue
from leaderboard.records import Request, Status
from leaderboard.results.results import Results
from leaderboard.settings import Settings
from localhub import Fault
from tests.backend.conftest import Board, ToldExecutor

TOKEN = "hf_board_token"
COLUMN = Column(key="sums", title="Sums", run=["sums"], parts=[Part(task="sums", metrics=["acc,none"])])
BENCHMARKS = {"tiny": Benchmark(id="tiny", version="1", title="Tiny", description="Small.", columns=[COLUMN])}
LOST_ANSWERS = [Fault("lost-answer"), Fault("500", path="/resolve/")]
"""Commits are carried out and not confirmed, and what they wrote cannot be read."""


class Site:
    """A worker on a Hub, with a request that waits."""

    def __init__(self, hub: localhub.Running, folder: Path) -> None:
        self.faults = hub.faults
        settings = Settings(
            store="hub", hub_namespace="board", hub_endpoint=hub.endpoint, hub_token=SecretStr(TOKEN), worker="w1",
            work_dir=folder / "work", hub_look_s=0.0,
        )  # fmt: skip
        stores = open_stores(settings, BENCHMARKS)
        gathered = stores.gathered()
        self.executor = ToldExecutor()
        results = Results(gathered.results, gathered.details)
        self.ticker = Ticker(settings, Queue(gathered.requests), results, BENCHMARKS, self.executor)
        self.ticker.tick()
        self.others = Queue(
            open_stores(settings.model_copy(update={"work_dir": folder / "other"}), BENCHMARKS).requests
        )
        self.request = self.others.submit(Request(model="org/model", revision="a" * 40, benchmark="tiny", sender="ann"))
        assert len(self.ticker.queue.view()) == 1

    def now(self) -> Request:
        return self.others.get(self.request.id)

    def claim_without_answer(self) -> str:
        """A round in which the Hub carries out the claim; the claim."""
        self.faults.set(LOST_ANSWERS)
        self.ticker.tick()
        self.faults.set([])
        claimed = self.now()
        assert claimed.status is Status.RUNNING and claimed.lease and not self.ticker.jobs
        return claimed.lease.claim

    def job_of(self, request: Request) -> bool:
        """Whether the only job is that of the request's present claim."""
        [job] = self.ticker.jobs.values()
        return request.lease is not None and job.claim == request.lease.claim


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    clock = SimpleNamespace(time=time.time, monotonic=time.monotonic, sleep=lambda seconds: None)
    monkeypatch.setattr("leaderboard.stores.hub.time", clock)
    monkeypatch.setattr("huggingface_hub.utils._http.time", clock)
    monkeypatch.setattr("leaderboard.stores.hub.TRIES", 3)
    with localhub.running(tmp_path / "hub", tokens={"owner": TOKEN}) as running:
        running.hub.accounts.add_organization("board", {"owner": "admin"})
        yield Site(running, tmp_path)


def test_an_unconfirmed_claim_is_taken_up(site: Site) -> None:
    claim = site.claim_without_answer()
    site.ticker.tick()
    running = site.now()
    assert running.lease and running.lease.claim == claim and running.attempts == 1
    assert site.job_of(running)


def test_an_unconfirmed_claim_is_given_back_where_no_slot_is_free(site: Site) -> None:
    site.claim_without_answer()
    site.executor.free = 0
    site.ticker.tick()
    back = site.now()
    assert (back.status, back.failed_attempts, back.not_before, back.failure) == (Status.PENDING, 0, None, None)
    assert back.history[-1].note == "no job of w1 runs it"
    site.executor.free = 1
    site.ticker.tick()
    assert site.now().status is Status.RUNNING and site.job_of(site.now())


def test_a_worker_that_stops_gives_back_an_unconfirmed_claim(site: Site) -> None:
    site.claim_without_answer()
    site.ticker.stop()
    assert site.now().status is Status.PENDING


def test_an_unconfirmed_claim_that_others_have_taken_is_left_to_them(site: Site) -> None:
    site.claim_without_answer()
    site.others.relaunch(site.others.cancel(site.now(), "ann"), "ann")
    theirs = site.others.claim(site.now(), "w2", 600)
    for free in (1, 0):
        site.executor.free = free
        site.ticker.tick()
        assert site.now().lease == theirs.lease and not site.ticker.jobs


def test_a_job_that_was_dropped_while_its_claim_holds_is_begun_again(site: Site) -> None:
    """As after an answer of the Hub that was a moment old."""
    site.ticker.tick()
    [(handle, job)] = site.ticker.jobs.items()
    site.ticker._jobs._drop(handle, job)
    site.ticker.tick()
    again = site.now()
    assert again.status is Status.RUNNING and again.attempts == 2 and again.failed_attempts == 0
    assert handle in site.executor.cancelled and site.job_of(again)


def test_a_job_whose_handle_cannot_be_kept_is_followed(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the request would be given back while its job runs."""
    monkeypatch.setattr(Workdir, "set_handle", raising(OSError(errno.ENOSPC, "No space left on device")))
    request = board.submit()
    for _ in range(2):
        board.ticker.tick()
    [job] = board.ticker.jobs.values()
    assert job.request.id == request.id and board.now(request).attempts == 1


def raising(error: Exception) -> Callable[..., None]:
    def fail(*_: object) -> None:
        raise error

    return fail
