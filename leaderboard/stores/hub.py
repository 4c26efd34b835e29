"""A dataset repository on the Hub as a FileStore, for any number of processes anywhere.

What is there is known by object ids: one question tells whether anything changed, unchanged folders are not asked
about, and only contents that are not in the cache folder are downloaded. A commit names the commit that it was decided
on; when the branch has moved on, the decision is made again. When an answer is lost, the branch's history tells whether
the commit was made, so nothing is written twice.
"""

from __future__ import annotations

import logging
import random
import secrets
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from leaderboard import Changes
from leaderboard.errors import BadPath, Conflict, HubUnavailable, Infrastructure, NotFound, Unreadable
from leaderboard.hub.dataset_repo import BranchMoved, HubRepo, Patience, matches
from leaderboard.hub.newer_folders import folders_at
from leaderboard.hub.trees import (
    Folders,
    TreeEntry,
    blob_version,
    changed_files,
    file_at,
    files,
    split,
    with_changes,
)
from leaderboard.stores.changelog import ChangeLog
from leaderboard.stores.paths import PLAIN_NAME, check_path, check_paths, too_long
from leaderboard.stores.saved import SAVE_AFTER, load, save

MAX_ENTRIES = 10_000
"""The Hub's limit of entries in one folder."""
TRIES = 60
GIVEN_UP_S = 20.0
"""A commit is given up when the Hub has not responded for so long."""
CREATE_TRIES = 12
FIRST_WAIT_S, LONGEST_WAIT_S = 0.1, 4.0
LONGEST_PAUSE_S = 120.0
"""A commit waits for so long when the Hub asks for it; beyond that it is given up."""
DOWNLOADS = 8
PAST_S = 30.0
"""For so long after a later commit was seen an answer with an earlier one is taken for an old one."""
KEPT_S = 24 * 3600
"""How long contents that are not listed any more stay in the cache."""
SAVED, LAYOUT = "tree", "tree-1"
"""Name and layout of what is kept of the folders for the next start."""
SAVE_AFTER_FOLDERS = 100
"""So many folders that had to be asked for, or were changed by us, make it worth writing them anew."""
NEVER_LFS = (".json", ".md", ".yaml", ".txt")
NEVER_LFS_BYTES = 1_000_000

log = logging.getLogger(__name__)


class RepoSnapshot:
    """The repository at one commit."""

    def __init__(self, commit: str, folders: Folders) -> None:
        self.commit = commit
        self.folders = folders

    def file(self, path: str) -> TreeEntry | None:
        """The entry of a file; None where there is none, or it is somebody's own (hidden)."""
        return file_at(self.folders, path) if _is_plain(path) else None


