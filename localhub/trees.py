"""A repository at one commit: its files and its history."""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import pygit2
from pygit2.enums import FileMode

from localhub.cache import Cache
from localhub.clock import stamp_seconds
from localhub.errors import EntryNotFound
from localhub.lfs import MAX_POINTER, Pointer
from localhub.objects import Commit
from localhub.repos import Repo

_listings: Cache[tuple[Path, str], "list[Row]"] = Cache(1_000_000, len)
_blobs: Cache[tuple[Path, str], "Blob"] = Cache(400_000)


class Row(NamedTuple):
    """A file or folder of a listing; `oid` is the git object."""

    path: str
    oid: str
    is_folder: bool


class Blob(NamedTuple):
    """A file's size in git, and its pointer if it is a large file."""

    git_size: int
    pointer: Pointer | None

    @property
    def size(self) -> int:
        """Size of the content in bytes."""
        return self.pointer.size if self.pointer else self.git_size


def blob_of(repo: Repo, oid: str) -> Blob:
    """Size and pointer of a blob."""

    def read() -> Blob:
        size = repo.objects.size(oid)
        return Blob(size, Pointer.decode(repo.objects.read(oid)) if size < MAX_POINTER else None)

    return _blobs.get((repo.folder, oid), read)


class Snapshot:
    """A repository at one commit."""

    def __init__(self, repo: Repo, commit: str) -> None:
        self.repo, self.oid = repo, commit

    @cached_property
    def commit(self) -> Commit:
        """The commit itself."""
        return self.repo.objects.read_commit(self.oid)

    def find(self, path: str) -> Row | None:
        """The file or folder at `path`; the root is the empty path."""
        if not path:
            return Row("", self.commit.tree, True)
        if "\0" in path or path.endswith("/"):  # libgit2 would cut the path there
            return None
        try:
            entry = self.repo.objects.tree(self.commit.tree)[path]
        except (KeyError, TypeError):  # missing, or not a valid path
            return None
        return None if entry.filemode == FileMode.COMMIT else _row(path, entry)

    def file(self, path: str) -> Row:
        """The file at `path`; raises EntryNotFound."""
        row = self.find(path)
        if row is None or row.is_folder:
            raise EntryNotFound(f'Entry not found: "{path[:200]}" at {self.oid[:12]}')
        return row

    def listing(self, folder: str = "", *, recursive: bool = False) -> list[Row]:
        """Rows below `folder`, paths relative to it, in git's order; raises EntryNotFound."""
        top = self.find(folder)
        if top is None or not top.is_folder:
            raise EntryNotFound(f'"{folder[:200]}" does not exist on "{self.oid[:12]}"')
        tree = self.repo.objects.tree(top.oid)
        if not recursive:
            return list(_walk(tree, "", recursive=False))
        return _listings.get((self.repo.folder, top.oid), lambda: list(_walk(tree, "")))

    def files(self) -> list[Row]:
        """Every file."""
        return [row for row in self.listing(recursive=True) if not row.is_folder]

    def blob(self, row: Row) -> Blob:
        """Size and pointer of a file."""
        return blob_of(self.repo, row.oid)

    def read(self, path: str, limit: int = 32 * 1024 * 1024) -> bytes | None:
        """The first `limit` bytes of a file, large or not; None when the file or its content is missing."""
        row = self.find(path)
        if row is None or row.is_folder:
            return None
        pointer = self.blob(row).pointer
        if pointer is None:
            return self.repo.objects.read(row.oid)[:limit]
        content = self.repo.lfs.path(pointer.oid)
        if not content.is_file():
            return None
        with content.open("rb") as file:
            return file.read(limit)

    def text(self, path: str) -> str | None:
        """A file as text, None when there is none."""
        content = self.read(path)
        return None if content is None else content.decode("utf-8", "replace")

    def describe(self, row: Row, path: str | None = None) -> dict[str, Any]:
        """A row in the format of the API's tree and paths-info."""
        path = row.path if path is None else path
        if row.is_folder:
            return {"type": "directory", "oid": row.oid, "size": 0, "path": path}
        blob = self.blob(row)
        entry: dict[str, Any] = {"type": "file", "oid": row.oid, "size": blob.size, "path": path}
        if blob.pointer:
            entry["lfs"] = {"oid": blob.pointer.oid, "size": blob.pointer.size, "pointerSize": blob.git_size}
        return entry

    def history(self) -> Iterator[Commit]:
        """This commit and its first parents, newest first."""
        return self.repo.objects.history(self.oid)

    def last_commits(self, paths: list[str]) -> dict[str, dict[str, str]]:
        """Path -> the commit that last changed it: `{id, title, date}`."""
        remaining, commits = set(paths), {}
        newer = {path: self.find(path) for path in remaining}
        for commit in self.history():
            if not remaining:
                break
            older = Snapshot(self.repo, commit.parent) if commit.parent else None
            before = {path: older.find(path) if older else None for path in remaining}
            for path in [path for path in remaining if newer[path] != before[path]]:
                commits[path] = {"id": commit.oid, "title": commit.title, "date": stamp_seconds(commit.time)}
                remaining.discard(path)
            newer = before
        return commits


def _row(path: str, entry: pygit2.Object) -> Row:
    return Row(path, str(entry.id), entry.filemode == FileMode.TREE)


def _walk(tree: pygit2.Tree, prefix: str, *, recursive: bool = True) -> Iterator[Row]:
    """Files and folders of a tree; another repository's commit (a submodule) is neither."""
    for entry in tree:
        if entry.filemode == FileMode.COMMIT:
            continue
        row = _row(f"{prefix}{entry.name}", entry)
        yield row
        if recursive and isinstance(entry, pygit2.Tree):
            yield from _walk(entry, f"{row.path}/")
