"""One dataset repository on the Hub, through the unmodified client: what it is asked, and what its troubles mean to us.

Nothing here is decided by the text of an error: only by status codes and by what the repository says afterwards.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import Enum
from typing import Any
from urllib.parse import quote

import httpx2
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, RepoFile, hf_hub_url
from huggingface_hub.utils import (  # type: ignore[attr-defined]
    build_hf_headers,
    hf_raise_for_status,
    http_backoff,
    http_stream_backoff,
)

from leaderboard.errors import HubUnavailable
from leaderboard.hub.client import LIBRARY, client_of
from leaderboard.hub.comparison import compared_paths
from leaderboard.hub.errors import HubRefusal, HubTrouble, dataset_refused, translated
from leaderboard.hub.outage import PROBE_S, SHORT_S, outage_of
from leaderboard.hub.trees import Folders, TreeEntry, blob_version, from_listing

BRANCH = "main"
FIRST_WAIT_S = 0.3
RETRIES = 5
AGAIN_S = 1.0
"""Trouble is mostly over at once, and a commit is tried again and again."""
Operations = list[CommitOperationAdd | CommitOperationDelete]
RECENT = 100
"""How many commits back one of ours is looked for when its answer was lost."""


class Patience(Enum):
    """How long an answer is waited for."""

    LONG = "long"
    """Asked again after trouble."""
    USUAL = "usual"
    """The same, but during an outage asked once or not at all."""
    SHORT = "short"
    """Asked once, during an outage perhaps not at all: who asks can use an older answer."""


class BranchMoved(Exception):
    """The branch is not at the commit that we expected; nothing was written."""


class HubRepo:
    """The dataset repository `repo_id` at `endpoint`."""

    def __init__(self, repo_id: str, endpoint: str, token: str | None, timeout_s: float) -> None:
        self.repo_id = repo_id
        self._endpoint = endpoint.rstrip("/")
        self._headers = build_hf_headers(token=token or False, library_name=LIBRARY)
        self._api = client_of(self._endpoint, token, timeout_s)
        self._timeout_s = timeout_s
        self.outage = outage_of(self._endpoint)
        """Whether this Hub responds."""
        self._url = f"{self._endpoint}/api/datasets/{repo_id}"

    def create(self, private: bool, gated: bool) -> None:
        """Make the repository unless it is there; `gated`: who reads its files says who they are."""
        with self._translated():
            self._api.create_repo(self.repo_id, repo_type="dataset", private=private, exist_ok=True)
            if gated:
                self._api.update_repo_settings(self.repo_id, repo_type="dataset", gated="auto")

    def top(self, patience: Patience = Patience.LONG) -> tuple[str, dict[str, TreeEntry]]:
        """The branch's commit and the root folder's entries, in one question where the Hub names the commit with it.

        Raises HubUnavailable.
        """
        with self._translated():
            answer = self._get(f"{self._url}/tree/{BRANCH}", patience=patience)
            commit = answer.headers.get("x-repo-commit")
            if commit and "next" not in answer.links:
                return commit, dict(_nodes(answer.json()))
            commit = self._api.dataset_info(self.repo_id, revision=BRANCH, expand=["sha"]).sha
        if commit is None:
            raise HubUnavailable(f"The Hub does not say at which commit {self.repo_id} is.")
        return commit, self.folder(commit, "")

    def folder(self, commit: str, path: str) -> dict[str, TreeEntry]:
        """A folder's entries by name."""
        entries = self._tree(commit, path, recursive=False)
        return {full.rpartition("/")[2]: node for full, node in entries}

    def below(self, commit: str, path: str) -> Folders:
        """A folder and every folder below it."""
        return from_listing(self._tree(commit, path, recursive=True), path)

    def files(self, commit: str, paths: list[str]) -> dict[str, TreeEntry]:
        """The entries of some files."""
        with self._translated():
            entries = self._api.get_paths_info(self.repo_id, paths, revision=commit, repo_type="dataset")
        return {
            entry.path: TreeEntry(entry.blob_id, sha256=entry.lfs.sha256 if entry.lfs else None, size=entry.size)
            for entry in entries
            if isinstance(entry, RepoFile)
        }

    def compared(self, before: str, after: str, limit: int) -> set[str] | None:
        """The paths of the files that differ between two commits, by the Hub's word.

        None where they are more than `limit`, or cannot be known. Asked once: there are other ways to know it.
        """
        url, asked = f"{self._url}/compare/{before}..{after}", {"raw": "true"}
        with (
            self._translated(),
            http_stream_backoff(
                "GET", url, headers=self._headers, params=asked, max_retries=0, timeout=self._timeout_s
            ) as answer,
        ):
            hf_raise_for_status(answer)
            return compared_paths(answer.iter_lines(), limit)

    def content(self, commit: str, path: str, node: TreeEntry, patience: Patience = Patience.LONG) -> bytes:
        """A file's content. Raises HubUnavailable also when it is not what the listing announced."""
        url = hf_hub_url(self.repo_id, path, repo_type="dataset", revision=commit, endpoint=self._endpoint)
        with self._translated():
            content = self._get(url, patience=patience).content
        if not matches(content, node):
            raise HubUnavailable(f"The Hub sent something else than {path} of {self.repo_id}.", 60)
        return content

    def operations(self, changes: Mapping[str, bytes | None]) -> Operations:
        """What a commit consists of. Used again with another parent, it saves the client's questions and uploads."""
        return [
            CommitOperationDelete(path, is_folder=False) if content is None else CommitOperationAdd(path, content)
            for path, content in changes.items()
        ]

    def commit(self, parent: str, operations: Operations, message: str, mark: str) -> str:
        """Make a commit on top of `parent` with `mark` in its description, and return the branch's new commit.

        That commit is somebody else's when the client found that the branch already has these contents: look for the
        mark. Raises BranchMoved (nothing was written), HubUnavailable (it may have been).
        """
        try:
            with translated(self.repo_id, AGAIN_S):
                made = self._api.create_commit(
                    self.repo_id,
                    operations,
                    commit_message=message,
                    commit_description=mark,
                    repo_type="dataset",
                    revision=BRANCH,
                    parent_commit=parent,
                )
        except HubRefusal as refusal:
            if refusal.status in (409, 412) or refusal.code == "EntryNotFound":
                raise BranchMoved from refusal
            raise dataset_refused(refusal, self.repo_id) from refusal
        return str(made.oid)

    def marked(self, mark: str, commit: str, limit: int = RECENT) -> bool:
        """Whether one of the last `limit` commits up to `commit` has `mark` in its description."""
        with self._translated():
            recent = self._get(f"{self._url}/commits/{commit}", params={"limit": limit}).json()
        return any(mark in str(commit_entry.get("message", "")) for commit_entry in recent[:limit])

    # --- asking

    def _get(
        self, url: str, params: dict[str, Any] | None = None, patience: Patience = Patience.LONG
    ) -> httpx2.Response:
        """An answer with status 200; asked once, or again after trouble, waiting as long as the Hub's rate limit says.

        Raises HubTrouble at once during an outage when another one is to find out whether it is over.
        """
        outage = self.outage.is_on and patience is not Patience.LONG
        if outage and not self.outage.may_probe():
            raise HubTrouble("The Hub is not responding.", PROBE_S)
        once = outage or patience is Patience.SHORT
        answer = http_backoff(
            "GET",
            url,
            headers=self._headers,
            params=params,
            max_retries=0 if once else RETRIES,
            base_wait_time=FIRST_WAIT_S,
            timeout=min(self._timeout_s, SHORT_S) if once else self._timeout_s,
        )
        hf_raise_for_status(answer)
        return answer

    def _tree(self, commit: str, path: str, recursive: bool) -> Iterator[tuple[str, TreeEntry]]:
        url: str | None = f"{self._url}/tree/{commit}" + (f"/{quote(path, safe='')}" if path else "")
        params: dict[str, Any] | None = {"recursive": "true"} if recursive else None
        while url:
            with self._translated():
                answer = self._get(url, params)
                yield from _nodes(answer.json())
            url, params = answer.links.get("next", {}).get("url"), None

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            with translated(self.repo_id, AGAIN_S):
                yield
        except HubRefusal as refusal:
            raise dataset_refused(refusal, self.repo_id) from refusal


def matches(content: bytes, node: TreeEntry) -> bool:
    """Whether `content` is what the entry of a listing stands for."""
    if node.sha256:
        return hashlib.sha256(content).hexdigest() == node.sha256
    return blob_version(content) == node.oid


def _nodes(listing: list[dict[str, Any]]) -> Iterator[tuple[str, TreeEntry]]:
    for entry in listing:
        lfs = entry.get("lfs") or {}
        is_folder = entry["type"] == "directory"
        size = None if is_folder else lfs.get("size", entry.get("size"))
        yield entry["path"], TreeEntry(entry["oid"], is_folder, lfs.get("oid"), size)
