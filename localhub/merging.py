"""Merging a pull request: its changes since it started, onto the present head of its base."""

import pygit2
from pygit2.enums import DiffOption

from localhub.clock import now
from localhub.discussions import OPEN, Discussion
from localhub.errors import AlreadyExists, Damaged, Forbidden
from localhub.objects import Changes, write_commit, write_tree
from localhub.refs import Move
from localhub.repos import Repo

_MAX_DIFF = 1_000_000


def _diff(repo: Repo, old: str, new: str) -> pygit2.Diff:
    """What differs between two commits; another repository's commit (a submodule) is no content."""
    before, after = (repo.objects.tree(repo.objects.read_commit(oid).tree) for oid in (old, new))
    return before.diff_to_tree(after, DiffOption.IGNORE_SUBMODULES | DiffOption.INCLUDE_TYPECHANGE)


def changes_between(repo: Repo, old: str, new: str) -> Changes:
    """Path -> blob (None: deleted) of every file whose content differs between two commits."""
    deltas = _diff(repo, old, new).deltas
    files = [(delta.new_file.path, delta.old_file.id, delta.new_file.id) for delta in deltas]
    return {path: after or None for path, before, after in files if before != after}


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
    return [path for path, blob in ours.items() if path in theirs and theirs[path] != blob]


def prepare_merge(repo: Repo, pull: Discussion, author: str) -> Move:
    """Write one commit with the changes on the base; it takes effect when the base is moved. Hold the repo's lock.

    Raises Forbidden unless the pull request is open, AlreadyExists (409) when files conflict.
    """
    if pull.status != OPEN:
        raise Forbidden(f"This pull request is {pull.status}: only an open one can be merged")
    in_conflict = conflicts(repo, pull)
    if in_conflict:
        raise AlreadyExists(f"This pull request has conflicts in {', '.join(in_conflict[:20])}")
    start, head, target = _heads(repo, pull)
    base = repo.objects.read_commit(target).tree
    with repo.objects.quarantine() as git:
        tree = str(write_tree(git, base, changes_between(repo, start, head)))
        oid = target
        if tree != base:
            message = f"{pull.title} (#{pull.num})"
            oid = write_commit(git, tree, [target], author, int(now().timestamp()), message)
    return Move(pull.base or "", target, oid)


def unified_diff(repo: Repo, pull: Discussion) -> str:
    """The pull request's changes as `git diff` writes them, cut after a million characters."""
    start, head, _ = _heads(repo, pull)
    text = ""
    for patch in _diff(repo, start, head):
        if patch is not None and len(text) < _MAX_DIFF:
            text += patch.data.decode("utf-8", "replace")
    return text[:_MAX_DIFF]
