"""When requests will run, and for how long: the one estimate of the form, the queue page, a request's page and the API.

A run takes what the finished runs of its benchmark took that are closest in size. Workers take the waiting requests in
order, each as many at a time as it has slots and only what it can run. Pure: from requests, workers and the time.
"""

from __future__ import annotations

import heapq
import math
import threading
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from leaderboard.queue.durations import Accuracy, PastRuns
from leaderboard.queue.priority import Standing, rank
from leaderboard.queue.request_files import obstacle
from leaderboard.queue.retries import waits_until
from leaderboard.queue.view import QueueView
from leaderboard.queue.workers import RunNeeds, nobody_runs, refusals, wanted_by
from leaderboard.records import Abilities, Request, Status, ended_at, moment, utc

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
    standing: Standing | None = None
    """What put it at its place among those that wait."""


class Estimates:
    """The estimates of every request of a queue at one moment."""

    def __init__(
        self, requests: Sequence[Request], workers: Sequence[Abilities], now: datetime, past: PastRuns | None = None
    ) -> None:
        """`requests`: at least those that wait and run. `past`: the finished runs; None for those of `requests`."""
        self._past = PastRuns(sorted(requests, key=ended_at, reverse=True)) if past is None else past
        self._now = now.timestamp()
        self._known: dict[str, Estimate] = {}
        running = [request for request in requests if request.status is Status.RUNNING]
        for request in running:
            start = moment(request.job_start_time)
            end = self._end(request)
            self._known[request.id] = Estimate(self._expected(request), None, utc(start) if start else None, _time(end))
        self._slots = Slots(workers, [(_holder(request), self._end(request)) for request in running], self._now)
        waiting = [request for request in requests if request.status is Status.PENDING]
        for request in waiting:
            if reason := obstacle(request):
                self._known[request.id] = Estimate(obstacle=reason)
        self._foresee(rank((request for request in waiting if not obstacle(request)), running, now), workers, now)

    def of(self, request: Request) -> Estimate:
        """What is expected of `request`; nothing of one that has ended."""
        return self._known.get(request.id, Estimate())

    @property
    def accuracy(self) -> Accuracy:
        """How far off the last estimates of how long a run takes were."""
        return self._past.accuracy

    def _expected(self, request: Request) -> float | None:
        return self._past.durations.expected(request.benchmark, request.params)

    def _foresee(self, standings: Iterable[Standing], workers: Sequence[Abilities], now: datetime) -> None:
        """Let the workers take the waiting requests, in order, as their slots become free."""
        reasons: dict[RunNeeds, str] = {}
        later, position = [], 0
        for standing in standings:
            request = standing.request
            wanted = wanted_by(request)
            if wanted not in reasons:
                reasons[wanted] = nobody_runs(request, workers)
            if reasons[wanted]:
                self._known[request.id] = Estimate(obstacle=reasons[wanted], standing=standing)
                continue
            position += 1
            until = waits_until(request, now)
            if until is not None:
                later.append((standing, position, until.timestamp()))
            else:
                self._known[request.id] = self._taken(standing, position, self._now)
        for standing, place, at in later:  # meanwhile the others run
            self._known[standing.request.id] = self._taken(standing, place, at)

    def _taken(self, standing: Standing, position: int, earliest: float) -> Estimate:
        request = standing.request
        seconds = self._expected(request)
        start, end = self._slots.take(wanted_by(request), earliest, UNKNOWN if seconds is None else seconds)
        return Estimate(seconds, position, _time(start), _time(end), standing=standing)

    def _end(self, request: Request) -> float:
        """When a running request ends: as its job says, or after the usual time; never in the past."""
        told = moment(request.progress.eta) if request.progress else None
        if told is not None:
            return max(self._now, told.timestamp())
        started, seconds = moment(request.job_start_time), self._expected(request)
        if seconds is None:
            return UNKNOWN
        return max(self._now, (started.timestamp() if started else self._now) + seconds)


class CurrentEstimates:
    """The estimates of a queue as of now; who asks within a second for the same view gets the same. For threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked: tuple[QueueView, Sequence[Abilities], datetime] | None = None
        self._estimates: Estimates | None = None

    def get(self, view: QueueView, workers: Sequence[Abilities], now: datetime) -> Estimates:
        """The estimates of the requests in `view`, at `now` to the second."""
        asked = view, workers, now.replace(microsecond=0)
        with self._lock:
            if self._estimates is None or asked != self._asked:
                self._asked, self._estimates = asked, Estimates(view.open, *asked[1:], view.ended.past)
            return self._estimates


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


def hindrance(request: Request, workers: Sequence[Abilities]) -> str:
    """Why nobody can run a waiting request, in sentences; empty when a worker can."""
    return obstacle(request) or nobody_runs(request, workers)


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
