"""When requests will run, and for how long: the one estimate of the form, the queue page, a request's page and the API.

A run takes what the finished runs of its benchmark took that are closest in size. Workers take the waiting requests in
order, each as many at a time as it has slots and only what it can run. Pure: from requests, workers and the time.
"""

from __future__ import annotations

import heapq
import math
import statistics
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from leaderboard.queue.request_files import obstacle
from leaderboard.queue.workers import RunNeeds, nobody_runs, refusals, wanted_by
from leaderboard.records import Abilities, AnyRequest, EndedRequest, Request, Status, moment, utc

NEIGHBOURS = 5
"""How many finished runs, the closest in size, an expected time is taken from."""
SAMPLE = 50
"""How many finished runs, the last ones, it is taken from where the size is unknown."""
UNKNOWN = math.inf
"""The time at which a slot becomes free when nothing tells."""


class Estimate(NamedTuple):
    """What is expected of a request; None is unknown, or does not apply."""

    seconds: float | None = None
    """How long its run takes."""
    position: int | None = None
    """Place among those that wait and can be run; 1 is the next."""
    start: str | None = None
    """When its run starts (UTC); of one that runs, when it did."""
    end: str | None = None
    """When its run ends (UTC)."""
    obstacle: str = ""
    """Why nobody can run it while it waits, in sentences."""


class Estimates:
    """The estimates of every request of a queue at one moment."""

    def __init__(
        self,
        requests: Sequence[Request],
        workers: Sequence[Abilities],
        now: datetime,
        durations: Durations | None = None,
    ) -> None:
        """`durations`: of the finished runs, where they are known already; otherwise those among `requests`."""
        self._durations = durations or Durations(requests)
        self._now = now.timestamp()
        self._known: dict[str, Estimate] = {}
        running = [request for request in requests if request.status is Status.RUNNING]
        for request in running:
            start = moment(request.job_start_time)
            end = self._end(request)
            self._known[request.id] = Estimate(
                self._durations.expected(request), None, utc(start) if start else None, _time(end)
            )
        self._slots = Slots(workers, [(_holder(request), self._end(request)) for request in running], self._now)
        self._foresee([request for request in requests if request.status is Status.PENDING], workers)

    def of(self, request: Request) -> Estimate:
        """What is expected of `request`; nothing of one that has ended."""
        return self._known.get(request.id, Estimate())

    def _foresee(self, pending: Iterable[Request], workers: Sequence[Abilities]) -> None:
        """Let the workers take the waiting requests, in order, as their slots become free."""
        reasons: dict[RunNeeds, str] = {}
        later, position = [], 0
        for request in in_order(pending):
            wanted = wanted_by(request)
            if wanted not in reasons:
                reasons[wanted] = nobody_runs(request, workers)
            reason = obstacle(request) or reasons[wanted]
            if reason:
                self._known[request.id] = Estimate(obstacle=reason)
                continue
            position += 1
            earliest = moment(request.not_before)
            if earliest is not None and earliest.timestamp() > self._now:
                later.append((request, position, earliest.timestamp()))
            else:
                self._known[request.id] = self._taken(request, position, self._now)
        for request, place, at in later:  # meanwhile the others run
            self._known[request.id] = self._taken(request, place, at)

    def _taken(self, request: Request, position: int, earliest: float) -> Estimate:
        seconds = self._durations.expected(request)
        start, end = self._slots.take(wanted_by(request), earliest, UNKNOWN if seconds is None else seconds)
        return Estimate(seconds, position, _time(start), _time(end))

    def _end(self, request: Request) -> float:
        """When a running request ends: as its job says, or after the usual time; never in the past."""
        told = moment(request.progress.eta) if request.progress else None
        if told is not None:
            return max(self._now, told.timestamp())
        started, seconds = moment(request.job_start_time), self._durations.expected(request)
        if seconds is None:
            return UNKNOWN
        return max(self._now, (started.timestamp() if started else self._now) + seconds)