class HubStore:
    """The dataset `repo_id`. Safe for threads.

    `cache`: folder for downloaded contents; several stores and processes may share one.
    `max_age_s`: how old what is read may be. What is written is decided on what is there, whatever this says.
    `max_bytes`: files with more are not listed and not downloaded, and `set_aside` names them; None for no limit.
    """

    gathers = False

    def __init__(
        self,
        repo_id: str,
        endpoint: str,
        token: str | None,
        cache: Path,
        max_age_s: float = 2.0,
        timeout_s: float = 60.0,
        max_bytes: int | None = None,
    ) -> None:
        self.repo_id = repo_id
        self._repo = HubRepo(repo_id, endpoint, token, timeout_s)
        self._cache = cache
        self._max_age_s = max_age_s
        self._max_bytes = max_bytes
        self._syncing, self._committing = threading.Lock(), threading.Lock()
        self._snapshot: RepoSnapshot | None = None
        self._synced = -1e9
        self._left_behind: dict[str, float] = {}
        """Past commit -> when a later one was seen."""
        self._told = self._judged = RepoSnapshot("", {})
        """What the log, and what `set_aside`, was brought up to date with."""
        self._aside: dict[str, str] = {}
        self._judging = threading.Lock()
        self._asked = 0
        """Folders that differ from those that are kept for the next start."""
        self._log = ChangeLog(self._news)

    def create(self, private: bool = False, gated: bool = False) -> None:
        """Make the repository unless it is there; `gated`: who reads its files says who they are.

        Raises HubUnavailable.
        """
        for attempt in range(CREATE_TRIES):
            try:
                self._repo.create(private, gated)
                return
            except HubUnavailable as trouble:
                _pause_after(trouble, attempt, CREATE_TRIES)

    def list(self, prefix: str = "") -> dict[str, str]:
        """Path -> git object id of every file whose path begins with `prefix`. Raises HubUnavailable."""
        listed = files(self._look().folders, prefix)
        return {path: node.oid for path, node in listed.items() if self._is_read(path, node)}

    def set_aside(self) -> Mapping[str, str]:
        """Path -> why, of the files that are over the limit."""
        with self._judging:
            snapshot = self._snapshot or self._judged
            for path, node in changed_files(self._judged.folders, snapshot.folders).items():
                self._aside.pop(path, None)
                if node and _is_plain(path) and (why := self._why_not(node)):
                    self._aside[path] = why
            self._judged = snapshot
            return dict(self._aside)

    def kept_at(self, name: str) -> Path:
        """Where to keep `name`, made from the files of this store, between starts."""
        return self._cache / f"{self.repo_id.replace('/', '--')}.{name}.json"

    def _news(self) -> Changes:
        snapshot = self._look()
        changed = changed_files(self._told.folders, snapshot.folders)
        self._told = snapshot
        versions = {path: node.oid if node and self._is_read(path, node) else None for path, node in changed.items()}
        return Changes("", versions)

    def _is_read(self, path: str, node: TreeEntry) -> bool:
        return _is_plain(path) and not self._why_not(node)

    def _why_not(self, node: TreeEntry) -> str:
        """Why a file is not read; empty for one that is."""
        if self._max_bytes is None or node.size is None or node.size <= self._max_bytes:
            return ""
        return too_long(node.size, self._max_bytes)

    def read(self, path: str) -> tuple[bytes, str]:
        """Content and git object id. Raises NotFound, Unreadable, BadPath, HubUnavailable."""
        snapshot = self._look()
        node = snapshot.file(check_path(path))
        if node is None:
            raise NotFound(f"There is no file {path}.")
        if why := self._why_not(node):
            raise Unreadable(path, why)
        return self._content(snapshot, path, node), node.oid

    def peek(self, name: str) -> tuple[bytes, str]:
        """As `read`, for a file of the root folder, asked for now and without a look at all the other folders."""
        commit, root = self._repo.top()
        node = root.get(check_path(name))
        if node is None:
            raise NotFound(f"There is no file {name}.")
        return self._content(RepoSnapshot(commit, {}), name, node), node.oid

    def read_many(self, paths: Iterable[str]) -> Iterator[tuple[str, bytes, str]]:
        """Path, content and git object id of each file that is there; several downloads at a time."""
        asked = [check_path(path) for path in paths]
        if not asked:
            return
        snapshot = self._look()
        nodes = {path: node for path in asked if (node := snapshot.file(path))}
        readable = [(path, node) for path, node in nodes.items() if not self._why_not(node)]
        with ThreadPoolExecutor(DOWNLOADS, thread_name_prefix="hub-store") as pool:
            contents = pool.map(lambda entry: self._content(snapshot, *entry), readable)
            for (path, node), content in zip(readable, contents, strict=True):
                yield path, content, node.oid

    def flush(self, message: str, now_or_never: str = "") -> set[str]:
        """Nothing waits here."""
        return set()

    def changes_since(self, version: str | None) -> Changes:
        """What changed since `version`; versions end with this object. Raises HubUnavailable."""
        return self._log.since(version)

    def commit(
        self, changes: Mapping[str, bytes | None], message: str, expected: Mapping[str, str | None] | None = None
    ) -> str:
        """Write and delete all of `changes` or none. Raises Conflict, NotFound, BadPath, HubUnavailable."""
        check_paths(changes)
        with self._committing:
            self._commit(changes, message, expected or {}, f"podium-commit: {secrets.token_hex(12)}")
        return self._log.version()

    # --- looking

    def _look(self, now: bool = False) -> RepoSnapshot:
        """What is there: at most `max_age_s` old or, if `now`, asked for now.

        While another thread asks, or the Hub has trouble, what is known already is good enough to read.
        """
        known = self._snapshot
        if known and not now and time.monotonic() - self._synced < self._max_age_s:
            return known
        if not self._syncing.acquire(blocking=now or known is None):
            return known or self._look(now=True)
        try:
            self._synced = time.monotonic()
            patience = Patience.LONG if now else Patience.SHORT if known else Patience.USUAL
            self._snapshot = self._sync(self._snapshot, patience)
        except HubUnavailable as trouble:
            if now or known is None:
                raise
            self._synced = time.monotonic() + (trouble.retry_after_s or 0.0)
            log.warning("%s Reading goes on with what was there before.", trouble)
            return known
        finally:
            self._syncing.release()
        return self._snapshot

    def _sync(self, known: RepoSnapshot | None, patience: Patience) -> RepoSnapshot:
        commit, root = self._repo.top(patience)
        known = known or self._saved()
        if known is None:
            first = RepoSnapshot(commit, self._repo.below(commit, ""))
            self._save(first)
            self._prune(first)
            return first
        if commit == known.commit or self._is_past(commit):
            return known
        newer = folders_at(self._repo, commit, root, known.commit, known.folders)
        self._asked += newer.changed
        self._left_behind[known.commit] = time.monotonic()
        latest = RepoSnapshot(commit, newer.folders)
        if self._asked >= SAVE_AFTER_FOLDERS:
            self._save(latest)
            self._prune(latest)
        return latest

    def _saved(self) -> RepoSnapshot | None:
        """The folders that an earlier process knew; None where there is nothing that it left."""
        try:
            commit, folders = load(self.kept_at(SAVED), LAYOUT) or ("", {})
            known = {
                path: {name: TreeEntry(*node) for name, node in entries.items()} for path, entries in folders.items()
            }
        except (AttributeError, TypeError, ValueError):  # not written by us
            return None
        return RepoSnapshot(commit, known) if commit else None

    def _save(self, snapshot: RepoSnapshot) -> None:
        """Keep the folders for the next start, where asking for all of them takes long."""
        self._asked = 0
        if sum(map(len, snapshot.folders.values())) >= SAVE_AFTER:
            save(self.kept_at(SAVED), LAYOUT, [snapshot.commit, snapshot.folders])

    def _is_past(self, commit: str) -> bool:
        """Whether the Hub answers with a past state, as it may for a short while.

        Not for ever: the one that we know may itself have come from such an answer.
        """
        since = time.monotonic() - PAST_S
        self._left_behind = {past: left for past, left in self._left_behind.items() if left > since}
        return commit in self._left_behind

    # --- contents

    def _content(self, snapshot: RepoSnapshot, path: str, node: TreeEntry) -> bytes:
        place = self._place(node)
        try:
            content = place.read_bytes()
        except FileNotFoundError:
            content = None
        if content is None or not matches(content, node):
            content = self._repo.content(snapshot.commit, path, node, Patience.USUAL)
            self._keep(node, content)
        return content

    def _place(self, node: TreeEntry) -> Path:
        name = node.sha256 or node.oid
        return self._cache / name[:2] / name

    def _keep(self, node: TreeEntry, content: bytes) -> None:
        place = self._place(node)
        place.parent.mkdir(parents=True, exist_ok=True)
        draft = place.with_name(f"{place.name}.{secrets.token_hex(4)}")
        draft.write_bytes(content)
        draft.rename(place)

    def _prune(self, snapshot: RepoSnapshot) -> None:
        """Forget contents that are not listed and were not written lately."""
        before = time.time() - KEPT_S
        listed: set[str] = set()
        for place in self._cache.glob("??/*"):
            listed = listed or {node.sha256 or node.oid for node in files(snapshot.folders).values()}
            if place.name not in listed and place.stat().st_mtime < before:
                place.unlink(missing_ok=True)

    # --- committing

    def _commit(
        self, changes: Mapping[str, bytes | None], message: str, expected: Mapping[str, str | None], mark: str
    ) -> None:
        snapshot = self._look()
        try:
            todo = _decide(snapshot, changes, expected)
        except (Conflict, NotFound, BadPath):
            todo = {}
        if not todo:  # perhaps only because what we know is old
            snapshot = self._look(now=True)
            todo = _decide(snapshot, changes, expected)
        unsure, outdated, operations = False, False, self._repo.operations(todo)
        for attempt in range(TRIES):
            try:
                if attempt:
                    before_look, snapshot = snapshot, self._look(now=True)
                    if outdated and snapshot is before_look:
                        self._left_behind = {}  # so what we know is past, and what we took for past is not
                    outdated = False
                    if unsure and self._repo.marked(mark, snapshot.commit):
                        return
                    before, todo = todo, _decide(snapshot, changes, expected)
                    if todo != before:
                        operations = self._repo.operations(todo)
                if not todo:
                    return
                made = self._repo.commit(snapshot.commit, operations, message, mark)
                if self._repo.marked(mark, made, limit=1):
                    self._adopt(snapshot, made, todo)
                    return
                operations = self._repo.operations(todo)
                _pause(0, attempt)
            except BranchMoved:
                outdated = True
                _pause(0, attempt)
            except HubUnavailable as trouble:
                unsure = True
                _pause_after(trouble, attempt, self._tries())
        raise HubUnavailable(f"The dataset {self.repo_id} changes faster than this board can write to it.", 5)

    def _tries(self) -> int:
        """How often a commit is tried, counted from its start."""
        return 1 if self._repo.outage.lasts_s > GIVEN_UP_S else TRIES

    def _adopt(self, parent: RepoSnapshot, commit: str, changes: Mapping[str, bytes | None]) -> None:
        """Know our own commit without asking for the folders that it changed."""
        unclear = [path for path, content in changes.items() if content is not None and not _is_in_git(path, content)]
        known = self._repo.files(commit, unclear) if unclear else {}
        nodes: dict[str, TreeEntry | None] = {}
        for path, content in changes.items():
            nodes[path] = (
                None if content is None else known.get(path) or TreeEntry(blob_version(content), size=len(content))
            )
        for path, node in nodes.items():
            content = changes[path]
            if node is not None and content is not None:
                self._keep(node, content)
        with self._syncing:
            if self._snapshot is parent:
                self._left_behind[parent.commit] = time.monotonic()
                self._snapshot = RepoSnapshot(commit, with_changes(parent.folders, nodes))
                self._asked += 1


