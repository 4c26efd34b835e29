"""What differs between two commits of a repository: a patch, and git's raw format as the Hub writes it.

That has a line for each file: `T` (text) or `B` (binary), the size of the new content in bytes (0 where there is none),
a tab, and what `git diff --raw --abbrev=40 --no-renames` prints. Paths are not quoted.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from localhub.repos import Repo
from localhub.trees import blob_of

_ENTRY = re.compile(rb"(\d+) ([^\0]+)\0(.{20})", re.DOTALL)
_FOLDER, _SUBMODULE = 0o040000, 0o160000
_SAMPLE = 8000
"""Like git: content with a zero byte among so many first ones is binary."""


class Entry(NamedTuple):
    """One of a folder; mode 0 where there is none."""

    mode: int = 0
    oid: str = "0" * 40

    @property
    def folder(self) -> str | None:
        """Its id if it is a folder itself."""
        return self.oid if self.mode == _FOLDER else None


NOTHING = Entry()


class Difference(NamedTuple):
    """A file that is not the same in both commits."""

    path: str
    old: Entry
    new: Entry


def compared(repo: Repo, names: str) -> tuple[str | None, str]:
    """The two commits of `BASE..HEAD`; for a single revision its parent (None for the first commit) and itself.

    Raises RevisionNotFound.
    """
    base, dots, head = names.partition("..")
    if dots:
        return repo.refs.resolve(base), repo.refs.resolve(head)
    commit = repo.refs.resolve(names)
    return repo.objects.read_commit(commit).parent, commit


def patch(repo: Repo, base: str | None, head: str) -> str:
    """From the files of one commit (None: no files) to those of another."""
    objects = repo.objects
    new = objects.tree(objects.read_commit(head).tree)
    diff = objects.tree(objects.read_commit(base).tree).diff_to_tree(new) if base else new.diff_to_tree(swap=True)
    return diff.patch or ""


def raw_lines(repo: Repo, base: str | None, head: str) -> Iterator[str]:
    """The lines, each with its newline, in git's order."""
    old, new = (repo.objects.read_commit(commit).tree if commit else None for commit in (base, head))
    for path, was, now in sorted(_differences(repo, old, new, ""), key=lambda difference: difference.path.encode()):
        kind, size = _content(repo, now)
        status = "A" if was == NOTHING else "D" if now == NOTHING else _change(was, now)
        yield f"{kind} {size}\t:{was.mode:06o} {now.mode:06o} {was.oid}... {now.oid}... {status}\t{path}\n"


def _differences(repo: Repo, old: str | None, new: str | None, prefix: str) -> Iterator[Difference]:
    """Folders with the same id are not looked into: libgit2, for its part, reads all of them."""
    before, after = _entries(repo, old), _entries(repo, new)
    for name in dict(before.items() ^ after.items()):
        was, now = before.get(name, NOTHING), after.get(name, NOTHING)
        path = f"{prefix}{name.decode('utf-8', 'replace')}"
        if was.folder or now.folder:
            yield from _differences(repo, was.folder, now.folder, f"{path}/")
            was, now = (NOTHING if entry.folder else entry for entry in (was, now))
        if was != now:
            yield Difference(path, was, now)


def _entries(repo: Repo, tree: str | None) -> dict[bytes, Entry]:
    """Name -> entry of a folder; nothing for None."""
    if tree is None:
        return {}
    return {name: Entry(int(mode, 8), oid.hex()) for mode, name, oid in _ENTRY.findall(repo.objects.read(tree))}


def _change(was: Entry, now: Entry) -> str:
    """git's letter: T where a file became a link or a submodule, or the reverse."""
    return "M" if was.mode >> 12 == now.mode >> 12 else "T"


def _content(repo: Repo, file: Entry) -> tuple[str, int]:
    """Kind and size of a file's content."""
    if file.mode in (0, _SUBMODULE):
        return "T", 0
    return "B" if b"\0" in repo.objects.read(file.oid)[:_SAMPLE] else "T", blob_of(repo, file.oid).size
