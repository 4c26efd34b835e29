"""How many comments discussions on the Hub have: asked for in the background, so that no page waits for the Hub."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from leaderboard.errors import HubUnavailable, NotAllowed

AGE_S = 120.0
"""Seconds for which an answer of the Hub is believed."""
KEPT = 2000
"""Discussions whose numbers are kept."""
log = logging.getLogger(__name__)


class CommentCounts:
    """The last known numbers. Safe for threads."""

    def __init__(self, ask: Callable[[int], int], clock: Callable[[], float] = time.monotonic) -> None:
        """`ask` asks the Hub about one discussion. Raises NotAllowed, HubUnavailable."""
        self._ask = ask
        self._clock = clock
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="comments")
        self._known: OrderedDict[int, int] = OrderedDict()
        self._asked: dict[int, float] = {}

    def get(self, num: int) -> int | None:
        """The number as it was last told, None while it was not; asked for again once it is too old."""
        with self._lock:
            asked = self._asked.get(num)
            if asked is None or self._clock() - asked > AGE_S:
                self._asked[num] = self._clock()
                self._pool.submit(self._refresh, num)
            return self._known.get(num)

    def _refresh(self, num: int) -> None:
        try:
            count = self._ask(num)
        except (NotAllowed, HubUnavailable) as trouble:
            log.info("The Hub did not tell of the comments in discussion %s: %s", num, trouble)
            return
        with self._lock:
            self._known[num] = count
            self._known.move_to_end(num)
            while len(self._known) > KEPT:
                oldest, _ = self._known.popitem(last=False)
                self._asked.pop(oldest, None)
