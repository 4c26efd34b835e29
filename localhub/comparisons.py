"""What differs between two commits of a repository, in git's raw format as the Hub writes it.

A line for each file: `T` (text) or `B` (binary), the size of the new content in bytes (0 where there is none), a tab,
and what `git diff --raw --abbrev=40` prints. Paths are not quoted.
"""

from collections.abc import Iterator

import pygit2
from pygit2.enums import DeltaStatus, FileMode

from localhub.repos import Repo
from localhub.trees import blob_of

_SAMPLE = 8000
"""Like git: content with a zero byte among so many first ones is binary."""


def compared(repo: Repo, names: str) -> tuple[str | None, str]:
    """The two commits of `BASE..HEAD`; for a single revision its parent (None for the first commit) and itself.

    Raises RevisionNotFound.
    """
    base, dots, head = names.partition("..")
    if dots:
        return repo.refs.resolve(base), repo.refs.resolve(head)
    commit = repo.refs.resolve(names)
    return repo.objects.read_commit(commit).parent, commit


def difference(repo: Repo, base: str | None, head: str) -> pygit2.Diff:
    """From the files of one commit (None: no files) to those of another; renamed files are found."""
    objects = repo.objects
    new = objects.tree(objects.read_commit(head).tree)
    diff = objects.tree(objects.read_commit(base).tree).diff_to_tree(new) if base else new.diff_to_tree(swap=True)
    diff.find_similar()
    return diff


def raw_lines(repo: Repo, diff: pygit2.Diff) -> Iterator[str]:
    """The lines of a difference, each with its newline."""
    for delta in diff.deltas:
        old, new = delta.old_file, delta.new_file
        kind, size = ("T", 0) if delta.status == DeltaStatus.DELETED else _content(repo, new)
        score = f"{delta.similarity:03}" if delta.status in (DeltaStatus.RENAMED, DeltaStatus.COPIED) else ""
        paths = f"{old.path}\t{new.path}" if score else new.path
        ids = f"{old.id}... {new.id}..."
        yield f"{kind} {size}\t:{old.mode:06o} {new.mode:06o} {ids} {delta.status_char()}{score}\t{paths}\n"


def _content(repo: Repo, file: pygit2.DiffFile) -> tuple[str, int]:
    """Kind and size of a file's content."""
    if file.mode == FileMode.COMMIT:
        return "T", 0
    oid = str(file.id)
    return "B" if b"\0" in repo.objects.read(oid)[:_SAMPLE] else "T", blob_of(repo, oid).size