def _pause_after(trouble: HubUnavailable, attempt: int, tries: int) -> None:
    """Wait before trying again; raise `trouble` where that makes no sense."""
    if trouble.retry_after_s is None or trouble.retry_after_s > LONGEST_PAUSE_S or attempt >= tries - 1:
        raise trouble
    _pause(trouble.retry_after_s, attempt)


def _pause(seconds: float, attempt: int) -> None:
    time.sleep(seconds + random.uniform(0, min(FIRST_WAIT_S * 2.0**attempt, LONGEST_WAIT_S)))


def _is_plain(path: str) -> bool:
    """Whether a file is nobody's own: no name on the way to it is hidden or odd."""
    return all(map(PLAIN_NAME.fullmatch, path.split("/")))


def _is_in_git(path: str, content: bytes) -> bool:
    """Whether the Hub surely keeps it in git itself, so that its object id is that of its content."""
    return path.endswith(NEVER_LFS) and len(content) < NEVER_LFS_BYTES


def _decide(
    snapshot: RepoSnapshot, changes: Mapping[str, bytes | None], expected: Mapping[str, str | None]
) -> dict[str, bytes | None]:
    """What of `changes` is not so already. Raises Conflict, NotFound, BadPath, Infrastructure."""
    differing = [path for path, version in expected.items() if version != _oid(snapshot.file(path))]
    if differing:
        raise Conflict(differing)
    todo: dict[str, bytes | None] = {}
    added: dict[str, set[str]] = {}
    for path, content in changes.items():
        there = snapshot.file(path)
        if content is None:
            if there is None:
                raise NotFound(f"There is no file {path} to delete.")
        elif there is None:
            _check_place(snapshot, path)
            added.setdefault(split(path)[0], set()).add(path)
        elif matches(content, there):
            continue
        todo[path] = content
    for folder, paths in added.items():
        if len(snapshot.folders.get(folder, {})) + len(paths) > MAX_ENTRIES:
            raise Infrastructure(
                f"The folder {folder or '/'} would have more than {MAX_ENTRIES:,} entries, the most the Hub takes."
            )
    return todo


def _oid(node: TreeEntry | None) -> str | None:
    return node.oid if node else None


def _check_place(snapshot: RepoSnapshot, path: str) -> None:
    if path in snapshot.folders:
        raise BadPath(path, "a folder is there")
    parent = split(path)[0]
    while parent:
        if snapshot.file(parent):
            raise BadPath(path, f"{parent} is a file")
        parent = split(parent)[0]
