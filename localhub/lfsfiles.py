"""The large files of a repo's whole history: list them, and delete them permanently."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

import pygit2

from localhub.discussions import Discussions
from localhub.lfs import Pointer
from localhub.objects import write_commit, write_tree
from localhub.refs import MAIN, Move
from localhub.repos import Repo
from localhub.trees import Snapshot


class StoredFile(NamedTuple):
    """The content of a large file, and one path that it was committed to."""

    oid: str
    size: int
    stored: datetime
    path: str
    """Empty when no commit has it: its commit failed, or its history was squashed or rewritten."""
    ref: str | None


def stored_files(repo: Repo) -> list[StoredFile]:
    """Every large content of the repo, latest first, whether or not a commit still has it."""
    places = _places(repo)
    files = []
    for path in repo.lfs.folder.glob("*/*/*"):
        status = path.stat()
        committed_path, ref = places.get(path.name, ("", None))
        files.append(
            StoredFile(path.name, status.st_size, datetime.fromtimestamp(status.st_mtime, UTC), committed_path, ref)
        )
    return sorted(files, key=lambda file: (file.stored, file.oid), reverse=True)


def _places(repo: Repo) -> dict[str, tuple[str, str]]:
    """Content -> (path, reference) of its latest commit; main comes first."""
    places: dict[str, tuple[str, str]] = {}
    visited: set[str] = set()
    refs = repo.refs.under("refs/")
    for ref in sorted(refs, key=lambda name: name != MAIN):
        for commit in Snapshot(repo, repo.objects.peel(refs[ref])).history():
            for path, pointer in _pointers(Snapshot(repo, commit.oid), "", visited):
                places.setdefault(pointer.oid, (path, ref))
    return places


def _pointers(snapshot: Snapshot, folder: str, visited: set[str]) -> Iterator[tuple[str, Pointer]]:
    """Large files below a folder, skipping the git objects in `visited`."""
    for row in snapshot.listing(folder):
        if row.oid in visited:
            continue
        visited.add(row.oid)
        path = f"{folder}/{row.path}" if folder else row.path
        if row.is_folder:
            yield from _pointers(snapshot, path, visited)
        elif pointer := snapshot.blob(row).pointer:
            yield path, pointer


def delete_stored(repo: Repo, oids: set[str], *, rewrite_history: bool) -> list[Move]:
    """Delete contents permanently; `rewrite_history` also removes their files from every commit.

    Returns the references that moved. Contents are deleted last, so that a crash leaves no reference to a missing one.
    """
    with repo.lock():
        moves = _rewritten(repo, oids) if rewrite_history else []
        for oid in oids:
            repo.lfs.remove(oid)
    return moves


def _rewritten(repo: Repo, oids: set[str]) -> list[Move]:
    refs = repo.refs.under("refs/")
    heads = {ref: repo.objects.peel(oid) for ref, oid in refs.items()}
    with repo.objects.quarantine() as git:
        history = _Rewriting(repo, git, oids)
        moves = [Move(ref, refs[ref], new) for ref, head in heads.items() if (new := history.rewrite(head)) != head]
    for move in moves:
        repo.refs.move(*move)
    discussions = Discussions(repo)
    for pull in discussions.all():
        before = pull.base_commit, pull.merge_commit
        pull.base_commit, pull.merge_commit = map(history.new_id, before)
        if before != (pull.base_commit, pull.merge_commit):
            discussions.save(pull)
    return moves


class _Rewriting:
    """Rewrites commits without some large files; unchanged commits keep their ids."""

    def __init__(self, repo: Repo, git: pygit2.Repository, oids: set[str]) -> None:
        self._repo, self._git, self._oids = repo, git, oids
        self._ids: dict[str, str] = {}

    def new_id(self, oid: str | None) -> str | None:
        """The new id of a rewritten commit; any other id unchanged."""
        return self._ids.get(oid, oid) if oid else None

    def rewrite(self, head: str) -> str:
        """Rewrite a commit and all its ancestors; returns its new id."""
        waiting = [head]
        while waiting:
            oid = waiting[-1]
            parents = [str(parent) for parent in self._git[oid].peel(pygit2.Commit).parent_ids]
            if missing := [parent for parent in parents if parent not in self._ids]:
                waiting += missing
                continue
            self._ids[oid] = self._written(oid, parents)
            waiting.pop()
        return self._ids[head]

    def _written(self, oid: str, parents: list[str]) -> str:
        snapshot = Snapshot(self._repo, oid)
        rows = [(row.path, snapshot.blob(row).pointer) for row in snapshot.files()]
        lost = [path for path, pointer in rows if pointer and pointer.oid in self._oids]
        new_parents = [self._ids[parent] for parent in parents]
        if not lost and new_parents == parents:
            return oid
        commit = snapshot.commit
        tree = write_tree(self._git, commit.tree, dict.fromkeys(lost))
        return write_commit(self._git, tree, new_parents, commit.author, commit.time, commit.message)
