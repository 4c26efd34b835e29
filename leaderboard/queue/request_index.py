"""Which requests a store holds, kept up to date by reading only the files that changed."""

from __future__ import annotations

import threading
from typing import NamedTuple

from leaderboard import FileStore
from leaderboard.errors import Unreadable
from leaderboard.queue.request_files import read_request
from leaderboard.records import Request, request_path

NOT_REQUESTS = ("workers/", "votes/", "logs/", "partial/", "README.md")
"""What else lies in the requests store."""


class SetAside(NamedTuple):
    """A file in the requests store that is not a request we can read; it never stops anything."""

    path: str
    reason: str


class QueueView(NamedTuple):
    """All requests as they were a moment ago (in order of their paths; read only) and the files set aside."""

    requests: list[Request]
    set_aside: list[SetAside]


class RequestIndex:
    """Path <-> id <-> request. Safe for threads."""

    def __init__(self, store: FileStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._version: str | None = None
        self._requests: dict[str, Request] = {}
        self._set_aside: dict[str, str] = {}
        self._unread: dict[str, str] = {}
        """Path -> why, of what the store itself does not read."""
        self._paths: dict[str, list[str]] = {}
        self._view: QueueView | None = None

    def view(self) -> QueueView:
        """Every request and every file set aside, as of now."""
        with self._lock:
            if self._refresh() or self._view is None:
                self._view = self._overview()
            return QueueView(list(self._view.requests), list(self._view.set_aside))

    def path(self, request_id: str, fresh: bool = False) -> str | None:
        """Where the request lies, as of the last look or, if `fresh`, of now; None when there is none."""
        if fresh:
            with self._lock:
                if self._refresh():
                    self._view = None
        paths = self._paths.get(request_id)
        return paths[0] if paths else None

    def _overview(self) -> QueueView:
        aside = self._unread | self._set_aside
        for first, *others in self._paths.values():
            for other in others:
                aside[other] = f"it has the id of {first}; delete one of them."
        requests = [request for path, request in sorted(self._requests.items()) if path not in aside]
        return QueueView(requests, [SetAside(path, reason) for path, reason in sorted(aside.items())])

    def _refresh(self) -> bool:
        """Read what changed; whether anything did."""
        changes = self._store.changes_since(self._version)
        gone = {path for path, version in changes.paths.items() if version is None}
        if changes.complete:
            gone |= (self._requests.keys() | self._set_aside.keys()) - changes.paths.keys()
        for path in gone:
            self._forget(path)
        changed = [path for path in changes.paths.keys() - gone if not path.startswith(NOT_REQUESTS)]
        for path in changed:
            self._forget(path)
        for path, content, _ in self._store.read_many(changed):
            self._take_up(path, content)
        self._version = changes.version
        unread = {path: why for path, why in self._store.set_aside().items() if not path.startswith(NOT_REQUESTS)}
        news = bool(changes.paths) or unread != self._unread
        self._unread = unread
        return news

    def _take_up(self, path: str, content: bytes) -> None:
        try:
            request = read_request(path, content)
        except Unreadable as problem:
            self._set_aside[path] = problem.reason
            return
        self._requests[path] = request
        self._paths[request.id] = sorted([*self._paths.get(request.id, []), path], key=self._precedence)

    def _forget(self, path: str) -> None:
        self._set_aside.pop(path, None)
        request = self._requests.pop(path, None)
        if request:
            left = [other for other in self._paths[request.id] if other != path]
            if left:
                self._paths[request.id] = left
            else:
                del self._paths[request.id]

    def _precedence(self, path: str) -> tuple[bool, str]:
        """Of several files with one id, the one at its own place counts."""
        return request_path(self._requests[path]) != path, path
