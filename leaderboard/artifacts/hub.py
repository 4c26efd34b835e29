"""Artifacts in a private dataset on the Hub, with a folder on this machine in front of it."""

from __future__ import annotations

import tempfile
from pathlib import Path

from leaderboard.artifacts.folder import OWNERS, FolderArtifacts, owner_file
from leaderboard.errors import Unreadable
from leaderboard.hub.private_repo import PrivateRepo
from leaderboard.records.artifact import digest_of

FOLDER = "artifacts"


class HubArtifacts:
    """`artifacts/ab/ab12…` of the dataset, `ab12….owners/` beside it; `cache` has what was used on this machine."""

    def __init__(self, repo: PrivateRepo, cache: FolderArtifacts, create: bool = True) -> None:
        """`create`: whether the dataset is made where it is missing."""
        self._repo = repo
        self._cache = cache
        self._create = create

    def prepare(self) -> None:
        """Have the dataset, which has to be private. Raises BadSettings, HubUnavailable, OSError."""
        self._cache.prepare()
        self._repo.prepare(self._create)

    def add(self, file: Path, owner: str) -> str:
        """Keep a copy of `file`, sent by `owner`; its SHA-256. Raises BadSettings, HubUnavailable, OSError."""
        sha256 = digest_of(file)
        wanted: dict[str, Path | bytes] = {_place(sha256): file, _owner(owner, sha256): owner.encode()}
        there = self._repo.sizes(wanted)
        missing = {path: content for path, content in wanted.items() if path not in there}
        if missing:
            self._repo.add(missing, f"Keep upload {sha256[:12]}")
        return self._cache.add(file, owner)

    def owns(self, owner: str, sha256: str) -> bool:
        """Whether `owner` has sent that content. Raises HubUnavailable."""
        if self._cache.owns(owner, sha256):
            return True
        wanted = {_place(sha256), _owner(owner, sha256)}
        return self._repo.sizes(wanted).keys() == wanted

    def size(self, sha256: str) -> int | None:
        """Bytes of the content; None when it is not there. Raises HubUnavailable."""
        size = self._cache.size(sha256)
        return self._repo.sizes([_place(sha256)]).get(_place(sha256)) if size is None else size

    def path(self, sha256: str) -> Path:
        """A file on this machine with the content, not to be changed.

        Raises NotFound, Unreadable, HubUnavailable, OSError.
        """
        if self._cache.size(sha256) is None:
            self._download(sha256)
        return self._cache.path(sha256)

    def fetch(self, sha256: str, place: Path) -> None:
        """Put the content at `place`, checked. Raises NotFound, Unreadable, HubUnavailable, OSError."""
        self.path(sha256)
        self._cache.fetch(sha256, place)

    def _download(self, sha256: str) -> None:
        self._cache.prepare()
        with tempfile.TemporaryDirectory(dir=self._cache.root, prefix=".fetch-") as folder:
            file = Path(folder) / "content"
            self._repo.download(_place(sha256), file)
            if digest_of(file) != sha256:
                raise Unreadable(sha256, "the Hub has another content under this name")
            self._cache.keep(file)


def _place(sha256: str) -> str:
    return f"{FOLDER}/{sha256[:2]}/{sha256}"


def _owner(owner: str, sha256: str) -> str:
    return f"{_place(sha256)}{OWNERS}/{owner_file(owner)}"
