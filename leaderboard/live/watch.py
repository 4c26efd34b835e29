"""Those who follow something, and the one task that looks for all of them while there are any."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress

from leaderboard.errors import PodiumError, TooMany
from leaderboard.live.events import Told

LOOK_S = 1.0
"""Seconds between two looks."""
MOST_LISTENERS = 500
"""Each is an open connection."""
RETRY_S = 15.0
log = logging.getLogger(__name__)


class Listener:
    """Somebody who follows a topic: told what is so now, and again whenever that has changed."""

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self._told: Told | None = None
        self._changed = asyncio.Event()

    def tell(self, told: Told) -> None:
        """This is so now. Who is slow misses what was so meanwhile, and nothing else."""
        if told != self._told:
            self._told = told
            self._changed.set()

    async def next(self, timeout_s: float) -> Told | None:
        """What is so as soon as it differs from what was returned last; None after `timeout_s` without a change.

        Empty when the server ends.
        """
        with suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), timeout_s)
        if not self._changed.is_set():
            return None
        self._changed.clear()
        return self._told


class QueueWatch:
    """Looks once for all listeners. To be used in one event loop at a time."""

    def __init__(
        self,
        look: Callable[[Collection[str]], Mapping[str, Told]],
        look_s: float = LOOK_S,
        most: int = MOST_LISTENERS,
    ) -> None:
        """`look`: what is told of some topics; called in a thread, never twice at a time."""
        self._look = look
        self._look_s = look_s
        self._most = most
        self._listeners: set[Listener] = set()
        self._task: asyncio.Task[None] | None = None
        self._joined = asyncio.Event()

    def join(self, topic: str) -> Listener:
        """Follow a topic, until `leave`. Raises TooMany."""
        if len(self._listeners) >= self._most:
            raise TooMany(
                f"{self._most} connections follow this board's requests already. Ask for the request itself from time "
                "to time, or try again later.",
                RETRY_S,
            )
        listener = Listener(topic)
        self._listeners.add(listener)
        self._joined.set()
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._work())
        return listener

    def leave(self, listener: Listener) -> None:
        """Follow no more; the last one who leaves ends the looking."""
        self._listeners.discard(listener)
        if not self._listeners:
            self._joined.set()

    def close(self) -> None:
        """Have every connection end, to be made again elsewhere; called in the event loop."""
        for listener in self._listeners:
            listener.tell({})

    async def _work(self) -> None:
        while self._listeners:
            self._joined.clear()
            topics = {listener.topic for listener in self._listeners}
            try:
                told = await asyncio.to_thread(self._look, topics)
            except (PodiumError, OSError, ValueError) as error:
                log.warning("Could not look at the queue for those who follow it: %s", error)
                told = {}
            for listener in self._listeners:
                if listener.topic in told:
                    listener.tell(told[listener.topic])
            with suppress(TimeoutError):
                await asyncio.wait_for(self._joined.wait(), self._look_s)
