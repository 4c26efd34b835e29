"""Which requests a store holds, kept up to date by reading only the files that changed.

Requests that have ended are kept in short, and their short forms are saved for the next start: whoever starts reads the
files of those that are pending or running, and of those that changed since.
"""

from __future__ import annotations

import gc
import threading
from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from contextlib import suppress
from sys import intern
from typing import Any

from leaderboard import FileStore
from leaderboard.errors import NotFound, Unreadable
from leaderboard.queue.durations import run_seconds
from leaderboard.queue.request_files import read_request
from leaderboard.queue.scoring_failures import scoring_failures
from leaderboard.queue.view import EndedRequests, QueueView, SetAside
from leaderboard.records import OPEN, AnyRequest, EndedRequest, Request, Status, ended_at, request_path
from leaderboard.stores.saved import SAVE_AFTER, load, save

NOT_REQUESTS = ("workers/", "votes/", "logs/", "partial/", "limits/", "README.md")
"""What else lies in the requests store."""
KEPT_IN_FULL = 200
FEW = 100
SAVED, LAYOUT = "ended", f"ended-1 {' '.join(EndedRequest._fields)}"
"""Name and layout of what is saved for the next start."""


class RequestIndex:
    """Path <-> id <-> request. Safe for threads."""

    def __init__(self, store: FileStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._version: str | None = None
        self._open: dict[str, Request] = {}
        self._ended: dict[str, EndedRequest] = {}
        self._ended_by_id: dict[str, AnyRequest] = {}
        self._in_full: dict[str, Request] = {}
        """Path -> request, of some that have ended."""
        self._set_aside: dict[str, str] = {}
        self._unread: dict[str, str] = {}
        """Path -> why, of what the store itself does not read."""
        self._paths: dict[str, tuple[str, ...]] = {}
        self._copied: set[str] = set()
        """Ids that several files have."""
        self._reads = 0
        """Ended requests whose files were read and that are not saved."""
        self._view: QueueView | None = None
        self._in_order = InOrder()
        self._ended_view: EndedRequests | None = None

    def view(self) -> QueueView:
        """Every request and every file set aside, as of now; the same object as long as nothing changes."""
        with self._lock:
            if self._refresh() or self._view is None:
                self._view = self._overview()
            return self._view

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
        for first, *others in map(self._paths.__getitem__, self._copied):
            for other in others:
                aside[other] = f"it has the id of {first}; delete one of them."
        if self._ended_view is None:
            ended = self._in_order.requests()
            if self._copied:
                self._ended_view = EndedRequests(request for request in ended if request.path not in aside)
            else:
                self._ended_view = EndedRequests(ended, self._ended_by_id.copy())
        requests = [request for path, request in sorted(self._open.items()) if path not in aside]
        set_aside = [SetAside(path, reason) for path, reason in sorted(aside.items())]
        return QueueView(requests, self._ended_view, set_aside, self._read)

    def _read(self, paths: Sequence[str]) -> Iterator[Request]:
        """The requests in files; of those that have ended, the last ones are kept in full."""
        kept = {path: request for path in paths if (request := self._in_full.get(path))}
        yield from kept.values()
        unknown = [path for path in paths if path not in kept]
        for path, content, version in self._store.read_many(unknown) if unknown else ():
            with suppress(Unreadable):
                request = read_request(path, content)
                self._keep(path, version, request)
                yield request

    def _keep(self, path: str, version: str, request: Request) -> None:
        with self._lock:
            ended = self._ended.get(path)
            if ended is not None and ended.version == version:
                self._in_full[path] = request
                self._drop_oldest()

    def _drop_oldest(self) -> None:
        if len(self._in_full) > KEPT_IN_FULL:
            del self._in_full[next(iter(self._in_full))]

    # --- keeping up

    def _refresh(self) -> bool:
        """Read what changed; whether anything did."""
        changes = self._store.changes_since(self._version)
        news = {path: version for path, version in changes.paths.items() if not path.startswith(NOT_REQUESTS)}
        if changes.complete:
            known = self._open.keys() | self._ended.keys() | self._set_aside.keys()
            news |= dict.fromkeys(known - news.keys())
        for path in news:
            self._forget(path)
        many = changes.complete and len(news) >= SAVE_AFTER
        saved = self._saved() if many else {}
        unknown = []
        for path, version in news.items():
            if version is not None and (kept := saved.get(path)) and kept.version == version:
                self._take(path, kept)
            elif version is not None:
                unknown.append(path)
        for path, content, version in self._store.read_many(unknown):
            self._take_up(path, content, version)
        self._version = changes.version
        self._save()
        if many:
            keep_from_collector()
        unread = {path: why for path, why in self._store.set_aside().items() if not path.startswith(NOT_REQUESTS)}
        changed = bool(news) or unread != self._unread
        self._unread = unread
        return changed

    def _take_up(self, path: str, content: bytes, version: str) -> None:
        try:
            request = read_request(path, content)
        except Unreadable as problem:
            self._set_aside[path] = problem.reason
            return
        if request.status in OPEN:
            self._take(path, request)
        else:
            self._take(path, in_short(path, version, request))
            self._in_full[path] = request
            self._reads += 1
            self._drop_oldest()

    def _take(self, path: str, request: AnyRequest) -> None:
        if isinstance(request, Request):
            self._open[path] = request
        else:
            self._ended[path] = self._ended_by_id[request.id] = request
            self._in_order.add(request)
            self._ended_view = None
        before = self._paths.get(request.id)
        if before is None:
            self._paths[request.id] = (path,)
        else:
            self._paths[request.id] = tuple(sorted((*before, path), key=self._precedence))
            self._copied.add(request.id)
            self._ended_view = None

    def _forget(self, path: str) -> None:
        self._set_aside.pop(path, None)
        self._in_full.pop(path, None)
        request = self._open.pop(path, None) or self._ended.pop(path, None)
        if request is None:
            return
        left = tuple(other for other in self._paths.pop(request.id) if other != path)
        self._ended_by_id.pop(request.id, None)
        if left:
            self._paths[request.id] = left
        for other in left:
            if copy := self._ended.get(other):
                self._ended_by_id[request.id] = copy
        if len(left) < 2:
            self._copied.discard(request.id)
        if isinstance(request, EndedRequest):
            self._in_order.remove(request)
        if left or isinstance(request, EndedRequest):
            self._ended_view = None

    def _precedence(self, path: str) -> tuple[bool, str]:
        """Of several files with one id, the one at its own place counts."""
        request = self._open.get(path)
        try:
            request = request or read_request(path, self._store.read(path)[0])
        except (NotFound, Unreadable):
            return True, path
        return request_path(request) != path, path

    # --- from one start to the next

    def _saved(self) -> dict[str, EndedRequest]:
        """Path -> request, as an earlier process left them."""
        try:
            rows = load(self._store.kept_at(SAVED), LAYOUT) or []
            saved = map(_restored, rows)
            return {request.path: request for request in saved}
        except (TypeError, ValueError, IndexError):  # not written by us
            return {}

    def _save(self) -> None:
        if self._reads >= SAVE_AFTER:
            self._reads = 0
            save(self._store.kept_at(SAVED), LAYOUT, list(self._ended.values()))


class InOrder:
    """Ended requests, the oldest end first. A few changes cost little; after many everything is sorted."""

    def __init__(self) -> None:
        self._requests: list[EndedRequest] = []
        self._added: dict[str, EndedRequest] = {}
        self._removed: list[EndedRequest] = []

    def add(self, request: EndedRequest) -> None:
        """One more, of a path that is not there."""
        self._added[request.path] = request

    def remove(self, request: EndedRequest) -> None:
        """One that was added."""
        if self._added.pop(request.path, None) is None:
            self._removed.append(request)

    def requests(self) -> Sequence[EndedRequest]:
        """All of them."""
        if len(self._added) + len(self._removed) > FEW:
            gone = {request.path for request in self._removed}
            kept = [request for request in self._requests if request.path not in gone]
            self._requests = sorted([*kept, *self._added.values()], key=_age)
        else:
            for request in self._removed:
                del self._requests[bisect_left(self._requests, _age(request), key=_age)]
            for request in self._added.values():
                insort(self._requests, request, key=_age)
        self._added, self._removed = {}, []
        return self._requests


def _age(request: EndedRequest) -> tuple[str, str]:
    return request.ended_time, request.path


def keep_from_collector() -> None:
    """Keep what is there now from the garbage collector: walking 100,000 requests takes it a fifth of a second."""
    gc.collect()
    gc.freeze()


def in_short(path: str, version: str, request: Request) -> EndedRequest:
    """What is kept in memory of a request that has ended."""
    return EndedRequest(
        path=path, version=version, id=request.id, status=request.status, benchmark=intern(request.benchmark),
        model=request.model, base_model=intern(request.base_model), params=request.params,
        architectures=intern(request.architectures), license=intern(request.license),
        model_type=intern(request.model_type), track=intern(request.track), sender=intern(request.sender),
        sender_org=intern(request.sender_org), submitted_time=request.submitted_time, ended_time=ended_at(request),
        seconds=run_seconds(request), entries=len(request.history), arrived=request.arrived,
        resubmitted_by=intern(request.resubmitted_by), corrected=request.corrected,
        scoring_failures=scoring_failures(request),
    )  # fmt: skip


def _restored(row: Sequence[Any]) -> EndedRequest:
    """What was saved of a request. Raises TypeError, ValueError."""
    saved = EndedRequest(*row)
    return saved._replace(
        status=Status(saved.status),
        corrected=tuple(saved.corrected),
        scoring_failures=tuple(saved.scoring_failures),
    )
