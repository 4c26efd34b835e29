"""A repository at one commit: what is in it, and how a changed tree is written."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from localhub.cache import Cache
from localhub.clock import stamp_seconds
from localhub.errors import EntryNotFound, InvalidPath
from localhub.gitobjects import FILE_MODE, SUBMODULE_MODE, TREE_MODE, Commit, Tree, TreeEntry
from localhub.lfs import MAX_POINTER, Pointer
from localhub.repos import Repo

_trees: Cache[tuple[Path, str], Tree] = Cache(1_000_000, len)
_rows: Cache[tuple[Path, str], "list[Row]"] = Cache(1_000_000, len)
_blobs: Cache[tuple[Path, str], "Blob"] = Cache(400_000)


class Row(NamedTuple):
    """A file or folder of a listing; `oid` is the git object."""

    path: str
    oid: str
    is_folder: bool


class Blob(NamedTuple):
    """A file's size in git, and what it points to when it is a large file."""

    git_size: int
    pointer: Pointer | None

    @property
    def size(self) -> int:
        """Size of the content in bytes."""
        return self.pointer.size if self.pointer else self.git_size


def tree_of(repo: Repo, oid: str) -> Tree:
    """A tree object, not to be changed (copy it)."""
    return _trees.get((repo.folder, oid), lambda: Tree.decode(repo.objects.read(oid)[1]))


def blob_of(repo: Repo, oid: str) -> Blob:
    """Size and pointer of a blob."""

    def read() -> Blob:
        size, start = repo.objects.peek(oid, MAX_POINTER)
        return Blob(size, Pointer.decode(start) if size < MAX_POINTER else None)

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
        row = Row("", self.commit.tree, True)
        for segment in path.split("/") if path else ():
            if not row.is_folder:
                return None
            entry = tree_of(self.repo, row.oid).get(segment)
            if entry is None:
                return None
            row = Row(path, entry.oid, entry.is_folder)
        return row

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
        if not recursive:
            return [Row(entry.name, entry.oid, entry.is_folder) for entry in self._entries(top.oid)]
        return _rows.get((self.repo.folder, top.oid), lambda: list(self._walk(top.oid, "")))

    def _entries(self, tree: str) -> Iterator[TreeEntry]:
        """Files and folders of a tree; another repository's commit (a submodule) is neither."""
        return (entry for entry in tree_of(self.repo, tree) if entry.mode != SUBMODULE_MODE)

    def _walk(self, tree: str, prefix: str) -> Iterator[Row]:
        for entry in self._entries(tree):
            path = prefix + entry.name
            yield Row(path, entry.oid, entry.is_folder)
            if entry.is_folder:
                yield from self._walk(entry.oid, path + "/")

    def files(self) -> list[Row]:
        """Every file."""
        return [row for row in self.listing(recursive=True) if not row.is_folder]

    def blob(self, row: Row) -> Blob:
        """Size and pointer of a file."""
        return blob_of(self.repo, row.oid)

    def read(self, path: str, limit: int = 32 * 1024 * 1024) -> bytes | None:
        """The first `limit` bytes of a file, large or not; None when there is none, or its content is missing."""
        row = self.find(path)
        if row is None or row.is_folder:
            return None
        pointer = self.blob(row).pointer
        if pointer is None:
            return self.repo.objects.read(row.oid)[1][:limit]
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
        """A row as the API's tree and paths-info give it."""
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
        commit: Commit | None = self.commit
        while commit:
            yield commit
            commit = self.repo.objects.read_commit(commit.parent) if commit.parent else None

    def last_commits(self, paths: list[str]) -> dict[str, dict[str, str]]:
        """Path -> the commit that last changed it: `{id, title, date}`."""
        wanted, found = set(paths), {}
        newer = {path: self.find(path) for path in wanted}
        for commit in self.history():
            if not wanted:
                break
            older = Snapshot(self.repo, commit.parent) if commit.parent else None
            before = {path: older.find(path) if older else None for path in wanted}
            for path in [path for path in wanted if newer[path] != before[path]]:
                found[path] = {"id": commit.oid, "title": commit.title, "date": stamp_seconds(commit.time)}
                wanted.discard(path)
            newer = before
        return found


def write_tree(repo: Repo, base: str | None, changes: Mapping[str, str | None]) -> str:
    """Write the tree `base` with `changes` (path -> blob, or None to delete a file or folder) and return its id.

    Only the folders on the way to a change are rewritten. Raises InvalidPath when a path is both file and folder.
    """
    tree = tree_of(repo, base).copy() if base else Tree.empty()
    below: dict[str, dict[str, str | None]] = {}
    for path, oid in changes.items():
        name, slash, rest = path.partition("/")
        if slash:
            below.setdefault(name, {})[rest] = oid
        elif oid is None:
            tree.remove(name)
        else:
            tree.put(FILE_MODE, name, oid)
    for name, inside in below.items():
        if changes.get(name) is not None:
            raise InvalidPath(f'Invalid path "{name}": it is a file and a folder in the same commit')
        entry = tree.get(name)
        subtree = write_tree(repo, entry.oid if entry and entry.is_folder else None, inside)
        if len(tree_of(repo, subtree)):
            tree.put(TREE_MODE, name, subtree)
        elif entry and entry.is_folder:
            tree.remove(name)
    oid = repo.objects.write("tree", tree.encode())
    _trees.put((repo.folder, oid), tree)
    return oid
