"""A folder as a FileStore, for any number of processes on one machine (or on a file system with working flock).

Writers take one lock; readers take none. A file is written beside its place, synced and renamed, so nobody reads half
of one. Several files go through a journal: once the journal is on disk the commit has happened, and whoever opens the
store next carries out what a killed writer left undone.

    .podium/lock       held (flock) by the writer
    .podium/stage/     new contents before they are renamed into place
    .podium/journal    JSON [[path, staged name or null], ...]: a commit of several files under way
    .podium/*.json     what a start need not read again; made anew where it is missing or damaged
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from leaderboard import Changes
from leaderboard.errors import BadPath, Conflict, Infrastructure, NotFound, Unreadable
from leaderboard.hub.trees import blob_version
from leaderboard.stores.changelog import ChangeLog
from leaderboard.stores.folder_tree import FolderTree, KnownFile, opened
from leaderboard.stores.paths import check_path, check_paths, too_long
from leaderboard.stores.saved import SAVE_AFTER, load, save

OWN_FOLDER = ".podium"
SAVED, LAYOUT = "versions", "versions-1"
"""Name and layout of what is kept of the files' versions for the next start."""


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
        self._looking = threading.RLock()
        self._tree: FolderTree | None = None
        self._looker = os.getpid()
        self._log = ChangeLog(self._news)
        with self._locked():
            pass

    def list(self, prefix: str = "") -> dict[str, str]:
        """Path -> git blob id of every file whose path begins with `prefix`; unchanged files are not read again."""
        if folder := prefix.rpartition("/")[0]:
            check_path(folder)
        with self._looking:
            return self._look().versions(prefix)

    def set_aside(self) -> Mapping[str, str]:
        """Path -> why, of what is not read, as of the last look."""
        with self._looking:
            return self._tree.aside() if self._tree else {}

    def kept_at(self, name: str) -> Path:
        """Where to keep `name`, made from the files of this store, between starts."""
        return self.root / OWN_FOLDER / f"{name}.json"

    def read(self, path: str) -> tuple[bytes, str]:
        """Content and git blob id. Raises NotFound, Unreadable, BadPath."""
        self._settle()
        content = self._content(path)
        if content is None:
            raise NotFound(f"There is no file {path}.")
        return content, blob_version(content)

    def read_many(self, paths: Iterable[str]) -> Iterator[tuple[str, bytes, str]]:
        """Path, content and git blob id of each file that is there."""
        folders: dict[str, Path] = {}
        for path in paths:
            folder, _, name = check_path(path).rpartition("/")
            if folder not in folders:
                folders[folder] = self._place(path).parent
            with suppress(Unreadable):  # it grew since it was listed; the next list sets it aside
                content = self._content(path, folders[folder] / name)
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
                if self._tree:
                    self._tree.note_written(changes)
        except OSError as error:
            raise Infrastructure(f"The folder {self.root} could not be written: {error.strerror or error}.") from error
        return self._log.version()

    def flush(self, message: str, now_or_never: str = "") -> set[str]:
        """Nothing waits here."""
        return set()

    def changes_since(self, version: str | None) -> Changes:
        """What differs from what `version` knew, files put there by hand included. Versions end with this object."""
        return self._log.since(version)

    # --- looking

    def _look(self) -> FolderTree:
        """The files as they are now; a forked process has to look for itself."""
        self._settle()
        if self._tree is None or self._looker != os.getpid():
            self._looker = os.getpid()
            self._tree = FolderTree(self.root, self._max_bytes)
            self._tree.start_from(self._saved())
        self._tree.look()
        if self._tree.reads >= SAVE_AFTER:
            self._tree.reads = 0
            save(self.kept_at(SAVED), LAYOUT, self._tree.known())
        return self._tree

    def _saved(self) -> dict[str, dict[str, KnownFile]]:
        """The versions that an earlier process knew."""
        try:
            known = load(self.kept_at(SAVED), LAYOUT) or {}
            return {base: {name: KnownFile(*file) for name, file in files.items()} for base, files in known.items()}
        except (AttributeError, TypeError):  # not written by us
            return {}

    def _news(self) -> Changes:
        with self._looking:
            return Changes("", self._look().take_news())

    # --- reading

    def _place(self, path: str) -> Path:
        place = self.root / check_path(path)
        if os.path.realpath(place) != str(place):
            raise BadPath(path, "it leads through a link")
        return place

    def _content(self, path: str, place: Path | None = None) -> bytes | None:
        """What is in a file; None where there is none. `place`: where it lies, for who has checked that already."""
        try:
            with opened(place or self._place(path)) as file:
                size = os.fstat(file.fileno()).st_size
                content = file.read() if self._max_bytes is None else file.read(self._max_bytes + 1)
        except (FileNotFoundError, NotADirectoryError):
            return None
        if self._max_bytes is not None and len(content) > self._max_bytes:
            raise Unreadable(path, too_long(size, self._max_bytes))
        return content

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
                write_synced(self._stage / str(number), content)
            plan.append((path, None if content is None else str(number)))
        if len(plan) > 1:
            draft = self._stage / "journal"
            write_synced(draft, json.dumps(plan).encode())
            sync_folder(self._stage)
            draft.rename(self._journal)
            sync_folder(self._journal.parent)
            self._carry_out()
        else:
            self._apply(plan)

    def _carry_out(self) -> None:
        """Do what the journal says, as often as it takes, then drop it."""
        self._apply(json.loads(self._journal.read_bytes()))
        self._journal.unlink()
        sync_folder(self._journal.parent)

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
                sync_folder(folder)

    def _drop_empty(self, folder: Path) -> None:
        """Folders exist only for their files, as in git."""
        while folder != self.root:
            if folder.exists():
                if any(folder.iterdir()):
                    return
                folder.rmdir()
            folder = folder.parent


def write_synced(place: Path, content: bytes) -> None:
    """Write a file; it is on the disk when this returns. Raises OSError."""
    with place.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Have the names in a folder on the disk. Raises OSError."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _make_folder(folder: Path) -> None:
    if not folder.is_dir():
        _make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        sync_folder(folder.parent)
