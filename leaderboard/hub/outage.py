"""Whether the Hub responds, as the last attempts of this process show: nobody waits long for what others wait for."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import urlsplit

SURE_AFTER_S = 1.0
"""Attempts that failed at least so far apart, with no answer between them, are an outage."""
PROBE_S = 3.0
"""During an outage, seconds between two attempts of those who have another answer than to wait."""
SHORT_S = 4.0
"""Timeout of a question that nobody is to wait long for: during an outage, or where it is asked only once."""
FORGOTTEN_S = 60.0
"""An outage is over when nothing has failed for so long: nobody knows any more."""


class HubOutage:
    """The outage of one Hub, or none. Safe for threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._first: float | None = None
        """The first failure since the last answer."""
        self._last = self._probed = 0.0
        self.answered_at: datetime | None = None
        """When the Hub answered last."""

    def answered(self) -> None:
        """The Hub answered, whatever its answer was."""
        with self._lock:
            self._first = None
            self.answered_at = datetime.now(UTC)

    def failed(self) -> None:
        """An attempt got no answer."""
        with self._lock:
            self._last = self._clock()
            self._first = self._last if self._first is None else self._first

    @property
    def lasts_s(self) -> float:
        """For how many seconds attempts have failed; 0 without an outage."""
        with self._lock:
            if self._first is None or self._clock() - self._last > FORGOTTEN_S:
                return 0.0
            return self._clock() - self._first if self._last - self._first >= SURE_AFTER_S else 0.0

    @property
    def is_on(self) -> bool:
        """Whether there is an outage."""
        return self.lasts_s > 0

    def may_probe(self) -> bool:
        """Whether it is the caller's turn to find out if the outage is over."""
        with self._lock:
            if self._clock() - max(self._probed, self._last) < PROBE_S:
                return False
            self._probed = self._clock()
            return True


_outages: defaultdict[str, HubOutage] = defaultdict(HubOutage)


def outage_of(address: str) -> HubOutage:
    """The outage of the Hub at `address`; one object for each host and port."""
    return _outages[urlsplit(address).netloc]
