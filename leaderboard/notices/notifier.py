"""Looks for requests that ended and tells each channel of them, in a thread of its own: nobody waits for it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from pathlib import Path

from leaderboard.errors import NotDelivered, PodiumError
from leaderboard.notices.channels import Channel, open_channels
from leaderboard.notices.notice import Notice, delivery, ends
from leaderboard.notices.outbox import Outbox
from leaderboard.queue.queue import Queue
from leaderboard.queue.view import QueueView
from leaderboard.records import Request, utc
from leaderboard.settings import Settings

LOOK_S = 5.0
"""Seconds between two looks at the queue."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 30.0, 600.0
"""For so long a channel that did not work is left alone; doubled each time."""
KEPT = timedelta(days=7)
"""What could not be told for so long is not told any more."""
log = logging.getLogger(__name__)


@dataclass
class Route:
    """A channel, what it was told, and when it is tried next."""

    channel: Channel
    outbox: Outbox
    failures: int = 0
    """In a row."""
    due: float = float("-inf")


class Notifier:
    """Tells the channels of every end in a queue, whichever process ended it."""

    def __init__(
        self,
        queue: Queue,
        channels: Sequence[Channel],
        folder: Path,
        board: str,
        address: str,
        utc_clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`folder`: for the outboxes; `address`: of the board."""
        self._queue = queue
        self._board = board
        self._address = address
        self._utc_clock = utc_clock
        now = utc(utc_clock())
        self._routes = [Route(channel, Outbox(folder / f"{channel.name}.json", now)) for channel in channels]
        self._seen: QueueView | None = None

    def work(self, clock: float) -> None:
        """Tell of what ended, as far as channels are due (`clock` in seconds)."""
        view = self._queue.view()
        due = [route for route in self._routes if route.due <= clock]
        if view is self._seen and not any(route.failures for route in due):
            return
        forgotten = utc(self._utc_clock() - KEPT)
        complete = len(due) == len(self._routes)
        for route in due:
            route.outbox.forget(forgotten)
            told = route.outbox.waiting(
                ends(_untold(view, route.outbox), route.outbox.since, self._board, self._address)
            )
            complete &= self._tell(route, told, clock)
        self._seen = view if complete else None

    def _tell(self, route: Route, notices: Sequence[Notice], clock: float) -> bool:
        """Whether the channel was told of all of them; after the first that it did not take it is left alone."""
        for notice in notices:
            try:
                route.channel.deliver(notice)
            except NotDelivered as error:
                if not error.for_good:
                    pause = min(FIRST_PAUSE_S * 2.0**route.failures, LONGEST_PAUSE_S)
                    route.failures += 1
                    route.due = clock + pause
                    log.warning("%s It is tried again in %.0f s; %d ends wait.", error, pause, len(notices))
                    return False
                log.warning("%s The end of %s is not told again.", error, notice.request_id)
            route.failures = 0
            route.outbox.note(notice)
        route.failures = 0
        return True


def _untold(view: QueueView, outbox: Outbox) -> list[Request]:
    """The requests of which the channel may have to be told; of one whose last end it was told it was told all."""
    late = takewhile(lambda request: request.ended_time >= outbox.since, reversed(view.ended))
    untold = [request for request in late if not outbox.has(delivery(request.id, request.entries - 1))]
    return [*view.open, *view.in_full(reversed(untold))]


class NoticeThread:
    """A Notifier at work."""

    def __init__(self, settings: Settings, queue: Queue, clock: Callable[[], float]) -> None:
        """Raises BadSettings."""
        self._ending = threading.Event()
        self._clock = clock
        channels = open_channels(settings, self._ending.wait)
        self._notifier = Notifier(
            queue, channels, settings.work_dir.absolute() / "notices", settings.title, settings.address
        )
        self._thread = threading.Thread(target=self._run, name="notices", daemon=True)
        if channels:
            self._thread.start()

    def stop(self) -> None:
        """End it; what was not told yet is told by the next one."""
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join(LOOK_S)

    def _run(self) -> None:
        while not self._ending.wait(LOOK_S):
            try:
                self._notifier.work(self._clock())
            except (PodiumError, OSError) as error:
                log.warning("Could not look for requests that ended: %s", error)
