"""The scheduler as a process of its own (`python -m backend`); SIGTERM or SIGINT ends it cleanly."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading

os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("HF_HUB_DISABLE_XET", "1")  # read when huggingface_hub is imported; only the real Hub has Xet

from backend.executors.opening import open_executor
from backend.scheduler.loop import refresh_regularly, start_on_stores
from leaderboard.benchmarks import load_benchmarks
from leaderboard.errors import PodiumError
from leaderboard.opening import open_stores
from leaderboard.settings import load_settings
from leaderboard.stores.folders import check_folders

LOOK_S = 1.0
"""Seconds between two looks for a signal."""


def main() -> int:
    """Work on the queue until a signal comes; 0 after a clean end, 2 when the settings do not allow a start."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for chatty in ("httpx", "httpx2", "apscheduler"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    ended = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: ended.set())
    try:
        settings = load_settings()
        check_folders(settings, working=True)
        benchmarks = load_benchmarks(settings.benchmarks_dir, settings.benchmark_ids)
        stores = open_stores(settings, benchmarks)
        executor = open_executor(settings)
        try:
            scheduler = start_on_stores(settings, stores, benchmarks, executor)
        except PodiumError:
            executor.close()
            raise
    except PodiumError as error:
        print(error, file=sys.stderr)
        return 2
    refresh_regularly(scheduler, settings, stores.results)
    while not ended.wait(LOOK_S):  # without a limit it would not notice a signal that another thread took
        pass
    scheduler.stop()
    return 0
