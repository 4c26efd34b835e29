"""A request that another process cancels: its job is ended at once, whenever the next round is due."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from backend.scheduler.loop import start
from backend.scheduler.lost import LostJobs
from leaderboard.records import Status
from leaderboard.settings import PROJECT
from tests.backend.conftest import Board
from tests.contracts.test_executor import until

CANCEL = """
import sys
from pathlib import Path
from leaderboard.queue.queue import Queue
from leaderboard.stores.local import LocalStore
queue = Queue(LocalStore(Path(sys.argv[1])))
queue.cancel(queue.get(sys.argv[2]), "ada", "withdrawn")
"""
"""What a front end in a process of its own does."""


def test_a_job_ends_when_another_process_cancels_its_request(board: Board, tmp_path: Path) -> None:
    settings = board.settings.model_copy(update={"tick_s": 3600.0})
    request = board.submit()
    scheduler = start(settings, board.queue, board.results, {"tiny": board.benchmark}, board.executor)
    try:
        until(lambda: scheduler.ticker.jobs and board.now(request).job_id)
        (handle,) = scheduler.ticker.jobs
        subprocess.run([sys.executable, "-c", CANCEL, tmp_path / "requests", request.id], cwd=PROJECT, check=True)
        until(lambda: not scheduler.ticker.jobs)  # a round at the interval would come in an hour
        assert board.executor.cancelled[0] == handle
        assert board.now(request).status is Status.CANCELLED
    finally:
        scheduler.stop()


def test_jobs_that_are_still_ours_run_on_and_a_silent_store_ends_none(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = board.submit()
    handle, _ = board.run_one(request)
    woken: list[bool] = []
    lost = LostJobs(board.ticker.jobs, board.ticker.claims, board.executor, lambda: woken.append(True))
    lost.look()
    with monkeypatch.context() as broken:
        broken.setattr(board.queue, "view", lambda: (_ for _ in ()).throw(OSError("no answer")))
        board.queue.cancel(request, "ada")
        lost.look()
    assert not board.executor.cancelled and not woken
    lost.look()
    assert board.executor.cancelled == [handle] and woken
    board.ticker.tick()
    assert not board.ticker.jobs
    lost.look()
    assert len(woken) == 1
