"""Which files changed since when, for stores that know what changed since they were last asked."""

from __future__ import annotations

import itertools
import secrets
import threading
from collections.abc import Callable

from leaderboard import Changes, FileStore


class ChangeLog:
    """Remembers when each file changed last. Its versions mean nothing to any other object. Safe for threads."""

    def __init__(self, look: Callable[[], Changes]) -> None:
        """`look` tells what changed since its last call, and everything in the first one; its versions say nothing."""
        self._look = look
        self._lock = threading.Lock()
        self._session = secrets.token_hex(4)
        self._count = itertools.count(1)
        self._known: dict[str, str] = {}
        self._changed_at: dict[str, int] = {}
        """In order of the changes, so that the last ones are found from the end."""

    def version(self) -> str:
        """A new version: everything that is seen from now on comes after it."""
        return f"{self._session}-{next(self._count)}"

    def since(self, version: str | None) -> Changes:
        """Look, and tell what came after `version`; everything when it is None or not one of ours."""
        with self._lock:
            now = next(self._count)
            self._take(self._look(), now)
            session, _, before = (version or "").partition("-")
            if session != self._session:
                return Changes(f"{self._session}-{now}", dict(self._known), complete=True)
            news: dict[str, str | None] = {}
            for path in reversed(self._changed_at):
                if self._changed_at[path] <= int(before):
                    break
                news[path] = self._known.get(path)
            return Changes(f"{self._session}-{now}", news)

    def _take(self, latest: Changes, now: int) -> None:
        changed = dict(latest.paths)
        if latest.complete:
            changed |= dict.fromkeys(self._known.keys() - changed.keys())
        for path, version in changed.items():
            if self._known.get(path) == version:
                continue
            if version is None:
                del self._known[path]
            else:
                self._known[path] = version
            self._changed_at.pop(path, None)
            self._changed_at[path] = now


class Followed:
    """Another store's changes, from one question to the next. Not safe for threads."""

    def __init__(self, store: FileStore) -> None:
        self._store = store
        self._seen: str | None = None
        self._news: dict[str, str | None] = {}

    def look(self) -> None:
        """Ask the store. Raises what the store raises; nothing is lost by that."""
        changes = self._store.changes_since(self._seen)
        self._news |= changes.paths
        self._seen = changes.version

    def take(self) -> dict[str, str | None]:
        """Path -> version (None: gone) of what the looks since the last call saw."""
        news, self._news = self._news, {}
        return news
