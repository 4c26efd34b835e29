"""The scheduler: rounds at an interval, and at once when a job has ended or something was submitted."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler
from prometheus_client import CollectorRegistry

from backend import Executor
from backend.scheduler.lost import LOOK_S, LostJobs
from backend.scheduler.tick import Ticker
from backend.upkeep.models import Refresher
from leaderboard import FileStore
from leaderboard.benchmarks import Benchmark, as_shown
from leaderboard.board.contents import Contents
from leaderboard.errors import BadSettings
from leaderboard.hub.hub import Hub
from leaderboard.opening import Stores
from leaderboard.queue.queue import Queue
from leaderboard.results.results import Results
from leaderboard.settings import Settings

CLOCK_LOOK_S = 1.0
"""Seconds between two looks whether the clock was set back."""
SET_BACK_S = 1.0
"""Seconds by which it must have been."""
log = logging.getLogger(__name__)


class Scheduler:
    """Rounds of a Ticker in the background, never two at a time."""

    def __init__(self, ticker: Ticker, tick_s: float, lock: IO[str]) -> None:
        self.ticker = ticker
        self._lock_file = lock
        self._wanted = threading.Event()
        self._working = threading.Lock()
        self._round_ended = time.monotonic()
        self.ending = threading.Event()
        """Set when it is told to stop; work that takes long looks at it."""
        self._scheduler = BackgroundScheduler(timezone=UTC)
        self._job = self._scheduler.add_job(
            self._round, "interval", seconds=tick_s, max_instances=1, coalesce=True, next_run_time=datetime.now(UTC)
        )
        logging.getLogger("apscheduler.scheduler").addFilter(_not_skipped)
        ticker.executor.watch(self.wake)
        self._scheduler.start()
        threading.Thread(target=self._watch_clock, name="clock", daemon=True).start()

    def wake(self) -> None:
        """Ask for a round now; returns at once. One that is under way is followed by another."""
        self._wanted.set()
        with contextlib.suppress(JobLookupError):
            if self._scheduler.running:
                self._job.modify(next_run_time=datetime.now(UTC))

    def round_age(self) -> float:
        """Seconds since a round ended; since the start before the first one."""
        return time.monotonic() - self._round_ended

    def every(self, seconds: float, work: Callable[[], object]) -> None:
        """Do `work` in the background every `seconds`, beside the rounds and never twice at a time."""
        self._scheduler.add_job(work, "interval", seconds=seconds, max_instances=1, coalesce=True)

    def soon(self, work: Callable[[], object]) -> None:
        """Do `work` once, in the background."""
        self._scheduler.add_job(work)

    def stop(self) -> None:
        """Let the round under way end, end the jobs, give their requests back, close the executor.

        Jobs that outlive the scheduler run on, and their requests stay claimed.
        """
        if not self._scheduler.running:
            return
        self.ending.set()
        self._scheduler.shutdown(wait=True)
        with self._working:
            self.ticker.stop()
        self.ticker.executor.close()
        self._lock_file.close()

    def _watch_clock(self) -> None:
        """Do everything again at once when the clock was set back: APScheduler would wait until it is there again."""
        ahead = clock_ahead()
        while not self.ending.wait(CLOCK_LOOK_S):
            before, ahead = ahead, clock_ahead()
            if before - ahead > SET_BACK_S:
                log.warning("The clock was set back by %.0f s.", before - ahead)
                for job in self._scheduler.get_jobs():
                    with contextlib.suppress(JobLookupError):
                        job.modify(next_run_time=datetime.now(UTC))

    def _round(self) -> None:
        self._wanted.set()
        while self._wanted.is_set() and self._working.acquire(blocking=False):
            try:
                self._wanted.clear()
                self.ticker.tick()
                self._round_ended = time.monotonic()
            finally:
                self._working.release()


def start(
    settings: Settings,
    queue: Queue,
    results: Results,
    benchmarks: Mapping[str, Benchmark],
    executor: Executor,
    contents: Contents | None = None,
    registry: CollectorRegistry | None = None,
) -> Scheduler:
    """Start working on the queue, counting in `registry`. Raises BadSettings where another has the same work folder."""
    lock = _hold(settings.work_dir)
    ticker = Ticker(settings, queue, results, benchmarks, executor, contents, registry=registry)
    scheduler = Scheduler(ticker, settings.tick_s, lock)
    lost = LostJobs(ticker.jobs, ticker.claims, executor, scheduler.wake)
    scheduler.every(LOOK_S, lost.look)
    return scheduler


def start_on_stores(
    settings: Settings,
    stores: Stores,
    benchmarks: Mapping[str, Benchmark],
    executor: Executor,
    registry: CollectorRegistry | None = None,
) -> Scheduler:
    """Start working on the queue in `stores`; where commits are costly, a round gathers them. Raises BadSettings."""
    gathered = stores.gathered()
    queue, results = Queue(gathered.requests), Results(gathered.results, gathered.details)
    contents = Contents(gathered.results, queue, as_shown(benchmarks), blocks=results.blocks)
    return start(settings, queue, results, benchmarks, executor, contents, registry)


def refresh_regularly(scheduler: Scheduler, settings: Settings, store: FileStore) -> None:
    """Have `scheduler` refresh the facts in the results store, as often as the settings say; 0 for never.

    About imported models the Hub is asked at once.
    """
    if settings.refresh_s > 0:
        hub = Hub(settings.hub_endpoint, settings.token, settings.hub_timeout_s)
        refresher = Refresher(hub, store, settings.refresh_batch, ended=scheduler.ending.is_set)
        scheduler.soon(refresher.learn)
        scheduler.every(settings.refresh_s, refresher.run)


def clock_ahead() -> float:
    """Seconds by which the clock of the day, which can be set, is ahead of the monotonic one, which cannot."""
    return time.time() - time.monotonic()


def _hold(work_dir: Path) -> IO[str]:
    """Keep the work folder for this process, as long as the returned file is open."""
    work_dir.mkdir(parents=True, exist_ok=True)
    file = (work_dir / "scheduler.lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise BadSettings(
            f"Another scheduler works in {work_dir}. Give this one a folder of its own (PODIUM_WORK_DIR)."
        ) from None
    return file


def _not_skipped(record: logging.LogRecord) -> bool:
    """Leave out APScheduler's line about a round that is not started because one is under way: that is meant."""
    return "maximum number of running instances" not in record.getMessage()
