"""The git objects of one bare repository, read and written by libgit2 (pygit2)."""

import errno
import os
import re
import weakref
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pygit2
from pygit2.enums import ConfigLevel, FileMode, ObjectType, RepositoryOpenFlag

from localhub.drafts import Drafts
from localhub.errors import Damaged, InvalidPath, RepoNotFound
from localhub.files import fsync_file, fsync_folder, move_into_place

# A folder that was restored from a backup may belong to another user. The git configuration of the machine must not
# change what is served. What is read is not hashed again: that holds the interpreter's lock, and `git fsck` does it.
pygit2.settings.owner_validation = False
pygit2.settings.enable_strict_hash_verification(False)
pygit2.settings.cache_object_limit(ObjectType.TREE, 1 << 20)
for _level in (ConfigLevel.PROGRAMDATA, ConfigLevel.SYSTEM, ConfigLevel.XDG, ConfigLevel.GLOBAL):
    pygit2.settings.search_path[_level] = ""

Changes = Mapping[str, pygit2.Oid | None]
"""Path -> blob, or None to delete a file or folder."""


@dataclass(frozen=True)
class Commit:
    """A commit; `parent` is its first one, None for a root commit; `time` in seconds since 1970, UTC."""

    oid: str
    tree: str
    parent: str | None
    author: str
    time: int
    message: str

    @classmethod
    def of(cls, commit: pygit2.Commit) -> "Commit":
        """Copy the fields of a commit; invalid UTF-8 is replaced."""
        parents, author = commit.parent_ids, commit.author
        name, message = (raw.decode("utf-8", "replace") for raw in (author.raw_name, commit.raw_message))
        parent = str(parents[0]) if parents else None
        return cls(str(commit.id), str(commit.tree_id), parent, name, author.time, message.rstrip("\n"))

    @property
    def title(self) -> str:
        """The first line of the message."""
        return self.message.partition("\n")[0]

    @property
    def body(self) -> str:
        """The message without its first line."""
        return self.message.partition("\n")[2].strip()


class Objects:
    """The object database of one bare repository; like libgit2's handle in it, for one thread at a time."""

    def __init__(self, folder: Path, drafts: Drafts) -> None:
        self._folder = folder
        self._drafts = drafts
        self.new: set[str] = set()
        """Ids of the objects that this handle has added."""

    @cached_property
    def git(self) -> pygit2.Repository:
        """The repository, to read from; `quarantine` gives one to write to."""
        git = self._open()
        # It is part of a reference cycle: without this its packs stay open until the next garbage collection.
        weakref.finalize(self, git.free)
        return git

    def _open(self) -> pygit2.Repository:
        try:
            return pygit2.Repository(str(self._folder), RepositoryOpenFlag.NO_SEARCH | RepositoryOpenFlag.BARE)
        except pygit2.GitError as error:
            if not self._folder.is_dir():
                raise RepoNotFound("The repository was moved or deleted meanwhile") from None
            raise Damaged(f"{self._folder.name} is not a git repository: {error}") from None

    def read(self, oid: str) -> bytes:
        """The content of an object; raises Damaged."""
        with self._damage(oid):
            return self.git.read(oid)[1]

    def size(self, oid: str) -> int:
        """The size of an object's content in bytes; raises Damaged."""
        with self._damage(oid):
            return self.git.odb.read_header(oid)[1]

    def tree(self, oid: str) -> pygit2.Tree:
        """A folder; raises Damaged."""
        with self._damage(oid):
            return self.git[oid].peel(pygit2.Tree)

    def read_commit(self, oid: str) -> Commit:
        """A commit's fields; raises Damaged."""
        with self._damage(oid):
            return Commit.of(self.git[oid].peel(pygit2.Commit))

    def history(self, oid: str) -> Iterator[Commit]:
        """A commit and its first parents, newest first."""
        with self._damage(oid):
            walker = self.git.walk(oid)
            walker.simplify_first_parent()
            yield from map(Commit.of, walker)

    def peel(self, oid: str) -> str:
        """The target of an annotated tag; any other id unchanged."""
        with self._damage(oid):
            target = self.git[oid]
            while isinstance(target, pygit2.Tag):
                target = target.get_object()
            return str(target.id)

    @contextmanager
    def _damage(self, oid: str) -> Iterator[None]:
        try:
            yield
        except (pygit2.GitError, KeyError) as error:
            raise Damaged(f"Object {oid} of {self._folder.name} is missing or damaged: {error}") from None

    @contextmanager
    def quarantine(self) -> Iterator[pygit2.Repository]:
        """A repository that writes new objects to a separate folder and moves them in durably when the block ends.

        A block that fails, or whose process is killed, leaves nothing: the separate folder is a draft. Create
        references to the objects after the block. Raises OSError with its `errno` when the disk is full.
        """
        with self._drafts.folder() as apart, system_errors():
            odb = pygit2.Odb(str(apart))
            odb.add_disk_alternate(str(self._folder / "objects"))
            git = self._open()
            git.set_odb(odb)
            try:
                yield git
            finally:
                git.free()
            self._move_in(apart)

    def _move_in(self, apart: Path) -> None:
        written = sorted(apart.glob("??/*"))
        for path in written:
            fsync_file(path)
            move_into_place(path, self._path(path.parent.name + path.name))
            self.new.add(path.parent.name + path.name)
        for folder in {path.parent.name for path in written} | {""}:
            with suppress(FileNotFoundError):  # `git gc` has packed what was in it, durably
                fsync_folder(self._folder / "objects" / folder)

    def _path(self, oid: str) -> Path:
        return self._folder / "objects" / oid[:2] / oid[2:]

    def remove(self, oids: Iterable[str]) -> None:
        """Remove loose objects that nothing refers to."""
        for oid in oids:
            self._path(oid).unlink(missing_ok=True)


