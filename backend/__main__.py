"""`python -m backend`: the scheduler as a process of its own; SIGTERM or SIGINT ends it cleanly."""

from __future__ import annotations

import logging
import signal
import sys
import threading

from backend.environment import job_environment
from backend.executors.local import LocalExecutor
from backend.scheduler import start
from leaderboard.benchmarks import load_benchmarks
from leaderboard.contents import Contents
from leaderboard.errors import PodiumError
from leaderboard.queue import Queue
from leaderboard.results import Results
from leaderboard.settings import load_settings
from leaderboard.stores.local import LocalStore


def main() -> int:
    """Work on the queue until a signal comes; 0 after a clean end, 2 when the settings do not allow a start."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
    ended = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: ended.set())
    try:
        settings = load_settings()
        benchmarks = load_benchmarks(settings.benchmarks_dir, settings.benchmark_ids)
        queue = Queue(LocalStore(settings.requests_dir))
        store = LocalStore(settings.results_dir)
        executor = LocalExecutor(settings.work_dir, job_environment(settings), settings.slots)
        try:
            scheduler = start(settings, queue, Results(store), benchmarks, executor, Contents(store, queue, benchmarks))
        except PodiumError:
            executor.close()
            raise
    except PodiumError as error:
        print(error, file=sys.stderr)
        return 2
    ended.wait()
    scheduler.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
