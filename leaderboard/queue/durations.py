"""How long runs take, from those that finished, and how far off that was. Pure."""

from __future__ import annotations

import heapq
import math
import statistics
from bisect import bisect_left, insort
from collections import defaultdict, deque
from collections.abc import Iterable
from functools import cached_property
from typing import NamedTuple

from leaderboard.records import AnyRequest, EndedRequest, Status, ended_at, moment

NEIGHBOURS = 5
"""How many finished runs, the closest in size, an expected time is taken from."""
SAMPLE = 50
"""How many finished runs, the last ones, it is taken from where the size is unknown; as many estimates are judged."""
HISTORY = 500
"""How many finished runs of a benchmark are looked at, the last ones."""
FEWEST = 10
"""With fewer judged estimates their error is unknown."""


class FinishedRun(NamedTuple):
    """A run that finished, in seconds since 1970."""

    start: float
    end: float
    benchmark: str
    params: float | None
    """Billions of parameters; None where that is unknown."""

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.end - self.start


class Accuracy(NamedTuple):
    """How far off the estimates of how long runs take were."""

    error: float | None = None
    """Half of them were off by at most this share of the time that the run took; None while too few are known."""
    runs: int = 0
    """How many were judged."""


class Durations:
    """How long the finished runs of each benchmark took."""

    def __init__(self, runs: Iterable[FinishedRun] = ()) -> None:
        """`runs`: in the order in which they ended."""
        self._last: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=SAMPLE))
        self._sized: dict[str, list[tuple[float, int, float]]] = defaultdict(list)
        """Benchmark -> logarithm of the size, number and seconds of each run, by size and then in their order."""
        self._expected: dict[tuple[str, float | None], float | None] = {}
        for run in runs:
            self.add(run)

    def add(self, run: FinishedRun) -> None:
        """Take in a run; it ended after those before."""
        self._last[run.benchmark].append(run.seconds)
        if run.params:
            sized = self._sized[run.benchmark]
            insort(sized, (math.log(run.params), len(sized), run.seconds))
        self._expected.clear()

    def expected(self, benchmark: str, params: float | None) -> float | None:
        """Seconds that a run takes: the median of the runs closest in size, the last ones, each scaled to its size.

        Where its size is unknown, or none is known of the runs, the median of the last ones. None without any.
        """
        key = benchmark, params
        if key not in self._expected:
            self._expected[key] = self._scaled(*key)
        return self._expected[key]

    def _scaled(self, benchmark: str, params: float | None) -> float | None:
        sized = self._sized.get(benchmark, [])
        if not _known(params) or not sized:
            last = self._last.get(benchmark)
            return statistics.median(last) if last else None
        size = math.log(params or 1.0)
        at = bisect_left(sized, (size, len(sized), 0.0))
        near = sized[max(0, at - NEIGHBOURS) : at + NEIGHBOURS]
        near.sort(key=lambda run: abs(run[0] - size))
        return statistics.median(seconds * math.exp(size - other) for other, _, seconds in near[:NEIGHBOURS])


class PastRuns:
    """The runs that finished the requests of a queue, and what they tell of the next ones."""

    def __init__(self, requests: Iterable[AnyRequest]) -> None:
        """`requests`: those that have ended and any others, the last end first."""
        self._runs = finished_runs(requests)
        self.durations = Durations(self._runs)

    @cached_property
    def accuracy(self) -> Accuracy:
        """How far off the last estimates of how long a run takes were."""
        return accuracy(self._runs)


def finished_runs(requests: Iterable[AnyRequest]) -> list[FinishedRun]:
    """The last runs of each benchmark that finished their requests, in the order in which they ended.

    `requests`: the last end first.
    """
    last: dict[str, list[FinishedRun]] = defaultdict(list)
    for request in requests:
        if request.status is Status.FINISHED and len(last[request.benchmark]) < HISTORY:
            run = finished_run(request)
            if run is not None:
                last[request.benchmark].append(run)
    return sorted((run for runs in last.values() for run in runs), key=lambda run: run.end)


def finished_run(request: AnyRequest) -> FinishedRun | None:
    """The run that finished the request; None when it did not finish, or its file does not say how long that took."""
    end, seconds = moment(ended_at(request)), run_seconds(request)
    if end is None or seconds is None:
        return None
    params = request.params if _known(request.params) else None
    return FinishedRun(end.timestamp() - seconds, end.timestamp(), request.benchmark, params)


def run_seconds(request: AnyRequest) -> float | None:
    """How long the run took that finished the request; None when it did not finish, or its file does not say."""
    if isinstance(request, EndedRequest):
        return request.seconds
    entries = request.history
    if request.status is not Status.FINISHED or len(entries) < 2 or entries[-1].to is not Status.FINISHED:
        return None
    start, end = moment(entries[-2].time), moment(entries[-1].time)
    return (end - start).total_seconds() if start and end and end > start else None


def accuracy(runs: Iterable[FinishedRun]) -> Accuracy:
    """How far off the last estimates were, each made when its run began from the runs that had ended by then."""
    by_end = deque(sorted(runs, key=lambda run: run.end))
    known, errors = Durations(), list[tuple[float, float]]()
    for run in sorted(by_end, key=lambda run: run.start):
        while by_end[0].end <= run.start:
            known.add(by_end.popleft())
        expected = known.expected(run.benchmark, run.params)
        if expected is not None:
            errors.append((run.end, abs(expected - run.seconds) / run.seconds))
    last = [error for _, error in heapq.nlargest(SAMPLE, errors)]
    return Accuracy(statistics.median(last) if len(last) >= FEWEST else None, len(last))


def _known(params: float | None) -> bool:
    return params is not None and 0 < params < math.inf
