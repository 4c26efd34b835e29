"""Merging a pull request: its changes since it started, onto the present head of its base."""

import difflib

from localhub.clock import now
from localhub.discussions import OPEN, Discussion
from localhub.errors import AlreadyExists, Damaged, Forbidden
from localhub.refs import Move
from localhub.repos import Repo
from localhub.trees import Snapshot, write_tree

_MAX_DIFF = 1_000_000

Changes = dict[str, tuple[str | None, str | None]]
"""Path -> (blob before, blob after), None where there is no file."""


def _files(repo: Repo, commit: str) -> dict[str, str]:
    return {row.path: row.oid for row in Snapshot(repo, commit).files()}


def changes_between(repo: Repo, old: str, new: str) -> Changes:
    """What differs between two commits."""
    before, after = _files(repo, old), _files(repo, new)
    paths = sorted(before.keys() | after.keys())
    return {path: (before.get(path), after.get(path)) for path in paths if before.get(path) != after.get(path)}


def _heads(repo: Repo, pull: Discussion) -> tuple[str, str, str]:
    head, target = repo.refs.get(pull.ref), repo.refs.get(pull.base or "")
    if not head or not target or not pull.base_commit:
        raise Damaged(f"Pull request {pull.num} has lost its branch or its base")
    return pull.base_commit, head, target


def conflicts(repo: Repo, pull: Discussion) -> list[str]:
    """Paths which the pull request and its base have both changed, differently."""
    start, head, target = _heads(repo, pull)
    theirs = changes_between(repo, start, target)
    ours = changes_between(repo, start, head)
    return [path for path, change in ours.items() if path in theirs and theirs[path][1] != change[1]]


def prepare_merge(repo: Repo, pull: Discussion, author: str) -> Move:
    """Write one commit with the changes on the base; it counts once the base is moved. Hold the repo's lock.

    Raises Forbidden unless the pull request is open, AlreadyExists (409) when files conflict.
    """
    if pull.status != OPEN:
        raise Forbidden(f"This pull request is {pull.status}: only an open one can be merged")
    in_conflict = conflicts(repo, pull)
    if in_conflict:
        raise AlreadyExists(f"This pull request has conflicts in {', '.join(in_conflict[:20])}")
    start, head, target = _heads(repo, pull)
    base = Snapshot(repo, target)
    changes = {path: after for path, (_, after) in changes_between(repo, start, head).items()}
    tree = write_tree(repo, base.commit.tree, changes)
    if tree == base.commit.tree:
        return Move(pull.base or "", target, target)
    message = f"{pull.title} (#{pull.num})"
    oid = repo.objects.write_commit(tree, (target,), author, int(now().timestamp()), message)
    repo.objects.sync()
    return Move(pull.base or "", target, oid)


def unified_diff(repo: Repo, pull: Discussion) -> str:
    """The pull request's changes as `git diff` writes them, cut after a million characters."""
    start, head, _ = _heads(repo, pull)
    pieces, length = [], 0
    for path, (before, after) in changes_between(repo, start, head).items():
        piece = _file_diff(repo, path, before, after)
        pieces.append(piece)
        length += len(piece)
        if length > _MAX_DIFF:
            break
    return "".join(pieces)[:_MAX_DIFF]


def _file_diff(repo: Repo, path: str, before: str | None, after: str | None) -> str:
    names = f"a/{path}" if before else "/dev/null", f"b/{path}" if after else "/dev/null"
    header = f"diff --git a/{path} b/{path}\n"
    contents = [repo.objects.read(oid)[1] if oid else b"" for oid in (before, after)]
    if any(b"\0" in content[:8000] or len(content) > _MAX_DIFF for content in contents):
        return f"{header}Binary files {names[0]} and {names[1]} differ\n"
    old, new = (content.decode("utf-8", "replace").splitlines(keepends=True) for content in contents)
    lines = difflib.unified_diff(old, new, *names)
    return header + "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )
