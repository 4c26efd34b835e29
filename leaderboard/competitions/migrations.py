"""Phases that take over the submissions of the phase before (`auto_migrate`): each is submitted to them once more.

`competition/{benchmark}/migrations.json`, for everybody: which phases have taken over everything. Any number of
processes may look at the same time: the id and the place of each new request follow from the old one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from itertools import pairwise

from pydantic import Field

from leaderboard import FileStore
from leaderboard.benchmarks import Benchmark
from leaderboard.benchmarks.bundle_rules import BundlePhase
from leaderboard.competitions.decided import Clock, DecisionFile, DecisionFiles, utc_clock
from leaderboard.errors import Conflict, Unreadable
from leaderboard.queue.queue import Queue
from leaderboard.queue.retries import PODIUM
from leaderboard.records import OPEN, HistoryEntry, NamedRequest, Request, Status, request_path, utc

KEPT = (
    "kind", "benchmark", "model", "revision", "sender", "sender_org", "team", "disclosure", "terms", "license",
    "params", "requested_revision", "description", "local_scores", "artifact", "models",
)  # fmt: skip
"""Fields of a request that the one in the next phase has too."""


class MigrationFile(DecisionFile):
    """The phases of a benchmark that have taken over the submissions of the phase before."""

    done: list[str] = Field(default_factory=list)
    """Their tracks."""


class Migrations:
    """The migrations of every benchmark. Safe for threads and processes."""

    def __init__(self, store: FileStore, queue: Queue, clock: Clock = utc_clock) -> None:
        self._files = DecisionFiles(store, "migrations", MigrationFile, clock)
        self._queue = queue

    def done(self, benchmark_id: str) -> list[str]:
        """Tracks of the phases that have taken over everything. Raises Unreadable."""
        return self._files.read(benchmark_id).done

    def go_on(self, benchmark: Benchmark) -> int:
        """Submit what phases that have begun take over and do not have yet; how many that were.

        A phase is done with once nothing of the one before waits or runs any more. Raises Unreadable, Infrastructure.
        """
        return sum(self._migrate(benchmark, before, phase) for before, phase in self._due(benchmark))

    def _due(self, benchmark: Benchmark) -> Iterator[tuple[BundlePhase, BundlePhase]]:
        """The phases that take over and have begun, each with the one before."""
        phases = benchmark.bundle.phases if benchmark.bundle else []
        if not any(phase.auto_migrate for phase in phases):
            return
        done, now = self.done(benchmark.id), self._files.now()
        for before, phase in pairwise(phases):
            if phase.auto_migrate and phase.track not in done and _begun(before, phase, now):
                yield before, phase

    def _migrate(self, benchmark: Benchmark, before: BundlePhase, phase: BundlePhase) -> int:
        view = self._queue.view()
        theirs = [each for each in view if each.benchmark == benchmark.id and each.track == before.track]
        complete = not any(each.status in OPEN for each in theirs)
        missing = [
            each for each in theirs if each.status is Status.FINISHED and new_id_of(phase, each.id) not in view.by_id
        ]
        for request in view.in_full(missing):
            if isinstance(request, NamedRequest):
                self._submit(request, before, phase)
        if complete:
            self._close(benchmark, phase, sum(each.status is Status.FINISHED for each in theirs))
        return len(missing)

    def _submit(self, request: NamedRequest, before: BundlePhase, phase: BundlePhase) -> None:
        """Submit it to a phase, at the first place that is free, unless that was done."""
        fresh = _next(request, before, phase, utc(self._files.now()))
        while True:
            fresh.number += 1
            path = request_path(fresh)
            try:
                self._queue.store.commit({path: fresh.to_json()}, f"{fresh.model} in {phase.name}", {path: None})
                return
            except Conflict:
                with suppress(Unreadable):
                    if self._queue.find(path).id == fresh.id:
                        return

    def _close(self, benchmark: Benchmark, phase: BundlePhase, number: int) -> None:
        def decide(held: MigrationFile) -> None:
            if phase.track not in held.done:
                held.done.append(phase.track)
                what = f"took {number} submissions over into {phase.name}"
                held.decisions.append(self._files.decision(PODIUM, what, phase.track))

        self._files.change(benchmark.id, decide, f"{phase.name} has the submissions of the phase before")


def new_id_of(phase: BundlePhase, request_id: str) -> str:
    """Id of the request that repeats another one in a phase."""
    return hashlib.sha256(f"{phase.track} {request_id}".encode()).hexdigest()[:16]


def _begun(before: BundlePhase, phase: BundlePhase, now: datetime) -> bool:
    """Whether a phase has begun: at its start, or where it has none, at the end of the one before."""
    begins = phase.start or before.end
    return begins is not None and begins <= now


def _next(request: NamedRequest, before: BundlePhase, phase: BundlePhase, time: str) -> NamedRequest:
    note = f"taken over from {before.name}, where it is request {request.id}"
    fields = {name: getattr(request, name) for name in KEPT if hasattr(request, name)}
    fresh: Request = type(request).model_validate(
        {
            **fields,
            "id": new_id_of(phase, request.id),
            "track": phase.track,
            "number": request.number,
            "submitted_time": time,
            "history": [HistoryEntry(time=time, from_=None, to=Status.PENDING, by=PODIUM, note=note)],
        }
    )
    assert isinstance(fresh, NamedRequest)
    return fresh
