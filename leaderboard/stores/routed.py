"""One folder of a store kept in another store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from leaderboard import Changes, FileStore
from leaderboard.errors import Conflict
from leaderboard.stores.changelog import ChangeLog, Followed

T = TypeVar("T")


class RoutedStore:
    """`store`, but for the files below `folder` (`contents/`), which are at the top of `other`.

    A commit to both is made in `store` first: `other` is for what can be made again from the rest.
    """

    def __init__(self, store: FileStore, folder: str, other: FileStore) -> None:
        self.gathers = store.gathers or other.gathers
        self._store = store
        self._folder = folder
        self._other = other
        self._log = ChangeLog(self._news)
        self._here, self._inside = Followed(store), Followed(other)

    def list(self, prefix: str = "") -> dict[str, str]:
        """Path -> version."""
        versions = {} if prefix.startswith(self._folder) else self._store.list(prefix)
        if prefix.startswith(self._folder) or self._folder.startswith(prefix):
            inside = self._other.list(prefix[len(self._folder) :])
            versions |= {self._folder + path: version for path, version in inside.items()}
        return versions

    def set_aside(self) -> Mapping[str, str]:
        """Path -> why, of what is not read."""
        inside = {self._folder + path: reason for path, reason in self._other.set_aside().items()}
        return {**self._store.set_aside(), **inside}

    def kept_at(self, name: str) -> Path:
        """Where to keep `name` between starts."""
        return self._store.kept_at(name)

    def read(self, path: str) -> tuple[bytes, str]:
        """Content and version. Raises what the stores raise."""
        if path.startswith(self._folder):
            return self._other.read(path[len(self._folder) :])
        return self._store.read(path)

    def read_many(self, paths: Iterable[str]) -> Iterator[tuple[str, bytes, str]]:
        """Path, content and version of each file that is there."""
        asked = list(paths)
        inside = [path[len(self._folder) :] for path in asked if path.startswith(self._folder)]
        yield from self._store.read_many(path for path in asked if not path.startswith(self._folder))
        for path, content, version in self._other.read_many(inside):
            yield self._folder + path, content, version

    def commit(
        self, changes: Mapping[str, bytes | None], message: str, expected: Mapping[str, str | None] | None = None
    ) -> str:
        """Write and delete; all or nothing in each of the two. Raises what the stores raise."""
        ours, theirs = self._parted(changes)
        expected_here, expected_there = self._parted(expected or {})
        if ours and expected_there:  # found out before anything is written
            self._commit_inside({}, message, expected_there)
        if ours or expected_here:
            self._store.commit(ours, message, expected_here)
        if theirs or expected_there:
            self._commit_inside(theirs, message, expected_there)
        return self._log.version()

    def _commit_inside(
        self, changes: Mapping[str, bytes | None], message: str, expected: Mapping[str, str | None]
    ) -> None:
        try:
            self._other.commit(changes, message, expected)
        except Conflict as conflict:
            raise Conflict(self._folder + path for path in conflict.paths) from conflict

    def flush(self, message: str, now_or_never: str = "") -> set[str]:
        """Make what waits in either store hold, in `store` first; return the paths that came too late."""
        here, there = self._parted({now_or_never: None})
        late = self._store.flush(message, *here)
        return late | {self._folder + path for path in self._other.flush(message, *there)}

    def changes_since(self, version: str | None) -> Changes:
        """What changed since `version`; versions end with this object."""
        return self._log.since(version)

    def _news(self) -> Changes:
        self._here.look()
        self._inside.look()
        news = {path: version for path, version in self._here.take().items() if not path.startswith(self._folder)}
        news |= {self._folder + path: version for path, version in self._inside.take().items()}
        return Changes("", news)

    def _parted(self, mapping: Mapping[str, T]) -> tuple[dict[str, T], dict[str, T]]:
        inside = {path[len(self._folder) :]: value for path, value in mapping.items() if path.startswith(self._folder)}
        return {path: value for path, value in mapping.items() if not path.startswith(self._folder)}, inside
