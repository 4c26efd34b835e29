"""Git objects in a bare repository: loose ones are written, loose and packed ones are read."""

import bisect
import hashlib
import re
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from localhub.drafts import Drafts
from localhub.errors import Damaged
from localhub.files import fsync_file, fsync_folder
from localhub.packs import Packs

FILE_MODE = "100644"
TREE_MODE = "40000"
SUBMODULE_MODE = "160000"
_AUTHOR = re.compile(r"(.*) <(.*)> (\d+) [+-]\d{4}")


class TreeEntry(NamedTuple):
    """One row of a tree: mode, name, object id in hex."""

    mode: str
    name: str
    oid: str

    @property
    def is_folder(self) -> bool:
        """Whether the entry is itself a tree."""
        return self.mode == TREE_MODE


@dataclass(frozen=True)
class Commit:
    """A commit as git stores it; `time` in seconds since 1970, UTC."""

    oid: str
    tree: str
    parents: tuple[str, ...]
    author: str
    time: int
    message: str

    @property
    def parent(self) -> str | None:
        """The first parent, None for a root commit."""
        return self.parents[0] if self.parents else None

    @property
    def title(self) -> str:
        """The first line of the message."""
        return self.message.partition("\n")[0]

    @property
    def body(self) -> str:
        """The message without its first line."""
        return self.message.partition("\n")[2].strip()


