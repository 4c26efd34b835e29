"""Logs in the requests store: removed when their requests ended long ago."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from leaderboard.errors import Conflict
from leaderboard.queue.queue import Queue
from leaderboard.records import utc
from leaderboard.results.job_logs import FOLDER, log_path

LOOK_S = 3600.0


class OldLogs:
    """Looks once an hour; any number of workers may do it."""

    def __init__(
        self, queue: Queue, keep_days: float, utc_clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        """`keep_days`: how long the log of an ended request stays; 0 keeps them all."""
        self._queue = queue
        self._keep_days = keep_days
        self._utc_clock = utc_clock
        self._due = float("-inf")

    def work(self, clock: float) -> None:
        """Remove what is old, in one commit, if the last look was an hour ago (`clock` in seconds)."""
        if not self._keep_days or clock < self._due:
            return
        self._due = clock + LOOK_S
        versions = self._queue.store.list(FOLDER)
        old = [path for path in self._old() if path in versions] if versions else []
        if old:
            expected = {path: versions[path] for path in old}
            with suppress(Conflict):  # another worker was faster, or a request runs again
                self._queue.store.commit(dict.fromkeys(old), f"Remove {len(old)} old logs", expected)

    def _old(self) -> Iterator[str]:
        """Paths of the logs of requests that ended too long ago."""
        before = utc(self._utc_clock() - timedelta(days=self._keep_days))
        for request in self._queue.view().ended:
            if request.ended_time >= before:
                break
            yield log_path(request.id)
