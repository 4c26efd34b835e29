"""Which files changed since when, for stores that can only list what is there now."""

from __future__ import annotations

import itertools
import secrets
import threading
from collections.abc import Callable, Mapping

from leaderboard import Changes


class ChangeLog:
    """Compares each listing with the one before. Its versions mean nothing to any other object. Safe for threads."""

    def __init__(self, listing: Callable[[], Mapping[str, str]]) -> None:
        self._listing = listing
        self._lock = threading.Lock()
        self._session = secrets.token_hex(4)
        self._count = itertools.count(1)
        self._known: dict[str, str] = {}
        self._changed_at: dict[str, int] = {}

    def version(self) -> str:
        """A new version: everything that is listed from now on comes after it."""
        return f"{self._session}-{next(self._count)}"

    def since(self, version: str | None) -> Changes:
        """List, and tell what came after `version`; everything when it is None or not one of ours."""
        with self._lock:
            now = next(self._count)
            listing = dict(self._listing())
            changed = [path for path, seen in listing.items() if self._known.get(path) != seen]
            changed += self._known.keys() - listing.keys()
            self._changed_at.update(dict.fromkeys(changed, now))
            self._known = listing
            session, _, before = (version or "").partition("-")
            if session != self._session:
                return Changes(f"{self._session}-{now}", dict(listing), complete=True)
            news = {path: listing.get(path) for path, at in self._changed_at.items() if at > int(before)}
            return Changes(f"{self._session}-{now}", news)