@contextmanager
def system_errors() -> Iterator[None]:
    """Restore the errno of a system error, such as a full disk, which libgit2 reports as text only."""
    try:
        yield
    except (OSError, pygit2.GitError) as error:
        for number in (errno.ENOSPC, errno.EDQUOT):
            if str(error).endswith(os.strerror(number)):
                raise OSError(number, str(error)) from error
        raise


def create_bare(folder: Path) -> None:
    """Make `folder` a bare repository without a commit, its branch `main`; raises OSError."""
    with system_errors():
        pygit2.init_repository(str(folder), bare=True, initial_head="main")


def write_commit(
    git: pygit2.Repository, tree: pygit2.Oid | str, parents: list[str], author: str, time: int, message: str
) -> str:
    """Store a commit; the id is a function of the arguments alone."""
    name = re.sub(r"[<>\x00-\x1f]", "", author).strip(" .,:;\\\"'") or "unknown"
    who = pygit2.Signature(name, f"{name}@users.noreply.localhub", time, 0)
    text = message.replace("\0", "").encode("utf-8", "replace").decode() + "\n"
    return str(git.create_commit(None, who, who, text, tree, parents))


def write_tree(git: pygit2.Repository, base: str | None, changes: Changes) -> pygit2.Oid:
    """Store the tree `base` with `changes`; folders that become empty go.

    Only the folders on the way to a change are written. Raises InvalidPath for a name that git does not allow.
    """
    return _changed(git, git[base] if base else None, changes).write()


def _changed(git: pygit2.Repository, base: pygit2.Object | None, changes: Changes) -> pygit2.TreeBuilder:
    builder = git.TreeBuilder(base) if isinstance(base, pygit2.Tree) else git.TreeBuilder()
    below: dict[str, dict[str, pygit2.Oid | None]] = {}
    for path, oid in changes.items():
        name, slash, rest = path.partition("/")
        if slash:
            below.setdefault(name, {})[rest] = oid
        elif oid is not None:
            _insert(builder, name, oid, FileMode.BLOB)
        elif builder.get(name) is not None:
            builder.remove(name)
    for name, inside in below.items():
        folder = builder.get(name)
        subtree = _changed(git, folder, inside)
        if len(subtree):
            _insert(builder, name, subtree.write(), FileMode.TREE)
        elif isinstance(folder, pygit2.Tree):
            builder.remove(name)
    return builder


def _insert(builder: pygit2.TreeBuilder, name: str, oid: pygit2.Oid, mode: FileMode) -> None:
    try:
        builder.insert(name, oid, mode)
    except pygit2.GitError as error:
        raise InvalidPath(f'Invalid path: git does not allow the name "{name[:200]}" ({error})') from None
