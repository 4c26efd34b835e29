"""Several commits made as one, over any store: the status changes of many requests in one commit to the Hub."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from leaderboard import Changes, FileStore
from leaderboard.errors import Conflict, Infrastructure, NotFound
from leaderboard.hub.trees import blob_version
from leaderboard.stores.changelog import ChangeLog
from leaderboard.stores.paths import check_path, check_paths


class Step(NamedTuple):
    """A commit that waits for the flush."""

    changes: Mapping[str, bytes | None]
    expected: Mapping[str, str | None]

    def touches(self, paths: set[str]) -> bool:
        """Whether it changes or expects something of one of `paths`."""
        return bool(paths & (self.changes.keys() | self.expected.keys()))


class BatchedStore:
    """A store whose commits wait, visible only through this object, until `flush` makes them all in one commit.

    A commit here is a promise that `flush` may have to break: claim requests through the store itself, and renew, note
    progress, finish and fail them through this. Safe for threads.
    """

    def __init__(self, store: FileStore) -> None:
        self._store = store
        self._lock = threading.RLock()
        self._steps: list[Step] = []
        self._written: dict[str, bytes | None] = {}
        self._log = ChangeLog(self.list)

    def list(self, prefix: str = "") -> dict[str, str]:
        """Path -> version, with what waits."""
        with self._lock:
            found = self._store.list(prefix)
            for path, content in self._written.items():
                if content is None:
                    found.pop(path, None)
                elif path.startswith(prefix):
                    found[path] = blob_version(content)
        return found

    def set_aside(self) -> Mapping[str, str]:
        """Path -> why, of what is not read."""
        return self._store.set_aside()

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
            self._steps.append(Step(dict(changes), dict(expected or {})))
            self._written.update(changes)
        return self._log.version()

    def flush(self, message: str) -> set[str]:
        """Make one commit of all that waits, and return the paths whose changes came too late and were dropped."""
        with self._lock:
            steps, lost = self._steps, set[str]()
            while steps:
                changes, expected = _merged(steps, self._store.list())
                try:
                    self._store.commit(changes, message, expected)
                    break
                except Conflict as conflict:
                    late = set(conflict.paths)
                    kept = []
                    for step in steps:
                        if step.touches(late):
                            late |= step.changes.keys()
                            lost |= step.changes.keys()
                        else:
                            kept.append(step)
                    steps = kept
            self._steps, self._written = [], {}
        return lost

    def drop(self, path: str) -> None:
        """Forget what waits for `path`, with all that waits in the same commits."""
        with self._lock:
            dropped = {path}
            for step in self._steps:
                if step.touches(dropped):
                    dropped |= step.changes.keys()
            self._steps = [step for step in self._steps if not step.touches(dropped)]
            self._written = {path: content for step in self._steps for path, content in step.changes.items()}

    def _version(self, path: str) -> str | None:
        try:
            return self.read(path)[1]
        except NotFound:
            return None


def flush(store: FileStore, message: str, now_or_never: str = "") -> set[str]:
    """`BatchedStore.flush` where `store` is one; any other has nothing that waits.

    What waits for the path `now_or_never` is dropped when the store fails.
    """
    if not isinstance(store, BatchedStore):
        return set()
    try:
        return store.flush(message)
    except Infrastructure:
        if now_or_never:
            store.drop(now_or_never)
        raise


def _merged(steps: Iterable[Step], there: Mapping[str, str]) -> tuple[dict[str, bytes | None], dict[str, str | None]]:
    """The last content of every path, and what the first step that speaks of a path expects of it."""
    changes: dict[str, bytes | None] = {}
    expected: dict[str, str | None] = {}
    for step in steps:
        for path, version in step.expected.items():
            if path not in changes:
                expected.setdefault(path, version)
        changes.update(step.changes)
    return {path: content for path, content in changes.items() if content is not None or path in there}, expected
