"""Artifacts in a folder: each a file that is named by the SHA-256 of its content."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from pathlib import Path

from leaderboard.errors import NotFound, Unreadable

CHUNK_BYTES = 1 << 20


class FolderArtifacts:
    """`{root}/ab/ab12...`; a file appears there whole, and never changes. Safe for threads and processes."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def size(self, sha256: str) -> int | None:
        """Bytes of the artifact; None when there is none."""
        try:
            return self._place(sha256).stat().st_size
        except FileNotFoundError:
            return None

    def path(self, sha256: str) -> Path:
        """A file on this machine with its content, not to be changed. Raises NotFound."""
        place = self._place(sha256)
        if not place.is_file():
            raise NotFound(f"There is no uploaded file {sha256[:12]}….")
        return place

    def add(self, file: Path) -> str:
        """Keep a copy of `file`; its SHA-256. Raises OSError."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside = self.root / f".{secrets.token_hex(8)}"
        digest = hashlib.sha256()
        try:
            with file.open("rb") as source, beside.open("xb") as copy:
                while chunk := source.read(CHUNK_BYTES):
                    digest.update(chunk)
                    copy.write(chunk)
                copy.flush()
                os.fsync(copy.fileno())
            place = self._place(digest.hexdigest())
            place.parent.mkdir(exist_ok=True)
            beside.replace(place)
        finally:
            beside.unlink(missing_ok=True)
        return digest.hexdigest()

    def fetch(self, sha256: str, place: Path) -> None:
        """Put its content at `place`, checked. Raises NotFound, Unreadable, OSError."""
        shutil.copyfile(self.path(sha256), place)
        with place.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != sha256:
            raise Unreadable(sha256, "its content has changed since it was uploaded")

    def _place(self, sha256: str) -> Path:
        return self.root / sha256[:2] / sha256