class Tree:
    """A tree's rows in git's order, as two parallel lists, so that one change to ten thousand rows is a splice."""

    __slots__ = ("_keys", "_rows")

    def __init__(self, keys: list[bytes], rows: list[bytes]) -> None:
        self._keys = keys
        self._rows = rows

    @classmethod
    def empty(cls) -> "Tree":
        """A tree without entries."""
        return cls([], [])

    @classmethod
    def decode(cls, body: bytes) -> "Tree":
        """Parse the body of a tree object."""
        keys, rows, start = [], [], 0
        while start < len(body):
            space = body.index(b" ", start)
            end = body.index(b"\0", space)
            name = body[space + 1 : end]
            keys.append(name + b"/" if body[start:space] == b"40000" else name)
            rows.append(body[start : end + 21])
            start = end + 21
        return cls(keys, rows)

    def encode(self) -> bytes:
        """The body of the tree object."""
        return b"".join(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[TreeEntry]:
        return map(_entry, self._rows)

    def get(self, name: str) -> TreeEntry | None:
        """The entry called `name`, file or folder."""
        raw = name.encode()
        for key in (raw, raw + b"/"):
            at = bisect.bisect_left(self._keys, key)
            if at < len(self._keys) and self._keys[at] == key:
                return _entry(self._rows[at])
        return None

    def put(self, mode: str, name: str, oid: str) -> None:
        """Add or replace `name`."""
        self.remove(name)
        raw = name.encode()
        key = raw + b"/" if mode == TREE_MODE else raw
        at = bisect.bisect_left(self._keys, key)
        self._keys.insert(at, key)
        self._rows.insert(at, mode.encode() + b" " + raw + b"\0" + bytes.fromhex(oid))

    def remove(self, name: str) -> None:
        """Drop `name`, if it is there."""
        raw = name.encode()
        for key in (raw, raw + b"/"):
            at = bisect.bisect_left(self._keys, key)
            if at < len(self._keys) and self._keys[at] == key:
                del self._keys[at], self._rows[at]

    def copy(self) -> "Tree":
        """An independent copy to change."""
        return Tree(self._keys.copy(), self._rows.copy())


def _entry(row: bytes) -> TreeEntry:
    head, oid = row[:-21], row[-20:]
    mode, _, name = head.partition(b" ")
    return TreeEntry(mode.decode(), name.decode("utf-8", "surrogateescape"), oid.hex())


class Objects:
    """The object database of one bare repository. Call `sync` before a reference is made to what was written."""

    def __init__(self, folder: Path, drafts: Drafts) -> None:
        self.folder = folder / "objects"
        self._drafts = drafts
        self._unsynced: list[Path] = []
        self.new: set[str] = set()
        """Ids of the objects written here that were not there before."""
        self._packs = Packs(self.folder / "pack")

    def _path(self, oid: str) -> Path:
        return self.folder / oid[:2] / oid[2:]

    def read(self, oid: str) -> tuple[str, bytes]:
        """(kind, content) of an object; raises Damaged when it is not there."""
        try:
            raw = zlib.decompress(self._path(oid).read_bytes())
        except FileNotFoundError:
            if found := self._packs.read(oid):
                return found
            raise Damaged(f"Object {oid} is missing from {self.folder.parent.name}") from None
        head, _, content = raw.partition(b"\0")
        return head.split()[0].decode(), content

    def peek(self, oid: str, length: int) -> tuple[int, bytes]:
        """(size, the first `length` bytes at most) of an object, without reading all of it."""
        try:
            with self._path(oid).open("rb") as file:
                raw = zlib.decompressobj().decompress(file.read(length + 512), length + 32)
        except FileNotFoundError:
            _, content = self.read(oid)
            return len(content), content[:length]
        head, _, content = raw.partition(b"\0")
        return int(head.split()[1]), content[:length]

    def kind(self, oid: str) -> str | None:
        """`commit`, `tree`, `blob`, `tag`, or None when there is no such object."""
        try:
            with self._path(oid).open("rb") as file:
                return zlib.decompressobj().decompress(file.read(64), 8).split()[0].decode()
        except FileNotFoundError:
            found = self._packs.read(oid)
            return found[0] if found else None

    def starting_with(self, prefix: str) -> list[str]:
        """Ids of the objects which begin with `prefix` (at least 4 hex digits)."""
        loose = {prefix[:2] + path.name for path in (self.folder / prefix[:2]).glob(prefix[2:] + "*")}
        return sorted(loose | self._packs.starting_with(prefix))

    def write(self, kind: str, content: bytes) -> str:
        """Store an object and return its id; storing it again changes nothing."""
        raw = b"%s %d\0" % (kind.encode(), len(content)) + content
        oid = hashlib.sha1(raw).hexdigest()
        path = self._path(oid)
        if not path.is_file() or path.stat().st_size == 0:
            with self._drafts.new() as draft:
                draft.write(zlib.compress(raw, 1))
                draft.keep(path, mode=0o444)
            self.new.add(oid)
        self._unsynced.append(path)
        return oid

    def sync(self) -> None:
        """Make everything written so far durable; what `git gc` has packed meanwhile is already."""
        for path in self._unsynced:
            with suppress(FileNotFoundError):
                fsync_file(path)
        for folder in {path.parent for path in self._unsynced}:
            with suppress(FileNotFoundError):
                fsync_folder(folder)
        self._unsynced.clear()

    def remove(self, oids: Iterable[str]) -> None:
        """Remove loose objects that nothing refers to."""
        for oid in oids:
            self._path(oid).unlink(missing_ok=True)

    def write_commit(self, tree: str, parents: tuple[str, ...], author: str, time: int, message: str) -> str:
        """Store a commit; the id is a function of the arguments alone."""
        name = re.sub(r"[<>\x00-\x1f]", "", author).strip(" .,") or "unknown"
        who = f"{name} <{name}@users.noreply.localhub> {time} +0000"
        head = [f"tree {tree}", *(f"parent {parent}" for parent in parents), f"author {who}", f"committer {who}"]
        text = "\n".join(head) + "\n\n" + message.replace("\0", "") + "\n"
        return self.write("commit", text.encode("utf-8", "replace"))

    def peel(self, oid: str) -> str:
        """The commit that an annotated tag names; anything else as it is."""
        while self.kind(oid) == "tag":
            oid = self.read(oid)[1].split(b"\n", 1)[0].removeprefix(b"object ").decode()
        return oid

    def read_commit(self, oid: str) -> Commit:
        """Parse a commit object."""
        kind, content = self.read(oid)
        if kind != "commit":
            raise Damaged(f"Object {oid} is a {kind}, not a commit")
        head, _, message = content.decode("utf-8", "replace").partition("\n\n")
        tree, parents, author, time = "", [], "unknown", 0
        for line in head.splitlines():
            key, _, value = line.partition(" ")
            if key == "tree":
                tree = value
            elif key == "parent":
                parents.append(value)
            elif key == "author" and (match := _AUTHOR.fullmatch(value)):
                author, time = match[1], int(match[3])
        return Commit(oid, tree, tuple(parents), author, time, message.rstrip("\n"))
