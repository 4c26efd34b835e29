"""Rounds at an interval and on demand, never two at a time, and a clean end."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from backend.scheduler import loop
from backend.scheduler.loop import start
from leaderboard.errors import BadSettings
from leaderboard.records import Status
from leaderboard.settings import PROJECT
from tests.backend.conftest import Board
from tests.contracts.test_executor import until


def test_a_request_runs_without_anybody_asking(board: Board) -> None:
    settings = board.settings.model_copy(update={"tick_s": 0.05})
    scheduler = start(settings, board.queue, board.results, {"tiny": board.benchmark}, board.executor)
    request = board.submit()
    until(lambda: board.now(request).status is Status.RUNNING)
    scheduler.stop()
    assert board.now(request).status is Status.PENDING
    scheduler.stop()


def test_waking_does_not_wait_for_the_interval_and_no_wake_is_lost(board: Board) -> None:
    settings = board.settings.model_copy(update={"tick_s": 3600.0})
    scheduler = start(settings, board.queue, board.results, {"tiny": board.benchmark}, board.executor)
    rounds: list[float] = []
    together, most = 0, 0
    gate = threading.Event()

    def tick() -> None:
        nonlocal together, most
        together += 1
        most = max(most, together)
        gate.wait(10)
        rounds.append(time.monotonic())
        together -= 1

    until(lambda: board.ticker.jobs is not None and not scheduler._working.locked())
    scheduler.ticker.tick = tick  # type: ignore[method-assign]
    scheduler.wake()
    until(lambda: together == 1)
    for _ in range(20):
        scheduler.wake()
    gate.set()
    until(lambda: len(rounds) >= 2)
    scheduler.stop()
    assert most == 1


def test_rounds_go_on_when_the_clock_is_set_back(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = board.settings.model_copy(update={"tick_s": 0.2})
    ahead = 3600.0
    monkeypatch.setattr(loop, "clock_ahead", lambda: ahead)
    scheduler = start(settings, board.queue, board.results, {"tiny": board.benchmark}, board.executor)
    until(lambda: board.ticker.jobs is not None and not scheduler._working.locked())
    for job in scheduler._scheduler.get_jobs():  # as the clock that was ahead had it
        job.modify(next_run_time=datetime.now(UTC) + timedelta(hours=1))
    ahead = 0.0
    request = board.submit()
    assert until(lambda: board.now(request).status is Status.RUNNING, 30)
    scheduler.stop()


def test_two_schedulers_do_not_share_a_work_folder(board: Board) -> None:
    first = start(board.settings, board.queue, board.results, {}, board.executor)
    with pytest.raises(BadSettings, match="Another scheduler works in"):
        start(board.settings, board.queue, board.results, {}, board.executor)
    first.stop()
    start(board.settings, board.queue, board.results, {}, board.executor).stop()


def test_the_scheduler_s_process_does_without_torch() -> None:
    script = (
        "import backend.__main__, backend.evaluators, sys; [kind() for kind in backend.evaluators.EVALUATORS.values()];"
    )
    script += "print(sorted({'torch', 'transformers', 'lm_eval', 'gradio'} & sys.modules.keys()))"
    result = subprocess.run([sys.executable, "-c", script], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