class Slots:
    """When the slots of each worker become free."""

    def __init__(self, workers: Sequence[Abilities], running: Sequence[tuple[str, float]], now: float) -> None:
        """`running`: the worker and the end of every run. Workers that are not registered count if no others are."""
        ends: dict[str, list[float]] = defaultdict(list)
        for worker, end in running:
            ends[worker].append(end)
        self._workers = list(workers) or [Abilities(worker=name) for name in ends] or [Abilities(worker="")]
        self._free = [_slots(worker, ends.get(worker.worker, []), now) for worker in self._workers]
        self._able: dict[RunNeeds, list[list[float]]] = {}

    def take(self, wanted: RunNeeds, earliest: float, seconds: float) -> tuple[float, float]:
        """Start and end of a run in the slot that is free first, of workers that can run it and are not in trouble."""
        if wanted not in self._able:
            self._able[wanted] = [
                free
                for worker, free in zip(self._workers, self._free, strict=True)
                if not worker.trouble and not refusals(worker, wanted)
            ]
        free = min(self._able[wanted], key=lambda slots: slots[0], default=None)
        if free is None:
            return UNKNOWN, UNKNOWN
        start = max(free[0], earliest)
        heapq.heapreplace(free, start + seconds)
        return start, start + seconds


class Durations:
    """How long the finished runs of each benchmark took."""

    def __init__(self, requests: Iterable[AnyRequest]) -> None:
        runs: dict[str, list[tuple[AnyRequest, float]]] = defaultdict(list)
        for request in requests:
            if seconds := run_seconds(request):
                runs[request.benchmark].append((request, seconds))
        self._usual = {benchmark: _usual(finished) for benchmark, finished in runs.items()}
        self._sized = {
            benchmark: sorted((math.log(params), seconds) for params, seconds in map(_sized, finished) if params)
            for benchmark, finished in runs.items()
        }
        self._expected: dict[tuple[str, float | None], float | None] = {}

    def expected(self, request: Request) -> float | None:
        """Seconds that a run of `request` takes: the median of the runs closest in size, each scaled to its size.

        Where its size is unknown, or none is known of the runs, the median of the last ones. None without any.
        """
        key = request.benchmark, request.params
        if key not in self._expected:
            self._expected[key] = self._scaled(*key)
        return self._expected[key]

    def _scaled(self, benchmark: str, params: float | None) -> float | None:
        sized = self._sized.get(benchmark, [])
        if not params or not 0 < params < math.inf or not sized:
            return self._usual.get(benchmark)
        size = math.log(params)
        at = bisect_left(sized, (size, 0.0))
        near = sized[max(0, at - NEIGHBOURS) : at + NEIGHBOURS]
        near.sort(key=lambda run: abs(run[0] - size))
        return statistics.median(seconds * math.exp(size - other) for other, seconds in near[:NEIGHBOURS])


def in_order(pending: Iterable[Request]) -> list[Request]:
    """Waiting requests in the order in which they are claimed."""
    return sorted(pending, key=lambda request: (-request.priority, request.submitted_time, request.id))


def hindrance(request: Request, workers: Sequence[Abilities]) -> str:
    """Why nobody can run a waiting request, in sentences; empty when a worker can."""
    return obstacle(request) or nobody_runs(request, workers)


def run_seconds(request: AnyRequest) -> float | None:
    """From start to end of the run that finished the request, None when it did not finish."""
    if isinstance(request, EndedRequest):
        return request.seconds
    entries = request.history
    if request.status is not Status.FINISHED or len(entries) < 2 or entries[-1].to is not Status.FINISHED:
        return None
    start, end = moment(entries[-2].time), moment(entries[-1].time)
    if start is None or end is None:
        return None
    return max((end - start).total_seconds(), 0.0) or None


def ended_at(request: AnyRequest) -> str:
    """When it came to its present state (UTC); empty when its file does not say."""
    if isinstance(request, EndedRequest):
        return request.ended_time
    return request.history[-1].time if request.history else request.job_start_time or request.submitted_time


def _sized(run: tuple[AnyRequest, float]) -> tuple[float | None, float]:
    """Size and seconds of a finished run; None for a size that is unknown."""
    params = run[0].params
    return (params if params and 0 < params < math.inf else None), run[1]


def _usual(finished: Sequence[tuple[AnyRequest, float]]) -> float:
    """Median of the last runs."""
    last = heapq.nlargest(SAMPLE, finished, key=lambda run: ended_at(run[0]))
    return statistics.median(seconds for _, seconds in last)


def _slots(worker: Abilities, ends: Sequence[float], now: float) -> list[float]:
    """When each slot of `worker` becomes free, as a heap; it has as many as it says, and no fewer than it uses."""
    free = [*ends, *[now] * max(0, max(worker.slots or 1, len(ends)) - len(ends))]
    heapq.heapify(free)
    return free


def _holder(request: Request) -> str:
    """The worker that runs it; empty when its file does not say."""
    return request.lease.worker if request.lease else ""


def _time(timestamp: float) -> str | None:
    """A time as our files write it; None where it is unknown."""
    return None if timestamp == UNKNOWN else utc(datetime.fromtimestamp(timestamp, UTC))
