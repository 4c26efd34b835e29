"""Submissions that organisers mark as baselines: shown among the others, without a rank of their own.

`competition/{benchmark}/baselines.json`, for everybody.
"""

from __future__ import annotations

from collections.abc import Collection

from pydantic import Field

from leaderboard import FileStore
from leaderboard.benchmarks import Benchmark
from leaderboard.competitions.decided import Clock, DecisionFile, DecisionFiles, utc_clock
from leaderboard.competitions.finished import finished_request
from leaderboard.queue.queue import Queue


class BaselineFile(DecisionFile):
    """The baselines of a benchmark."""

    baselines: list[str] = Field(default_factory=list)
    """Ids of requests."""


class Baselines:
    """The baselines of every benchmark. Safe for threads and processes."""

    def __init__(self, store: FileStore, queue: Queue, clock: Clock = utc_clock) -> None:
        self._files = DecisionFiles(store, "baselines", BaselineFile, clock)
        self._queue = queue

    def of(self, benchmark_id: str) -> Collection[str]:
        """Ids of the requests that are marked. Raises Unreadable."""
        return self._files.read(benchmark_id).baselines

    def mark(self, benchmark: Benchmark, request_id: str, is_baseline: bool, by: str, why: str = "") -> None:
        """Mark a finished submission as a baseline, or as none any more. Raises NotFound, NotPossible."""
        request = finished_request(self._queue, benchmark, request_id)

        def decide(held: BaselineFile) -> None:
            if (request_id in held.baselines) == is_baseline:
                return
            if is_baseline:
                held.baselines.append(request_id)
            else:
                held.baselines.remove(request_id)
            what = f"marked {request.model} as a baseline" if is_baseline else f"took the mark of {request.model} away"
            held.decisions.append(self._files.decision(by, what, request_id, why))

        self._files.change(benchmark.id, decide, f"Baselines of {benchmark.id}")
