"""What a backup holds: its manifest, and whether the files are those that it names."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path

from pydantic import BaseModel, ValidationError

from leaderboard.errors import BadBackup, BadPath
from leaderboard.stores.paths import check_path

FORMAT = 1
NAME = "manifest.json"
SHOWN = 5
"""Problems that an error names."""


class Saved(BaseModel):
    """One file of a backup."""

    sha256: str
    bytes: int


class Manifest(BaseModel):
    """`manifest.json`."""

    format: int = FORMAT
    podium: str
    """Version of Podium that made it."""
    time: str
    """When it was begun (UTC)."""
    store: str
    """Kind of store, as in PODIUM_STORE."""
    files: dict[str, Saved]
    """Path below the folder -> the file."""

    def of(self, part: str) -> list[str]:
        """The paths of one part's files, in order, as its store knows them."""
        return sorted(path.removeprefix(f"{part}/") for path in self.files if path.startswith(f"{part}/"))


def read_manifest(folder: Path) -> Manifest:
    """The manifest of the backup in `folder`. Raises BadBackup."""
    place = folder / NAME
    try:
        manifest = Manifest.model_validate_json(place.read_bytes())
    except FileNotFoundError:
        raise BadBackup(f"{folder} is no backup: it has no {NAME}. Name a folder that `podium backup` made.") from None
    except OSError as error:
        raise BadBackup(f"{place} cannot be read ({error.strerror}).") from error
    except ValidationError as error:
        raise BadBackup(f"{place} is damaged ({error.error_count()} problems). Use another backup.") from None
    if manifest.format > FORMAT:
        raise BadBackup(
            f"{folder} was made by Podium {manifest.podium}, in format {manifest.format}; this Podium reads {FORMAT}. "
            "Install that version or a newer one."
        )
    return manifest


def verify(folder: Path, manifest: Manifest) -> None:
    """Raises BadBackup unless the folder holds exactly the files of the manifest, unchanged."""
    problems = list(_problems(folder, manifest))
    if problems:
        more = f" And {len(problems) - SHOWN} more." if len(problems) > SHOWN else ""
        raise BadBackup(f"The backup in {folder} is damaged. {' '.join(problems[:SHOWN])}{more} Use another backup.")


def _problems(folder: Path, manifest: Manifest) -> Iterator[str]:
    for path, saved in manifest.files.items():
        try:
            check_path(path)
            with opened(folder / path) as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
                size = file.tell()
        except (OSError, BadPath):
            yield f"{path} is missing or cannot be read."
            continue
        if (digest, size) != (saved.sha256, saved.bytes):
            yield f"{path} has changed."
    for base, _, names in os.walk(folder):
        for name in names:
            path = Path(base, name).relative_to(folder).as_posix()
            if path != NAME and path not in manifest.files:
                yield f"{path} is not in {NAME}."


def opened(place: Path) -> BufferedReader:
    """A regular file, open for reading; a link is none. Raises OSError."""
    handle = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(f"{place} is no regular file")
    return os.fdopen(handle, "rb")
