"""One look at the store for everybody who follows something."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime

from leaderboard.errors import NotFound, Unreadable
from leaderboard.live.events import END, Told, queue_events, request_events
from leaderboard.queue.estimates import Estimates
from leaderboard.queue.queue import Queue
from leaderboard.queue.view import QueueView
from leaderboard.records import Abilities, Request
from leaderboard.results.job_logs import JobLogs

QUEUE = ""
"""The topic of those who follow the whole queue; every other topic is the id of a request."""
ESTIMATED_S = 30.0
"""Seconds after which the expected times are worked out again although nothing has changed."""


class QueueLook:
    """What is to be told of some topics now. Called by one thread at a time."""

    def __init__(self, queue: Queue, logs: JobLogs, workers: Callable[[], Sequence[Abilities]]) -> None:
        self._queue = queue
        self._logs = logs
        self._workers = workers
        self._view: QueueView | None = None
        self._estimates = Estimates((), (), datetime.now(UTC))
        self._estimated = datetime.min.replace(tzinfo=UTC)

    def __call__(self, topics: Collection[str]) -> dict[str, Told]:
        """Topic -> what is told of it."""
        now = datetime.now(UTC)
        view = self._queue.view()
        if view is not self._view or (now - self._estimated).total_seconds() > ESTIMATED_S:
            self._view, self._estimated = view, now
            self._estimates = Estimates(view.open, self._workers(), now, view.ended.past)
        known = view.in_full(view.by_id[topic] for topic in topics if topic in view.by_id)
        followed = {request.id: request for request in known}
        told = {topic: self._request(followed.get(topic) or self._unseen(topic)) for topic in topics if topic != QUEUE}
        return told | ({QUEUE: queue_events(view, self._estimates)} if QUEUE in topics else {})

    def _request(self, request: Request | None) -> Told:
        if request is None:
            return {END: "{}"}
        estimate = self._estimates.of(request)
        return request_events(request, estimate, self._estimates.accuracy.error, self._logs.read(request.id))

    def _unseen(self, request_id: str) -> Request | None:
        """A request that the view does not hold; None when there is none any more."""
        try:
            return self._queue.get(request_id)
        except (NotFound, Unreadable):
            return None
