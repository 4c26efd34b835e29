"""A private dataset repository for files that only the service reads; nothing is written into one that is public."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, RepoFile, hf_hub_download

from leaderboard.errors import BadSettings, NotFound
from leaderboard.hub.client import client_of
from leaderboard.hub.dataset_repo import HubRepo, Operations
from leaderboard.hub.errors import HubRefusal, dataset_refused, translated
from leaderboard.hub.trees import TreeEntry, files

BRANCH = "main"
THREADS = 4


class PrivateRepo:
    """The dataset `repo_id` at `endpoint`, used with `token`. Safe for threads and processes."""

    def __init__(self, repo_id: str, endpoint: str, token: str | None, timeout_s: float) -> None:
        self.repo_id = repo_id
        self._endpoint = endpoint.rstrip("/")
        self._token = token
        self._timeout_s = timeout_s
        self._api = client_of(self._endpoint, token, timeout_s)
        self._repo = HubRepo(repo_id, endpoint, token, timeout_s)

    def prepare(self, create: bool) -> None:
        """Make it unless it is there, where `create` allows it. Raises BadSettings (it is public), HubUnavailable."""
        if create:
            self._repo.create(private=True, gated=False)
        self.check_private()

    def check_private(self) -> None:
        """Raises BadSettings where everybody could read it, HubUnavailable."""
        with self._translated():
            private = self._api.dataset_info(self.repo_id).private
        if not private:
            raise BadSettings(
                f"PODIUM_HUB_PRIVATE_DATA: the dataset {self.repo_id} is public, and uploads and private data would be "
                "too. Make it private in its settings on the Hub, or name another one."
            )

    def sizes(self, paths: Collection[str]) -> dict[str, int]:
        """Path -> bytes, of the files that are there. Raises HubUnavailable."""
        with self._translated():
            entries = self._api.get_paths_info(self.repo_id, list(paths), repo_type="dataset")
        return {entry.path: entry.size for entry in entries if isinstance(entry, RepoFile)}

    def version(self, folder: str) -> tuple[str, str] | None:
        """The commit and the object id of a folder; None where there is no such folder. Raises HubUnavailable."""
        commit, entries = self._repo.top()
        node: TreeEntry | None = None
        for depth, name in enumerate(parts := folder.split("/")):
            node = entries.get(name)
            if node is None or not node.is_folder:
                return None
            if depth < len(parts) - 1:
                entries = self._repo.folder(commit, "/".join(parts[: depth + 1]))
        return (commit, node.oid) if node else None

    def fetch(self, commit: str, folder: str, place: Path) -> None:
        """Download a folder as it is at a commit; `place` is a new folder. Raises HubUnavailable, NotFound, OSError."""
        place.mkdir(parents=True)
        listed = files(self._repo.below(commit, folder), f"{folder}/")
        targets = {path: place / path.removeprefix(f"{folder}/") for path in listed}
        with ThreadPoolExecutor(THREADS, thread_name_prefix="private") as pool:
            list(pool.map(partial(self._download_to, commit), targets.items()))

    def download(self, path: str, place: Path, commit: str = BRANCH) -> None:
        """Put a file at `place`, in a folder that is there. Raises NotFound, HubUnavailable, OSError."""
        with tempfile.TemporaryDirectory(dir=place.parent, prefix=".download-") as folder:
            try:
                with translated(self.repo_id):
                    hf_hub_download(
                        self.repo_id, path, repo_type="dataset", revision=commit, local_dir=folder,
                        endpoint=self._endpoint, token=self._token or False, etag_timeout=self._timeout_s,
                    )  # fmt: skip
            except HubRefusal as refusal:
                if refusal.code == "EntryNotFound":
                    raise NotFound(f"There is no file {path} in {self.repo_id}.") from refusal
                raise dataset_refused(refusal, self.repo_id) from refusal
            shutil.move(Path(folder) / path, place)

    def add(self, files: Mapping[str, Path | bytes], message: str, removed: Collection[str] = ()) -> None:
        """Put files there and remove others, in one commit. Raises BadSettings where it is public, HubUnavailable."""
        self.check_private()
        changes: Operations = [
            CommitOperationAdd(path, content if isinstance(content, bytes) else str(content))
            for path, content in files.items()
        ]
        changes += [CommitOperationDelete(path, is_folder=False) for path in removed]
        with self._translated():
            self._api.create_commit(self.repo_id, changes, commit_message=message, repo_type="dataset")

    def paths(self, folder: str) -> set[str]:
        """Every file below a folder. Raises HubUnavailable."""
        version = self.version(folder)
        return set(files(self._repo.below(version[0], folder), f"{folder}/")) if version else set()

    def _download_to(self, commit: str, target: tuple[str, Path]) -> None:
        path, place = target
        place.parent.mkdir(parents=True, exist_ok=True)
        self.download(path, place, commit)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            with translated(self.repo_id):
                yield
        except HubRefusal as refusal:
            raise dataset_refused(refusal, self.repo_id) from refusal
