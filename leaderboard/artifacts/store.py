"""Where uploaded files are kept: what every store of them does."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol


class ArtifactStore(Protocol):
    """Files by the SHA-256 of their content, and who sent each of them. Safe for threads and processes."""

    def prepare(self) -> None:
        """Have it ready. Raises BadSettings, HubUnavailable."""

    def add(self, file: Path, owner: str) -> str:
        """Keep a copy of `file`, sent by `owner`; its SHA-256. Raises BadSettings, HubUnavailable, OSError."""

    def owns(self, owner: str, sha256: str) -> bool:
        """Whether `owner` has sent that content. Raises HubUnavailable."""

    def size(self, sha256: str) -> int | None:
        """Bytes of the content; None when it is not there. Raises HubUnavailable."""

    def path(self, sha256: str) -> Path:
        """A file on this machine with the content, not to be changed. Raises NotFound, HubUnavailable, OSError."""

    def fetch(self, sha256: str, place: Path) -> None:
        """Put the content at `place`, checked. Raises NotFound, Unreadable, HubUnavailable, OSError."""
