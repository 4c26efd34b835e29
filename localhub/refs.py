"""Branches, tags and pull-request heads of a bare repository: read by libgit2, changed here.

References are changed without libgit2, because after a crash its locks look like those of git itself.
"""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import pygit2

from localhub.drafts import Drafts
from localhub.errors import AlreadyExists, LocalHubError, RevisionNotFound, StaleParent
from localhub.files import fsync_folder
from localhub.objects import Objects

MAIN = "refs/heads/main"
HEAD = "HEAD"
"""The name of git and some clients for the default branch; always main in localhub."""
_LOCK_WAIT = 10.0
_ABANDONED = 60.0
"""Seconds to wait for a lock of git, and the age at which a lock counts as left by a crash."""
_OURS = "held-by-localhub"
"""Target of localhub's locks: they are symbolic links, created atomically; git's locks are ordinary files."""
_HEX = re.compile(r"[0-9a-f]{7,40}")


class Move(NamedTuple):
    """A reference, the commit it points to (None: it does not exist yet), and the commit it is to point to."""

    ref: str
    old: str | None
    new: str


class Refs:
    """References of one bare repository; write only while the repository's lock is held."""

    def __init__(self, folder: Path, objects: Objects, drafts: Drafts) -> None:
        self.folder = folder
        self._objects = objects
        self._drafts = drafts

    def get(self, ref: str) -> str | None:
        """The object that a full reference name points to, None when there is no such reference."""
        if "\0" in ref:  # libgit2 would cut the name at the zero byte
            return None
        try:
            return str(self._objects.git.lookup_reference(ref).resolve().target)
        except (KeyError, ValueError):  # missing, or not a valid name
            return None

    def under(self, prefix: str) -> dict[str, str]:
        """Reference name -> object of all references below `prefix`, sorted."""
        references = self._objects.git.references.iterator()
        below = (reference for reference in references if reference.name.startswith(prefix))
        return dict(sorted((reference.name, str(reference.resolve().target)) for reference in below))

    def resolve(self, revision: str) -> str:
        """The commit named by `HEAD`, a branch, a tag, a full reference or (part of) a commit id.

        Raises RevisionNotFound.
        """
        if revision == HEAD:
            revision = MAIN
        for ref in (f"refs/heads/{revision}", f"refs/tags/{revision}", revision):
            if ref.startswith("refs/") and (oid := self.get(ref)):
                return self._objects.peel(oid)
        if _HEX.fullmatch(revision):
            with suppress(KeyError, ValueError):  # missing, or ambiguous
                commit = self._objects.git[revision]
                if isinstance(commit, pygit2.Commit):
                    return str(commit.id)
        raise RevisionNotFound(f"Invalid rev id: {revision[:200]}")

    def move(self, ref: str, old: str | None, new: str) -> None:
        """Point `ref` from `old` (None: it does not exist yet) to `new`, durably.

        Raises StaleParent when it has moved since (git itself may have moved it), AlreadyExists when its name
        conflicts with another reference.
        """
        path = self.folder / ref
        if old is None and any(name.startswith(f"{ref}/") or ref.startswith(f"{name}/") for name in self.under("")):
            raise AlreadyExists(
                f"Reference {ref} is in conflict with an existing reference of a longer or shorter name"
            )
        _remove_empty(path)
        with _locked(path):
            if self.get(ref) != old:
                raise StaleParent("The branch was updated since you opened this page. Please refresh and try again.")
            self._drafts.write(path, new.encode() + b"\n")

    def delete(self, ref: str) -> None:
        """Delete `ref`, both loose and packed."""
        path, packed = self.folder / ref, self.folder / "packed-refs"
        with _locked(path), _locked(packed):
            rows = packed.read_bytes() if packed.is_file() else b""
            # A row is "ID NAME"; a row "^ID" after it is the commit of an annotated tag.
            others = re.sub(rb"(?m)^[0-9a-f]+ %b\n(\^.*\n)?" % re.escape(ref.encode()), b"", rows)
            if others != rows:
                self._drafts.write(packed, others)
            path.unlink(missing_ok=True)
        fsync_folder(path.parent)


def left_locks(folder: Path) -> list[Path]:
    """Localhub's locks in a bare repository; while the repository's lock is held, only killed processes left them."""
    locks = [*(folder / "refs").rglob("*.lock"), folder / "packed-refs.lock"]
    return [lock for lock in locks if _is_ours(lock)]


def _remove_empty(folder: Path) -> None:
    if folder.is_dir():
        for child in sorted(folder.rglob("*"), reverse=True):
            if _is_ours(child):
                child.unlink()
            else:
                child.rmdir()
        folder.rmdir()


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """git's own lock of a file, `path.lock`: it keeps git itself out, as the repository's lock keeps out localhub."""
    lock = path.with_name(path.name + ".lock")
    _take(lock)
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)


def _take(lock: Path) -> None:
    deadline = time.monotonic() + _LOCK_WAIT
    while time.monotonic() < deadline:
        lock.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError, FileExistsError):
            # Not found: `git gc` has just removed the folder, which was empty. Exists: somebody holds the lock.
            lock.symlink_to(_OURS)
            return
        if _is_ours(lock):
            # Whoever comes here holds the repository's lock: the process that held this one was killed.
            lock.unlink()
            continue
        if _age(lock) > _ABANDONED:
            lock.unlink(missing_ok=True)
        time.sleep(0.01)
    raise LocalHubError(f"{lock.stem} is locked by git: try again", status=503)


def _is_ours(lock: Path) -> bool:
    return lock.is_symlink() and str(lock.readlink()) == _OURS


def _age(path: Path) -> float:
    try:
        return time.time() - path.lstat().st_mtime
    except FileNotFoundError:
        return 0.0
