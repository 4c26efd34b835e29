"""How often this process asked the Hub: the connection pool is the process's own, and so is this count."""

from __future__ import annotations

import threading
from collections import Counter


class HubCalls:
    """Questions sent and statuses answered. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked = 0
        self._answers: Counter[int] = Counter()

    def asked(self) -> None:
        """A question was sent."""
        with self._lock:
            self._asked += 1

    def answered(self, status: int) -> None:
        """An answer came, with this HTTP status."""
        with self._lock:
            self._answers[status] += 1

    def counts(self) -> tuple[int, dict[int, int]]:
        """Questions, and answers by status; questions without an answer are the difference."""
        with self._lock:
            return self._asked, dict(self._answers)


CALLS = HubCalls()
"""Of this process; `leaderboard.hub.client` counts."""
