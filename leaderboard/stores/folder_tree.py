"""The files of a folder as they were last seen, brought up to date at the cost of what changed.

Where the kernel tells of changes (`FolderEvents`), only what it names is looked at. Elsewhere a quick pass asks every
folder for its time stamp, which tells of files that came, went or were replaced; and a full pass asks every file, which
tells of those that were written in place. A small folder is always looked at in full. In a large one a pass that took
t seconds rests for REST times t, so that it costs a small share of a core. What the kernel tells is checked by a full
pass now and then, too.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from collections.abc import Set as AbstractSet
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

from leaderboard.stores.folder_events import EventsLost, FolderEvent, FolderEvents
from leaderboard.stores.paths import PLAIN_NAME, shown, too_long

UNSURE_NS = 100_000_000
"""What is younger than this when it was looked at may change again without its time stamp showing it."""
SMALL = 500
"""Up to so many files and folders no pass rests where the kernel tells nothing."""
REST = 200.0
"""Rest of a pass, in times of its duration, where the kernel tells nothing: half a percent of a core."""
CHECK_REST = 2000.0
"""Rest of the full pass where the kernel tells of changes."""
CHECK_REST_S = 60.0
"""It rests for at least so long."""


class KnownFile(NamedTuple):
    """A file as it was when its content was hashed."""

    ctime_ns: int
    size: int
    inode: int
    version: str

    def is_still(self, about: os.stat_result) -> bool:
        """Whether the file looks as it did."""
        return (self.ctime_ns, self.size, self.inode) == (about.st_ctime_ns, about.st_size, about.st_ino)


NO_NAMES: frozenset[str] = frozenset()
Files = dict[str, dict[str, KnownFile]]
"""Folder -> name -> file."""


class Folder:
    """What is in one folder. There is one for each model: a set for each, mostly empty, would take 20 MB of 100,000."""

    __slots__ = ("files", "folders", "stamp")

    def __init__(self) -> None:
        self.stamp = -1
        """Its time of change in nanoseconds; -1 while that tells nothing."""
        self.files: dict[str, KnownFile] = {}
        self.folders: AbstractSet[str] = NO_NAMES

    def add_folder(self, name: str) -> None:
        """Note a folder in it."""
        if not isinstance(self.folders, set):
            self.folders = set()
        self.folders.add(name)

    def drop_folder(self, name: str) -> None:
        """A folder in it is gone."""
        if isinstance(self.folders, set):
            self.folders.discard(name)


class FolderTree:
    """The files below `root`. Not safe for threads. Folders are named relative to it, with a final `/`."""

    def __init__(self, root: Path, max_bytes: int | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._root = f"{root}/"
        self._max_bytes = max_bytes
        self._clock = clock
        self._folders: dict[str, Folder] = {}
        self._earlier: Files = {}
        """As an earlier process left them."""
        self._unsure: set[tuple[str, str]] = set()
        """Folder and name of files whose time stamps do not tell yet that they are the ones we hashed."""
        self._written: list[str] = []
        """Paths that this process wrote since the last look."""
        self._aside: dict[str, dict[str, str]] = {}
        """Folder -> name -> why, of what is not read."""
        self._named_as_files: set[str] = set()
        self._news: dict[str, str | None] = {}
        self._quick_due = self._full_due = float("-inf")
        self._events = _events(root)
        self.reads = 0
        """How many files were read to know their versions."""

    # --- what is known

    def versions(self, prefix: str = "") -> dict[str, str]:
        """Path -> version of every file whose path begins with `prefix`, as of the last look."""
        top = prefix[: prefix.rfind("/") + 1]
        found = {}
        for base in self._below(top):
            for name, file in self._folders[base].files.items():
                path = base + name
                if path.startswith(prefix):
                    found[path] = file.version
        return found

    def aside(self) -> dict[str, str]:
        """Path -> why, of what is not read, as of the last look."""
        aside = {shown(base + name): why for base, names in self._aside.items() for name, why in names.items()}
        empty = [base[:-1] for base in self._named_as_files if self._is_empty(base)]
        return aside | {shown(path): "it is a folder, named as a file." for path in empty}

    def take_news(self) -> dict[str, str | None]:
        """Path -> version (None: gone) of what changed since this was last asked."""
        news, self._news = self._news, {}
        return news

    def known(self) -> Files:
        """The files whose versions are sure, for `start_from`."""
        return {
            base: {name: file for name, file in folder.files.items() if (base, name) not in self._unsure}
            for base, folder in self._folders.items()
        }

    def start_from(self, known: Files) -> None:
        """Read no file in the first look that is still as it is `known`."""
        self._earlier = known

    def note_written(self, paths: Iterable[str]) -> None:
        """This process wrote them: the next look sees them, whatever the kernel and the time stamps tell."""
        self._written += paths

    # --- looking

    def look(self) -> None:
        """Bring everything up to date."""
        if "" not in self._folders:
            return self._full_pass()
        for base, name in list(self._unsure):
            self._look_at(base, name)
        while self._written:
            self._look_at_path(self._written.pop())
        if self._events is not None:
            try:
                for event in self._events.read():
                    self._follow(self._events, event)
            except EventsLost:
                self._events = _events(Path(self._root))
                return self._full_pass()
        elif self._clock() >= self._quick_due:
            self._quick_pass()
        if self._clock() >= self._full_due:
            self._full_pass()
        return None

    def _follow(self, events: FolderEvents, event: FolderEvent) -> None:
        if event.is_folder:  # its name may be another folder's by now
            for base in self._below(f"{event.folder}{event.name}/"):
                events.forget(base)
        self._look_at(event.folder, event.name)
        if event.is_folder and f"{event.folder}{event.name}/" in self._folders:
            self._scan(f"{event.folder}{event.name}/")

    def _look_at_path(self, path: str) -> None:
        """Look at one file, or at the first folder on the way to it that is new."""
        base = path[: path.rfind("/") + 1]
        while base not in self._folders and base:
            base = base[: base.rfind("/", 0, -1) + 1]
        self._look_at(base, path[len(base) :].partition("/")[0])

    def _full_pass(self) -> None:
        began = self._clock()
        self._scan("")
        self._earlier = {}
        took = self._clock() - began
        rest = self._rest(took) if self._events is None else max(took * CHECK_REST, CHECK_REST_S)
        self._full_due = self._clock() + rest

    def _quick_pass(self) -> None:
        began = self._clock()
        for base, folder in list(self._folders.items()):
            try:
                if base in self._folders and self._stamp(base) != folder.stamp:
                    for below in self._scan_one(base):
                        if below not in self._folders:
                            self._scan(below)
            except (FileNotFoundError, NotADirectoryError):
                self._drop(base)
        self._quick_due = self._clock() + self._rest(self._clock() - began)

    def _rest(self, took: float) -> float:
        entries = 0
        for folder in self._folders.values():
            entries += 1 + len(folder.files)
            if entries > SMALL:
                return REST * took
        return 0.0

    def _scan(self, top: str) -> None:
        """Look at a folder and everything below it."""
        waiting = [top]
        while waiting:
            waiting += self._scan_one(waiting.pop())

    def _scan_one(self, base: str) -> list[str]:
        """Look at everything in a folder, and return the folders in it."""
        place = self._root + base
        folder = self._folders.setdefault(base, Folder())
        self._watch(base)
        try:
            stamp, looked = self._stamp(base), time.time_ns()
            here = dict(_entries(place))
        except (FileNotFoundError, NotADirectoryError):
            self._drop(base)
            return []
        folder.stamp = stamp if looked - stamp > UNSURE_NS else -1
        before = (*folder.files, *folder.folders, *self._aside.get(base, ()))
        for name in [name for name in before if name not in here]:
            self._forget(base, folder, name)
        for name, about in here.items():
            known = folder.files.get(name)
            if known is None or not known.is_still(about):
                self._take(base, folder, name, about)
        return [f"{base}{name}/" for name in folder.folders]

    def _look_at(self, base: str, name: str) -> None:
        """Look at one entry of a folder, and at everything below it where it is a folder that is new."""
        folder = self._folders.get(base)
        if folder is None or name[0] == ".":
            return
        try:
            about = os.lstat(self._root + base + name)
        except (FileNotFoundError, NotADirectoryError):
            self._forget(base, folder, name)
            return
        known = folder.files.get(name)
        if known is None or not known.is_still(about) or (base, name) in self._unsure:
            self._take(base, folder, name, about)
        below = f"{base}{name}/"
        if name in folder.folders and below not in self._folders:
            self._scan(below)

    def _stamp(self, base: str) -> int:
        """When something came or went in a folder. Raises FileNotFoundError, NotADirectoryError (also for a link)."""
        about = os.lstat((self._root + base)[:-1])
        if not stat.S_ISDIR(about.st_mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), self._root + base)
        return about.st_mtime_ns

    def _watch(self, base: str) -> None:
        if self._events is None:
            return
        try:
            self._events.watch(base)
        except (FileNotFoundError, NotADirectoryError):
            pass  # gone already: whoever lists it finds out
        except OSError:  # the kernel watches no more folders for us
            self._events = None
            self._quick_due = self._full_due = float("-inf")

    # --- what was seen

    def _take(self, base: str, folder: Folder, name: str, about: os.stat_result) -> None:
        """Note an entry that is new or has changed."""
        why = _why_not(name, about, self._max_bytes)
        is_folder = stat.S_ISDIR(about.st_mode) and not why
        if is_folder != (name in folder.folders) or (why and name in folder.files):
            self._forget(base, folder, name)
        if is_folder:
            folder.add_folder(name)
        elif not why:
            why = self._hash(base, folder, name, about)
        if is_folder and name.endswith(".json"):
            self._named_as_files.add(f"{base}{name}/")
        self._set_aside(base, name, why)

    def _hash(self, base: str, folder: Folder, name: str, about: os.stat_result) -> str:
        """Know the version of a file; why it is not read, empty where it is."""
        earlier = self._earlier.get(base, {}).get(name)
        if earlier is not None and earlier.is_still(about):
            self._note(base, folder, name, earlier)
            return ""
        self._unsure.discard((base, name))
        try:
            version = _version(self._root + base + name, about.st_size)
        except FileNotFoundError:
            self._forget(base, folder, name)
            return ""
        except OSError as error:
            self._forget(base, folder, name)
            return f"it cannot be opened ({error.strerror})."
        self.reads += 1
        self._note(base, folder, name, KnownFile(about.st_ctime_ns, about.st_size, about.st_ino, version))
        if time.time_ns() - about.st_ctime_ns <= UNSURE_NS:
            self._unsure.add((base, name))
        return ""

    def _note(self, base: str, folder: Folder, name: str, file: KnownFile) -> None:
        before = folder.files.get(name)
        folder.files[name] = file
        if before is None or before.version != file.version:
            self._news[base + name] = file.version

    def _set_aside(self, base: str, name: str, why: str) -> None:
        if why:
            self._aside.setdefault(base, {})[name] = why
        elif (names := self._aside.get(base)) and names.pop(name, None) and not names:
            del self._aside[base]

    def _is_empty(self, base: str) -> bool:
        try:
            with os.scandir(self._root + base) as entries:
                return not any(entries)
        except (FileNotFoundError, NotADirectoryError):
            return False

    def _forget(self, base: str, folder: Folder, name: str) -> None:
        """An entry is not there any more, or is something else now."""
        if folder.files.pop(name, None) is not None:
            self._news[base + name] = None
            self._unsure.discard((base, name))
        if name in folder.folders:
            folder.drop_folder(name)
            self._drop(f"{base}{name}/")
        self._set_aside(base, name, "")

    def _drop(self, top: str) -> None:
        """A folder is not there any more, nor what was in it."""
        for base in list(self._below(top)):
            folder = self._folders.pop(base)
            self._news |= dict.fromkeys((base + name for name in folder.files), None)
            self._unsure -= {(base, name) for name in folder.files}
            self._aside.pop(base, None)
            self._named_as_files.discard(base)
            if self._events is not None:
                self._events.forget(base)

    def _below(self, top: str) -> Iterator[str]:
        """A folder that is known, and those below it."""
        waiting = [top]
        while waiting:
            base = waiting.pop()
            if base in self._folders:
                yield base
                waiting += [f"{base}{name}/" for name in self._folders[base].folders]


def opened(place: str | Path) -> BinaryIO:
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


def _entries(place: str) -> Iterator[tuple[str, os.stat_result]]:
    """Name and state of everything in a folder that is not hidden."""
    with os.scandir(place) as entries:
        for entry in entries:
            if entry.name[0] != ".":
                with suppress(FileNotFoundError):  # it went meanwhile
                    yield entry.name, entry.stat(follow_symlinks=False)


def _events(root: Path) -> FolderEvents | None:
    try:
        return FolderEvents(root)
    except OSError:
        return None


def _version(place: str, size: int) -> str:
    """The git blob id of a file."""
    digest = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    with opened(place) as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def _why_not(name: str, about: os.stat_result, max_bytes: int | None) -> str:
    """Why an entry of a folder is not read, without opening it; empty for one that is, and for a folder."""
    if not PLAIN_NAME.fullmatch(name):
        return "its name has characters that no path takes here."
    if stat.S_ISLNK(about.st_mode):
        return "it is a symbolic link; these are not followed."
    if stat.S_ISDIR(about.st_mode):
        return ""
    if not stat.S_ISREG(about.st_mode):
        return "it is no regular file, but a pipe, a socket or a device."
    return too_long(about.st_size, max_bytes) if max_bytes is not None and about.st_size > max_bytes else ""
