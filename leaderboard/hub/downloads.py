"""Downloads of repositories' files into a cache, and what the cache holds. Nothing that is downloaded is opened."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from huggingface_hub import hf_hub_download, scan_cache_dir, snapshot_download
from huggingface_hub.errors import CacheNotFound

from leaderboard.errors import DownloadFailed
from leaderboard.hub.errors import CLIENT_ERRORS

THREADS = 4
NO_TOKEN = False
"""Without any, also where this machine has one lying about: what jobs read is public."""


class DownloadedModel(NamedTuple):
    """A checkpoint in a cache, all its downloaded commits together."""

    model: str
    folder: Path
    bytes: int


class HubDownloads(NamedTuple):
    """Where files are downloaded from, and kept."""

    endpoint: str
    cache: Path
    timeout_s: float = 30.0

    def fetch(self, model: str, revision: str, pins: Mapping[str, str], folder: Path) -> None:
        """Put the files named in `pins` (see `checks.files.pinned_files`) into `folder`, which is made anew.

        `revision` is a commit. Raises DownloadFailed, also where a file is not what was pinned.
        """
        if outside := [name for name in pins if not _stays_inside(name)]:
            raise DownloadFailed(f"The request lists what is no file of a repository: {', '.join(outside[:5])}.")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)

        def get(name: str) -> None:
            path = self._download(
                lambda: hf_hub_download(
                    model, name, revision=revision, cache_dir=self.cache, endpoint=self.endpoint, token=NO_TOKEN,
                    etag_timeout=self.timeout_s,
                ),
                f"{name} of {model}",
            )  # fmt: skip
            _check(path, pins[name], f"{name} of {model} at {revision[:7]}")
            _place(path, folder / name)

        with ThreadPoolExecutor(THREADS, thread_name_prefix="download") as pool:
            list(pool.map(get, sorted(pins)))

    def fetch_dataset(self, dataset: str, revision: str | None, folder: Path) -> None:
        """Put all files of a dataset repository into `folder`. Raises DownloadFailed."""
        self._download(
            lambda: snapshot_download(
                dataset, repo_type="dataset", revision=revision, local_dir=folder, endpoint=self.endpoint,
                token=NO_TOKEN, etag_timeout=self.timeout_s,
            ),
            f"the dataset {dataset}",
        )  # fmt: skip

    def _download(self, get: Callable[[], object], what: str) -> Path:
        try:
            return Path(str(get()))
        except CLIENT_ERRORS as error:  # its cause stays: whose fault it is follows from that (backend/failures.py)
            raise DownloadFailed(f"{what} could not be downloaded.") from error


def _stays_inside(name: str) -> bool:
    """Whether a name, relative to a folder, leads nowhere else."""
    return "\\" not in name and not {"", ".", ".."} & set(name.split("/"))


def _check(path: Path, pin: str, what: str) -> None:
    """Compare a file with what was pinned at submission. Raises DownloadFailed."""
    kind, _, expected = pin.partition(":")
    digest = hashlib.sha256() if kind == "sha256" else hashlib.sha1(usedforsecurity=False)
    if kind == "git":
        digest.update(b"blob %d\0" % path.stat().st_size)
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    if digest.hexdigest() != expected:
        raise DownloadFailed(f"{what} is not the file that was checked when it was submitted.")


def _place(path: Path, target: Path) -> None:
    """Give a file of the cache another name, without a second copy where the file system can do that."""
    target.parent.mkdir(parents=True, exist_ok=True)
    source = path.resolve()
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def downloaded_models(cache: Path) -> list[DownloadedModel]:
    """Every checkpoint in a cache, the least recently used first; none where there is no cache."""
    try:
        repos = scan_cache_dir(cache).repos
    except CacheNotFound:
        return []
    models = sorted((repo for repo in repos if repo.repo_type == "model"), key=lambda repo: repo.last_accessed)
    return [DownloadedModel(repo.repo_id, repo.repo_path, repo.size_on_disk) for repo in models]
