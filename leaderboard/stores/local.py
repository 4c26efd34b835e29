"""A folder as a FileStore, for any number of processes on one machine (or on a file system with working flock).

Writers take one lock; readers take none. A file is written beside its place, synced and renamed, so nobody reads half
of one. Several files go through a journal: once the journal is on disk the commit has happened, and whoever opens the
store next carries out what a killed writer left undone.

    .podium/lock       held (flock) by the writer
    .podium/stage/     new contents before they are renamed into place
    .podium/journal    JSON [[path, staged name or null], ...]: a commit of several files under way
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import stat
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

from leaderboard import Changes
from leaderboard.errors import BadPath, Conflict, Infrastructure, NotFound, Unreadable
from leaderboard.hub.trees import blob_version
from leaderboard.stores.changelog import ChangeLog
from leaderboard.stores.paths import PLAIN_NAME, check_path, check_paths, shown, too_long

OWN_FOLDER = ".podium"
UNSURE_NS = 100_000_000
"""A file younger than this when it was hashed may change again without its time stamp showing it."""


class FileSignature(NamedTuple):
    """What tells, without reading it, that a file is the one we hashed."""

    ctime_ns: int
    size: int
    inode: int


class LocalStore:
    """The files under `root`, made if it is missing. Hidden files are nobody's business here.

    `max_bytes`: files with more are not listed and not read; None for no limit. What else is neither (links, pipes,
    folders named as files) is never opened. `set_aside` names all of it.
    """

    gathers = False

    def __init__(self, root: Path, max_bytes: int | None = None) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self.root = Path(os.path.realpath(root))
        own = self.root / OWN_FOLDER
        self._stage, self._lock_file, self._journal = own / "stage", own / "lock", own / "journal"
        self._stage.mkdir(parents=True, exist_ok=True)
        self._max_bytes = max_bytes
        self._hashed: dict[str, tuple[FileSignature, str]] = {}
        self._aside: dict[str, str] = {}
        self._log = ChangeLog(self.list)
        with self._locked():
            pass

    def list(self, prefix: str = "") -> dict[str, str]:
        """Path -> git blob id of every file whose path begins with `prefix`; unchanged files are not read again."""
        self._settle()
        folder = prefix.rpartition("/")[0]
        if folder:
            check_path(folder)
        versions: dict[str, str] = {}
        aside: dict[str, str] = {}
        for path, signature in self._walk(folder, aside):
            if path.startswith(prefix):
                version = self._version(path, signature, aside)
                if version is not None:
                    versions[path] = version
        if not prefix:
            self._aside = aside
        return versions

    def set_aside(self) -> Mapping[str, str]:
        """Path -> why, of what is not read, as the last list of everything saw it."""
        return self._aside

    def read(self, path: str) -> tuple[bytes, str]:
        """Content and git blob id. Raises NotFound, Unreadable, BadPath."""
        self._settle()
        content = self._content(path)
        if content is None:
            raise NotFound(f"There is no file {path}.")
        return content, blob_version(content)

    def read_many(self, paths: Iterable[str]) -> Iterator[tuple[str, bytes, str]]:
        """Path, content and git blob id of each file that is there."""
        for path in paths:
            with suppress(Unreadable):  # it grew since it was listed; the next list sets it aside
                content = self._content(path)
                if content is not None:
                    yield path, content, blob_version(content)

    def commit(
        self, changes: Mapping[str, bytes | None], message: str, expected: Mapping[str, str | None] | None = None
    ) -> str:
        """Write and delete all of `changes` or none. Raises Conflict, BadPath, Infrastructure (disk full, read-only).

        `message` is for stores with a log; a folder has none.
        """
        check_paths(changes)
        try:
            with self._locked():
                self._expect(expected or {})
                for path, content in changes.items():
                    self._check_place(path, content)
                self._write(changes)
        except OSError as error:
            raise Infrastructure(f"The folder {self.root} could not be written: {error.strerror or error}.") from error
        return self._log.version()

    def flush(self, message: str, now_or_never: str = "") -> set[str]:
        """Nothing waits here."""
        return set()

    def changes_since(self, version: str | None) -> Changes:
        """What differs from what `version` knew, files put there by hand included. Versions end with this object."""
        return self._log.since(version)

    # --- reading

    def _place(self, path: str) -> Path:
        place = self.root / check_path(path)
        if os.path.realpath(place) != str(place):
            raise BadPath(path, "it leads through a link")
        return place

    def _content(self, path: str) -> bytes | None:
        try:
            with _opened(self._place(path)) as file:
                size = os.fstat(file.fileno()).st_size
                content = file.read() if self._max_bytes is None else file.read(self._max_bytes + 1)
        except (FileNotFoundError, NotADirectoryError):
            return None
        if self._max_bytes is not None and len(content) > self._max_bytes:
            raise Unreadable(path, too_long(size, self._max_bytes))
        return content

    def _walk(self, folder: str, aside: dict[str, str]) -> Iterator[tuple[str, FileSignature]]:
        """Every file below `folder`, with its signature; `aside` learns of what is not read.

        Files that come or go meanwhile may be seen or not.
        """
        waiting = [folder + "/" if folder else ""]
        while waiting:
            base = waiting.pop()
            try:
                with os.scandir(self.root / base) as entries:
                    for entry in entries:
                        if entry.name.startswith("."):
                            continue
                        if why := self._why_not(entry):
                            aside[shown(base + entry.name)] = why
                        elif entry.is_dir(follow_symlinks=False):
                            waiting.append(f"{base}{entry.name}/")
                        else:
                            about = entry.stat(follow_symlinks=False)
                            yield base + entry.name, FileSignature(about.st_ctime_ns, about.st_size, about.st_ino)
            except (FileNotFoundError, NotADirectoryError):
                continue

    def _why_not(self, entry: os.DirEntry[str]) -> str:
        """Why an entry of a folder is not read, without opening it; empty for one that is."""
        if not PLAIN_NAME.fullmatch(entry.name):
            return "its name has characters that no path takes here."
        if entry.is_symlink():
            return "it is a symbolic link; these are not followed."
        if entry.is_dir(follow_symlinks=False):
            empty = entry.name.endswith(".json") and not any(os.scandir(entry.path))
            return "it is a folder, named as a file." if empty else ""
        if not entry.is_file(follow_symlinks=False):
            return "it is no regular file, but a pipe, a socket or a device."
        size = entry.stat(follow_symlinks=False).st_size
        return too_long(size, self._max_bytes) if self._max_bytes is not None and size > self._max_bytes else ""

    def _version(self, path: str, signature: FileSignature, aside: dict[str, str]) -> str | None:
        """The blob id of a file, from memory where its signature is the same; None when it is gone or unreadable."""
        remembered = self._hashed.get(path)
        if remembered and remembered[0] == signature:
            return remembered[1]
        digest = hashlib.sha1(b"blob %d\0" % signature.size, usedforsecurity=False)
        try:
            with _opened(self.root / path) as file:
                while chunk := file.read(1 << 20):
                    digest.update(chunk)
        except FileNotFoundError:
            return None
        except OSError as error:
            aside[path] = f"it cannot be opened ({error.strerror})."
            return None
        version = digest.hexdigest()
        if time.time_ns() - signature.ctime_ns > UNSURE_NS:
            self._hashed[path] = (signature, version)
        return version

    # --- writing

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Be the only writer; finish or forget what the one before left."""
        handle = os.open(self._lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            if self._journal.exists():
                self._carry_out()
            for left in self._stage.iterdir():
                left.unlink()
            yield
        finally:
            os.close(handle)

    def _settle(self) -> None:
        """Wait for a commit of several files to be in place; carry it out where its writer was killed."""
        if self._journal.exists():
            with self._locked():
                pass

    def _expect(self, expected: Mapping[str, str | None]) -> None:
        differing = []
        for path, version in expected.items():
            try:
                content = self._content(path)
                there = None if content is None else blob_version(content)
            except Unreadable:
                there = "unreadable"
            if version != there:
                differing.append(path)
        if differing:
            raise Conflict(differing)

    def _check_place(self, path: str, content: bytes | None) -> None:
        place = self._place(path)
        if content is None:
            if not place.is_file():
                raise NotFound(f"There is no file {path} to delete.")
        elif place.is_dir():
            raise BadPath(path, "a folder is there")
        else:
            for parent in place.relative_to(self.root).parents:
                if (self.root / parent).is_file():
                    raise BadPath(path, f"{parent} is a file")

    def _write(self, changes: Mapping[str, bytes | None]) -> None:
        plan: list[tuple[str, str | None]] = []
        for number, (path, content) in enumerate(changes.items()):
            if content is not None:
                _write_synced(self._stage / str(number), content)
            plan.append((path, None if content is None else str(number)))
        if len(plan) > 1:
            draft = self._stage / "journal"
            _write_synced(draft, json.dumps(plan).encode())
            _sync(self._stage)
            draft.rename(self._journal)
            _sync(self._journal.parent)
            self._carry_out()
        else:
            self._apply(plan)

    def _carry_out(self) -> None:
        """Do what the journal says, as often as it takes, then drop it."""
        self._apply(json.loads(self._journal.read_bytes()))
        self._journal.unlink()
        _sync(self._journal.parent)

    def _apply(self, plan: Iterable[tuple[str, str | None]]) -> None:
        touched = set()
        for path, staged in plan:
            place = self.root / path
            if staged is None:
                place.unlink(missing_ok=True)
                self._drop_empty(place.parent)
            else:
                _make_folder(place.parent)
                source = self._stage / staged
                if source.exists():
                    source.rename(place)
            touched.add(place.parent)
        for folder in touched:
            if folder.exists():
                _sync(folder)

    def _drop_empty(self, folder: Path) -> None:
        """Folders exist only for their files, as in git."""
        while folder != self.root:
            if folder.exists():
                if any(folder.iterdir()):
                    return
                folder.rmdir()
            folder = folder.parent


def _opened(place: Path) -> BinaryIO:
    """A regular file, open for reading. Raises FileNotFoundError for anything else: a link, a pipe, a folder."""
    try:
        handle = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):  # a link; a socket
            raise FileNotFoundError(error.errno, error.strerror, str(place)) from None
        raise
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise FileNotFoundError(errno.ENOENT, "It is no regular file", str(place))
    return os.fdopen(handle, "rb")


def _write_synced(place: Path, content: bytes) -> None:
    with place.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _make_folder(folder: Path) -> None:
    if not folder.is_dir():
        _make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        _sync(folder.parent)
