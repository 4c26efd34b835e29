"""Commits: a client's changes, applied to a branch by compare-and-swap."""

import base64
import binascii
import fnmatch
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pygit2

from localhub.clock import now
from localhub.errors import EntryNotFound, Invalid, InvalidPath, RevisionNotFound, StaleParent
from localhub.lfs import Attributes, Pointer
from localhub.names import check_path
from localhub.objects import write_commit, write_tree
from localhub.refs import Move
from localhub.repos import Repo
from localhub.trees import Snapshot


@dataclass(frozen=True)
class AddFile:
    """A file stored in git itself."""

    path: str
    content: bytes


@dataclass(frozen=True)
class AddLarge:
    """A file whose content was uploaded to LFS before."""

    path: str
    pointer: Pointer


@dataclass(frozen=True)
class Delete:
    """Removal of a file or folder."""

    path: str
    folder_only: bool = False


Operation = AddFile | AddLarge | Delete


@dataclass(frozen=True)
class CommitRequest:
    """The body of a commit call."""

    summary: str
    description: str
    parent: str | None
    operations: list[Operation]

    @property
    def message(self) -> str:
        """Summary and description as one commit message."""
        return f"{self.summary}\n\n{self.description}" if self.description else self.summary

    @classmethod
    def parse(cls, body: bytes) -> "CommitRequest":
        """Read the NDJSON that clients send; raises Invalid."""
        header: dict[str, Any] = {}
        operations: list[Operation] = []
        for line in body.split(b"\n"):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
                key, value = row["key"], row["value"]
                if key == "header":
                    header = value
                else:
                    operations.append(_operation(key, value))
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
                raise Invalid(f"A line of the commit is not valid: {type(error).__name__}: {error}") from None
        summary = header.get("summary")
        if not isinstance(summary, str) or not summary.strip():
            raise Invalid("The commit has no summary")
        return cls(summary.strip(), str(header.get("description") or ""), header.get("parentCommit"), operations)


def _operation(key: str, value: dict[str, Any]) -> Operation:
    path = str(value["path"])
    if key == "file":
        if value.get("encoding", "utf-8") == "base64":
            try:
                return AddFile(path, base64.b64decode(value["content"], validate=True))
            except binascii.Error:
                raise Invalid(f"The content of {path} is not base64") from None
        return AddFile(path, value["content"].encode())
    if key == "lfsFile":
        return AddLarge(path, Pointer(str(value["oid"]).lower(), int(value.get("size") or 0)))
    if key in ("deletedFile", "deletedEntry", "deletedFolder"):
        return Delete(path.rstrip("/"), folder_only=key == "deletedFolder")
    raise Invalid(f'Unknown operation "{key}": expected file, lfsFile, deletedFile or deletedFolder')


def stage(git: pygit2.Repository, operations: Iterable[Operation], base: Snapshot) -> dict[str, pygit2.Oid | None]:
    """Write the blobs and return path -> blob (None: delete). Raises EntryNotFound, InvalidPath, Invalid."""
    changes: dict[str, pygit2.Oid | None] = {}
    for operation in operations:
        path = check_path(operation.path)
        match operation:
            case AddFile(content=content):
                changes[path] = git.create_blob(content)
            case AddLarge(pointer=pointer):
                size = base.repo.lfs.size(pointer.oid)
                if size is None:
                    raise Invalid(f"LFS pointer pointed to a file that does not exist: {path}")
                changes[path] = git.create_blob(Pointer(pointer.oid, size).encode())
            case Delete(folder_only=folder_only):
                row = base.find(path)
                if row is None or (folder_only and not row.is_folder):
                    what = "folder" if folder_only else "file"
                    raise EntryNotFound(f"A {what} with this name doesn't exist: {path}")
                changes.setdefault(path, None)
    folders = {path[:at] for path in changes for at in range(len(path)) if path[at] == "/"}
    for path in folders:
        if changes.get(path) is not None:
            raise InvalidPath(f'Invalid path "{path}": it is a file and a folder in the same commit')
    return changes


def commit(
    repo: Repo,
    ref: str,
    operations: Iterable[Operation],
    message: str,
    author: str,
    *,
    parent: str | None = None,
    moment: datetime | None = None,
) -> str:
    """Apply `operations` to the head of `ref` and move it; hold the repo's lock. Returns the commit's id.

    Raises StaleParent when `parent` is given and is not the head.
    """
    move = prepare(repo, ref, operations, message, author, parent=parent, moment=moment)
    repo.refs.move(*move)
    return move.new


def prepare(
    repo: Repo,
    ref: str,
    operations: Iterable[Operation],
    message: str,
    author: str,
    *,
    parent: str | None = None,
    moment: datetime | None = None,
    onto: str | None = None,
) -> Move:
    """Write the commit that `commit` would make; it takes effect when the reference is moved.

    `onto` starts a new reference there.
    """
    head = onto or repo.refs.get(ref)
    if head is None:
        raise RevisionNotFound(f"Invalid rev id: {ref}")
    if parent and not (len(parent) >= 7 and head.startswith(parent.lower())):
        raise StaleParent("The branch was updated since you opened this page. Please refresh and try again.")
    base = Snapshot(repo, head)
    time = int((moment or now()).timestamp())
    with repo.objects.quarantine() as git:
        tree = write_tree(git, base.commit.tree, stage(git, operations, base))
        oid = write_commit(git, tree, [head], author, time, message)
    return Move(ref, None if onto else head, oid)


def prepare_squash(repo: Repo, ref: str, message: str, author: str) -> Move:
    """Write one commit without a parent with the tree of a branch; it takes effect when the branch is moved.

    Hold the repo's lock. Raises RevisionNotFound.
    """
    head = repo.refs.get(ref)
    if head is None:
        raise RevisionNotFound(f"Invalid rev id: {ref}")
    tree = repo.objects.read_commit(head).tree
    with repo.objects.quarantine() as git:
        oid = write_commit(git, tree, [], author, int(now().timestamp()), message)
    return Move(ref, head, oid)


def preupload(snapshot: Snapshot, files: list[dict[str, Any]], git_ignore: str | None) -> list[dict[str, Any]]:
    """For each announced file: large or regular, ignored or not, and what the branch holds at its path."""
    attributes = Attributes(snapshot.text(".gitattributes") or "")
    ignored = _patterns(git_ignore if git_ignore is not None else snapshot.text(".gitignore") or "")
    answers = []
    for file in files:
        try:
            path, size = check_path(str(file["path"])), int(file["size"])
            sample = base64.b64decode(str(file.get("sample") or ""))
        except (KeyError, TypeError, ValueError) as error:
            raise Invalid(f"An announced file is not valid: {type(error).__name__}: {error}") from None
        answer: dict[str, Any] = {
            "path": path,
            "uploadMode": "lfs" if attributes.is_lfs(path, size, sample) else "regular",
            "shouldIgnore": any(_ignores(pattern, path) for pattern in ignored),
        }
        row = snapshot.find(path)
        if row and not row.is_folder:
            blob = snapshot.blob(row)
            answer["oid"] = blob.pointer.oid if blob.pointer else row.oid
        answers.append(answer)
    return answers


def _patterns(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]


def _ignores(pattern: str, path: str) -> bool:
    bare = pattern.strip("/")
    targets = [path, *(path[:at] for at in range(len(path)) if path[at] == "/")]
    if "/" not in pattern.rstrip("/"):
        targets = [target.rpartition("/")[2] for target in targets]
    return any(fnmatch.fnmatchcase(target, bare) for target in targets)
