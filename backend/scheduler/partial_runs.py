"""What unfinished runs have kept, in the requests store: a worker with another work folder goes on from there.

    partial/{request id}/{file}        the files of backend/kept.py

Only where everybody may read a benchmark's details: the store is as public as they are.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from backend import kept
from backend.workdir import Workdir
from leaderboard import FileStore
from leaderboard.benchmarks import Benchmark
from leaderboard.errors import Conflict, NotFound
from leaderboard.queue.queue import Queue
from leaderboard.records import Request, Status, moment
from leaderboard.settings import Settings

FOLDER = "partial/"
COMMIT_BYTES = 16 << 20
"""What one commit takes at most, since all of it is in memory."""
SWEEP_S = 3600.0
log = logging.getLogger(__name__)


class PartialRuns:
    """Copies files into the store and back; any number of workers may do it."""

    def __init__(
        self,
        settings: Settings,
        queue: Queue,
        benchmarks: Mapping[str, Benchmark],
        clock: Callable[[], float],
        utc_clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`clock` counts seconds; `utc_clock` says what time it is."""
        self._keep_days = settings.keep_jobs_days
        self._utc_clock = utc_clock
        self._every_s = settings.resume_store_s
        self._most_bytes = int(settings.resume_store_mb * 1e6)
        self._queue = queue
        self._store: FileStore = queue.store
        self._benchmarks = benchmarks
        self._clock = clock
        self._copied: dict[str, float] = {}
        """Request id -> when its files were last copied or fetched."""
        self._swept = float("-inf")

    def copy_when_due(self, request: Request, workdir: Workdir) -> bool:
        """Copy what a running job has kept, if the last time was long enough ago; whether there was something new."""
        now = self._clock()
        if not self._every_s or now - self._copied.setdefault(request.id, now) < self._every_s:
            return False
        return self.copy(request, workdir)

    def copy(self, request: Request, workdir: Workdir) -> bool:
        """Copy what a run has kept and the store does not have; whether there was something new.

        Raises what the store raises.
        """
        self._copied[request.id] = self._clock()
        if not self._may_be_read(request):
            return False
        there = self._files(request.id)
        changes: dict[str, bytes | None] = {}
        copied = False
        for name, content in self._kept(workdir):
            if name in there:
                continue
            if sum(len(each or b"") for each in changes.values()) + len(content) > COMMIT_BYTES:
                self._commit(request, changes)
                changes = {}
            changes[f"{FOLDER}{request.id}/{name}"] = content
            copied = True
        if changes:
            self._commit(request, changes)
        return copied

    def fetch(self, request: Request, workdir: Workdir) -> None:
        """Put what earlier runs kept into the folder of the next one. Raises what the store raises, OSError."""
        if request.attempts < 2 or not self._may_be_read(request):
            return
        have = set(kept.names(workdir.kept))
        missing = {path: name for name, path in self._files(request.id).items() if name not in have}
        for path, content, _ in self._store.read_many(missing):
            if kept.is_whole(missing[path], content):
                kept.put(workdir.kept, missing[path], content)
            else:
                log.warning("Ignored %s of the requests store: it is damaged or no kept file.", path)
        self._copied[request.id] = self._clock()

    def remove(self, request: Request) -> None:
        """Remove the files of a request that has ended, where there may be some. Raises what the store raises."""
        if self._copied.pop(request.id, None) is not None or request.attempts > 1:
            self._remove([f"{FOLDER}{request.id}/{name}" for name in self._files(request.id)])

    def sweep(self) -> bool:
        """Once an hour, remove the files of requests that have ended; whether there were any.

        Those of failed ones stay for as long as their logs: whoever gives them more time has them go on.
        """
        if self._clock() - self._swept < SWEEP_S:
            return False
        self._swept = self._clock()
        paths = self._store.list(FOLDER)
        ids = {path.removeprefix(FOLDER).partition("/")[0] for path in paths}
        ended = {request_id for request_id in ids if self._has_ended(request_id)}
        old = [path for path in paths if path.removeprefix(FOLDER).partition("/")[0] in ended]
        self._remove(old)
        return bool(old)

    def _has_ended(self, request_id: str) -> bool:
        try:
            request = self._queue.get(request_id)
        except NotFound:
            return True
        if request.status is Status.FAILED:
            ended = moment(request.history[-1].time) if request.history else None
            age = self._utc_clock() - ended if ended else timedelta.max
            return self._keep_days > 0 and age > timedelta(days=self._keep_days)
        return request.status in (Status.FINISHED, Status.CANCELLED)

    def _may_be_read(self, request: Request) -> bool:
        """Whether the answers may lie in the store at all."""
        benchmark = self._benchmarks.get(request.benchmark)
        if benchmark is None or any(column.private for column in benchmark.columns):
            return False
        return self._most_bytes > 0 and benchmark.details == "public"

    def _kept(self, workdir: Workdir) -> Iterator[tuple[str, bytes]]:
        """What a run has kept, and what it goes on with, as far as it goes into the store."""
        left = self._most_bytes
        for folder in (workdir.kept, workdir.out / kept.FOLDER):
            for name, content in kept.contents(folder, left):
                left -= len(content)
                yield name, content

    def _files(self, request_id: str) -> dict[str, str]:
        """Name -> path of what the store has of a request."""
        folder = f"{FOLDER}{request_id}/"
        paths = {path.removeprefix(folder): path for path in self._store.list(folder)}
        return {name: path for name, path in paths.items() if kept.NAME.fullmatch(name)}

    def _commit(self, request: Request, changes: Mapping[str, bytes | None]) -> None:
        self._store.commit(changes, f"What {request.id} has answered so far")

    def _remove(self, paths: list[str]) -> None:
        if paths:
            with suppress(Conflict, NotFound):  # another worker was faster
                self._store.commit(dict.fromkeys(paths), f"Remove {len(paths)} files of runs that have ended")
