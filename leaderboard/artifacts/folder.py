"""Artifacts in a folder: each a file that is named by the SHA-256 of its content."""

from __future__ import annotations

import os
import secrets
import shutil
from pathlib import Path
from urllib.parse import quote

from leaderboard.errors import NotFound, Unreadable
from leaderboard.records.artifact import digest_of

OWNERS = ".owners"


class FolderArtifacts:
    """`{root}/ab/ab12...`; a file appears there whole, and never changes. `ab12….owners/` names its senders."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def prepare(self) -> None:
        """Make the folder, which nobody else on this machine can read. Raises OSError."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)

    def add(self, file: Path, owner: str) -> str:
        """Keep a copy of `file`, sent by `owner`; its SHA-256. Raises OSError."""
        sha256 = self.keep(file)
        record = self._owner(owner, sha256)
        record.parent.mkdir(exist_ok=True)
        record.touch()
        return sha256

    def keep(self, file: Path) -> str:
        """Keep a copy of `file`, of which nothing says who has sent it; its SHA-256. Raises OSError."""
        self.prepare()
        copy = self.root / f".{secrets.token_hex(8)}"
        try:
            shutil.copyfile(file, copy)
            with copy.open("rb+") as written:
                os.fsync(written.fileno())
            sha256 = digest_of(copy)
            place = self._place(sha256)
            place.parent.mkdir(exist_ok=True)
            copy.replace(place)
        finally:
            copy.unlink(missing_ok=True)
        return sha256

    def owns(self, owner: str, sha256: str) -> bool:
        """Whether `owner` has sent that content."""
        return self._owner(owner, sha256).exists() and self._place(sha256).is_file()

    def size(self, sha256: str) -> int | None:
        """Bytes of the content; None when it is not there."""
        try:
            return self._place(sha256).stat().st_size
        except FileNotFoundError:
            return None

    def path(self, sha256: str) -> Path:
        """A file on this machine with the content, not to be changed. Raises NotFound."""
        place = self._place(sha256)
        if not place.is_file():
            raise NotFound(f"There is no uploaded file {sha256[:12]}….")
        return place

    def fetch(self, sha256: str, place: Path) -> None:
        """Put the content at `place`, checked. Raises NotFound, Unreadable, OSError."""
        shutil.copyfile(self.path(sha256), place)
        if digest_of(place) != sha256:
            raise Unreadable(sha256, "its content has changed since it was uploaded")

    def _place(self, sha256: str) -> Path:
        return self.root / sha256[:2] / sha256

    def _owner(self, owner: str, sha256: str) -> Path:
        return self.root / sha256[:2] / f"{sha256}{OWNERS}" / owner_file(owner)


def owner_file(owner: str) -> str:
    """The name of the file that says that `owner` has sent a content; safe whatever somebody is called."""
    return f"by-{quote(owner, safe='')}"
