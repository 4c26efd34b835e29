"""Branches, tags and pull-request heads of a bare repository, loose or packed."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from localhub.drafts import Drafts
from localhub.errors import AlreadyExists, LocalHubError, RevisionNotFound, StaleParent
from localhub.files import fsync_folder
from localhub.gitobjects import Objects

MAIN = "refs/heads/main"
HEAD = "HEAD"
"""What git and some clients call the default branch, here always main."""
_PATIENCE = 10.0
_ABANDONED = 60.0
"""Seconds that a lock of git is waited for, and after which it is taken to be left by a crash."""
_OURS = "held-by-localhub"
"""Where a lock of ours points: it is a symbolic link, made in one step, and git's are ordinary files."""
_HEX = re.compile(r"[0-9a-f]{7,40}")


class Move(NamedTuple):
    """A reference, the commit it points to (None: it does not exist yet), and the commit it is to point to."""

    ref: str
    old: str | None
    new: str


class Refs:
    """References of one bare repository; write only while the repository's lock is held."""

    def __init__(self, folder: Path, drafts: Drafts) -> None:
        self.folder = folder
        self._drafts = drafts

    def get(self, ref: str) -> str | None:
        """The commit that a full reference name points to."""
        try:
            return (self.folder / ref).read_text().strip()
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            return self._packed().get(ref)

    def move(self, ref: str, old: str | None, new: str) -> None:
        """Point `ref` from `old` (None: it does not exist yet) to `new`, durably.

        Raises StaleParent when it is elsewhere by now (git itself may have moved it), AlreadyExists when another name
        is in its way.
        """
        path = self.folder / ref
        if old is None and any(
            f"{known}/".startswith(f"{ref}/") or ref.startswith(f"{known}/") for known in self._others(ref)
        ):
            raise AlreadyExists(
                f"Reference {ref} is in conflict with an existing reference of a longer or shorter name"
            )
        _remove_empty(path)
        with _locked(path):
            if self.get(ref) != old:
                raise StaleParent("The branch was updated since you opened this page. Please refresh and try again.")
            self._drafts.write(path, new.encode() + b"\n")

    def delete(self, ref: str) -> None:
        """Forget `ref`, wherever it is kept."""
        path = self.folder / ref
        with _locked(path):
            packed = self._packed()
            if packed.pop(ref, None):
                rows = [f"{oid} {name}\n" for name, oid in sorted(packed.items())]
                with _locked(self.folder / "packed-refs"):
                    self._drafts.write(self.folder / "packed-refs", "".join(rows).encode())
            path.unlink(missing_ok=True)
        fsync_folder(path.parent)

    def _others(self, ref: str) -> list[str]:
        return [known for known in self.under("refs/") if known != ref]

    def left_locks(self) -> list[Path]:
        """Locks of ours; while the repository's lock is held, they are those that killed processes left."""
        locks = [*(self.folder / "refs").rglob("*.lock"), self.folder / "packed-refs.lock"]
        return [lock for lock in locks if _is_ours(lock)]

    def release_left(self) -> None:
        """Remove the locks that killed processes left."""
        for lock in self.left_locks():
            lock.unlink(missing_ok=True)

    def under(self, prefix: str) -> dict[str, str]:
        """Reference name -> commit of all references below `prefix`, sorted."""
        found = {name: oid for name, oid in self._packed().items() if name.startswith(prefix)}
        base = self.folder / prefix
        for path in base.rglob("*") if base.is_dir() else ():
            if path.is_file() and path.suffix != ".lock":
                found[path.relative_to(self.folder).as_posix()] = path.read_text().strip()
        return dict(sorted(found.items()))

    def resolve(self, revision: str, objects: Objects) -> str:
        """The commit named by `HEAD`, a branch, a tag, a full reference or (part of) a commit id."""
        if revision == HEAD:
            revision = MAIN
        for ref in (f"refs/heads/{revision}", f"refs/tags/{revision}", revision):
            if ref.startswith("refs/") and ".." not in ref and (oid := self.get(ref)):
                return objects.peel(oid)
        if _HEX.fullmatch(revision):
            commits = [oid for oid in objects.starting_with(revision) if objects.kind(oid) == "commit"]
            if len(commits) == 1:
                return commits[0]
        raise RevisionNotFound(f"Invalid rev id: {revision[:200]}")

    def _packed(self) -> dict[str, str]:
        try:
            text = (self.folder / "packed-refs").read_text()
        except FileNotFoundError:
            return {}
        lines = [line.split(" ", 1) for line in text.splitlines() if line and line[0] not in "#^"]
        return {name: oid for oid, name in lines}


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
    deadline = time.monotonic() + _PATIENCE
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
