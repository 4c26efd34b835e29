"""The scheduler as a process of its own (`python -m backend`); SIGTERM or SIGINT ends it cleanly."""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import ExitStack

os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("HF_HUB_DISABLE_XET", "1")  # read when huggingface_hub is imported; only the real Hub has Xet

from prometheus_client import CollectorRegistry

from backend.evaluators import preload
from backend.executors.opening import open_executor
from backend.scheduler.loop import refresh_regularly, start_on_stores
from leaderboard.benchmarks import load_benchmarks
from leaderboard.errors import PodiumError
from leaderboard.monitoring.listener import listening
from leaderboard.monitoring.logs import set_up_logging
from leaderboard.monitoring.monitor import Monitor
from leaderboard.opening import open_stores
from leaderboard.settings import Settings, load_settings
from leaderboard.stores.folders import check_folders

LOOK_S = 1.0
"""Seconds between two looks for a signal."""


def main() -> int:
    """Work on the queue until a signal comes; 0 after a clean end, 2 when the settings do not allow a start."""
    ended = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: ended.set())
    with ExitStack() as ending:
        try:
            settings = load_settings()
            set_up_logging(settings)
            start_worker(settings, ending)
        except PodiumError as error:
            print(error, file=sys.stderr)
            return 2
        while not ended.wait(LOOK_S):  # without a limit it would not notice a signal that another thread took
            pass
    return 0


def start_worker(settings: Settings, ending: ExitStack) -> None:
    """Start the scheduler, and what tells of its health; `ending` stops them. Raises PodiumError."""
    check_folders(settings, working=True)
    benchmarks = load_benchmarks(settings.benchmarks_dir, settings.benchmark_ids)
    stores = open_stores(settings, benchmarks)
    executor, registry = open_executor(settings, preload(benchmarks.values())), CollectorRegistry()
    try:
        scheduler = start_on_stores(settings, stores, benchmarks, executor, registry)
    except PodiumError:
        executor.close()
        raise
    ending.callback(scheduler.stop)
    refresh_regularly(scheduler, settings, stores.results)
    monitor = Monitor(settings, stores, scheduler.ticker.queue, registry)
    monitor.watch_scheduler(scheduler.round_age)
    if settings.monitor_port is not None:
        ending.enter_context(listening(monitor, settings.monitor_host, settings.monitor_port))
