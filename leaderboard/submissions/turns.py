"""One at a time for each person: what reads a checkpoint from the Hub takes processor time and connections."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from leaderboard.errors import TooMany

MAX_WAITING = 2
"""A form asks again while its last question is under way; more than that is no form."""
PATIENCE_S = 60.0
RETRY_AFTER_S = 10.0
REFUSED = "Your earlier look-ups are still under way; the board looks one checkpoint up at a time for each person."


@dataclass
class _Turn:
    lock: threading.Lock = field(default_factory=threading.Lock)
    here: int = 0
    """Who has the turn or waits for it."""


class Turns:
    """Whose turn it is, by a name for whoever asks. Safe for threads."""

    def __init__(self, max_waiting: int = MAX_WAITING, patience_s: float = PATIENCE_S) -> None:
        self._max_waiting = max_waiting
        self._patience_s = patience_s
        self._lock = threading.Lock()
        self._turns: dict[str, _Turn] = {}

    @contextmanager
    def take(self, who: str) -> Iterator[None]:
        """Wait for the turn of `who` and have it. Raises TooMany where too many wait already, or for too long."""
        with self._lock:
            turn = self._turns.setdefault(who, _Turn())
            if turn.here > self._max_waiting:
                raise TooMany(REFUSED, RETRY_AFTER_S)
            turn.here += 1
        try:
            if not turn.lock.acquire(timeout=self._patience_s):
                raise TooMany(REFUSED, RETRY_AFTER_S)
            try:
                yield
            finally:
                turn.lock.release()
        finally:
            with self._lock:
                turn.here -= 1
                if not turn.here:
                    del self._turns[who]
