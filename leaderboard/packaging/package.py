"""A folder becomes a package: a zip with a manifest, the same bytes for the same files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from leaderboard.packaging.challenge import Challenge
from leaderboard.packaging.manifest import Manifest, ManifestFile


@dataclass(frozen=True)
class LeftOut:
    """A file or folder that does not ship."""

    path: str
    reason: str
    """Why, as the end of a sentence: `it is a private key`."""
    secret: bool = False
    """Whether it looks like a secret; whoever packs should know of each of these."""


@dataclass(frozen=True)
class Built:
    """A package."""

    path: Path
    """The zip."""
    sha256: str
    bytes: int
    """Size of the zip."""
    manifest: Manifest
    files: list[ManifestFile]
    """What ships beside the manifest."""
    left_out: list[LeftOut]


def build(folder: Path, into: Path, challenge: Challenge, *, epoch: int | None = None) -> Built:
    """Write the package of `folder` (the kit's own folder stands for its `submission` folder) to the file `into`.

    `epoch`: SOURCE_DATE_EPOCH, seconds since 1970. Nothing of the folder is changed. Raises NotPackaged with every problem,
    OSError.
    """
    raise NotImplementedError


def preview(folder: Path, challenge: Challenge, *, epoch: int | None = None) -> tuple[Manifest, list[LeftOut]]:
    """What `build` would ship and leave out. Raises NotPackaged with every problem, OSError."""
    raise NotImplementedError
