"""Several commits made as one, over any store: the status changes of many requests in one commit to the Hub."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from leaderboard import Changes, FileStore
from leaderboard.errors import Conflict, Infrastructure, NotFound
from leaderboard.hub.trees import blob_version
from leaderboard.stores.changelog import ChangeLog, Followed
from leaderboard.stores.paths import check_path, check_paths


class WaitingCommit(NamedTuple):
    """A commit that waits for the flush."""

    changes: Mapping[str, bytes | None]
    expected: Mapping[str, str | None]

    def touches(self, paths: set[str]) -> bool:
        """Whether it changes or expects something of one of `paths`."""
        return bool(paths & (self.changes.keys() | self.expected.keys()))


WaitingCommits = list[WaitingCommit]


class BatchedStore:
    """A store whose commits wait, visible only through this object, until `flush` makes them all in one commit.

    A commit here is a promise that `flush` may have to break: claim requests through the store itself, and renew, note
    progress, finish and fail them through this. Safe for threads.
    """

    gathers = True

    def __init__(self, store: FileStore) -> None:
        self._store = store
        self._lock = threading.RLock()
        self._waiting: list[WaitingCommit] = []
        self._written: dict[str, bytes | None] = {}
        self._touched: set[str] = set()
        """Paths whose waiting content came or went since the last look."""
        self._followed = Followed(store)
        self._log = ChangeLog(self._news)

    def list(self, prefix: str = "") -> dict[str, str]:
        """Path -> version, with what waits."""
        with self._lock:
            versions = self._store.list(prefix)
            for path, content in self._written.items():
                if content is None:
                    versions.pop(path, None)
                elif path.startswith(prefix):
                    versions[path] = blob_version(content)
        return versions

    def set_aside(self) -> Mapping[str, str]:
        """Path -> why, of what is not read."""
        return self._store.set_aside()

    def kept_at(self, name: str) -> Path:
        """Where to keep `name` between starts."""
        return self._store.kept_at(name)

    def read(self, path: str) -> tuple[bytes, str]:
        """Content and version, with what waits. Raises what the store raises."""
        with self._lock:
            if check_path(path) not in self._written:
                return self._store.read(path)
            content = self._written[path]
        if content is None:
            raise NotFound(f"There is no file {path}.")
        return content, blob_version(content)

    def read_many(self, paths: Iterable[str]) -> Iterator[tuple[str, bytes, str]]:
        """Path, content and version of each file that is there, with what waits."""
        asked = list(paths)
        with self._lock:
            waiting = {path: self._written[path] for path in asked if path in self._written}
        for path, content in waiting.items():
            if content is not None:
                yield path, content, blob_version(content)
        yield from self._store.read_many(path for path in asked if path not in waiting)

    def changes_since(self, version: str | None) -> Changes:
        """What changed since `version`, with what waits; versions end with this object."""
        return self._log.since(version)

    def commit(
        self, changes: Mapping[str, bytes | None], message: str, expected: Mapping[str, str | None] | None = None
    ) -> str:
        """Let the changes wait. Raises Conflict, NotFound, BadPath by what is there and what waits.

        `message` gives way to that of the flush.
        """
        check_paths(changes)
        with self._lock:
            differing = [path for path, version in (expected or {}).items() if self._version(path) != version]
            if differing:
                raise Conflict(differing)
            for path, content in changes.items():
                if content is None and self._version(path) is None:
                    raise NotFound(f"There is no file {path} to delete.")
            self._waiting.append(WaitingCommit(dict(changes), dict(expected or {})))
            self._written.update(changes)
            self._touched |= changes.keys()
        return self._log.version()

    def flush(self, message: str, now_or_never: str = "") -> set[str]:
        """Make one commit of all that waits, and return the paths whose changes came too late and were dropped.

        When the store fails, all of it goes on waiting but what touches the path `now_or_never`.
        """
        with self._lock:
            try:
                late = self._commit_waiting(message)
            except Infrastructure:
                if now_or_never:
                    self._keep_waiting(_without(self._waiting, [now_or_never])[0])
                raise
            self._keep_waiting([])
            return late | self._store.flush(message, now_or_never)

    def _commit_waiting(self, message: str) -> set[str]:
        """Make one commit of all that waits, less what came too late, and return the paths of that."""
        waiting, late = self._waiting, set[str]()
        while waiting:
            changes, expected = _merged(waiting, self._store)
            try:
                self._store.commit(changes, message, expected)
                break
            except Conflict as conflict:
                waiting, dropped = _without(waiting, conflict.paths)
                late |= dropped
        return late

    def _keep_waiting(self, waiting: WaitingCommits) -> None:
        self._waiting = waiting
        self._touched |= self._written.keys()
        self._written = {path: content for commit in waiting for path, content in commit.changes.items()}

    def _news(self) -> Changes:
        with self._lock:
            self._followed.look()
            news = {path: self._store.list(path).get(path) for path in self._touched - self._written.keys()}
            news |= self._followed.take()
            for path, content in self._written.items():
                if path in news or path in self._touched:
                    news[path] = None if content is None else blob_version(content)
            self._touched = set()
            return Changes("", news)

    def _version(self, path: str) -> str | None:
        try:
            return self.read(path)[1]
        except NotFound:
            return None


def _without(waiting: Iterable[WaitingCommit], paths: Iterable[str]) -> tuple[WaitingCommits, set[str]]:
    """The commits that do not depend on any of `paths`, directly or through each other; paths that the rest changes."""
    lost, kept, dropped = set(paths), [], set[str]()
    for commit in waiting:
        if commit.touches(lost):
            lost |= commit.changes.keys()
            dropped |= commit.changes.keys()
        else:
            kept.append(commit)
    return kept, dropped


def _merged(
    waiting: Iterable[WaitingCommit], store: FileStore
) -> tuple[dict[str, bytes | None], dict[str, str | None]]:
    """The last content of every path, and what the first that speaks of a path expects of it."""
    changes: dict[str, bytes | None] = {}
    expected: dict[str, str | None] = {}
    for commit in waiting:
        for path, version in commit.expected.items():
            if path not in changes:
                expected.setdefault(path, version)
        changes.update(commit.changes)
    needless = {path for path, content in changes.items() if content is None and path not in store.list(path)}
    return {path: content for path, content in changes.items() if path not in needless}, expected
