"""What a backup holds: its manifest, and whether the files are those that it names."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from io import BufferedReader
from pathlib import Path

from pydantic import BaseModel, ValidationError

from leaderboard.errors import BadBackup, BadPath
from leaderboard.stores.paths import check_path

FORMAT = 2
NAME = "manifest.json"
PRIVATE = "private"
"""The part that is nobody's but the operator's (private.py)."""
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
    private: str | None = None
    """SHA-256 of the private part's own manifest; None for a backup without that part, as those of format 1 are."""

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
    """Raises BadBackup unless the folder holds exactly the files of the manifest, unchanged.

    The private part is another matter (`private.read_private`).
    """
    refuse_damaged(folder, problems(folder, manifest.files, check_path, (NAME, PRIVATE)))


def refuse_damaged(folder: Path, problems: Iterable[str]) -> None:
    """Raises BadBackup for the backup in `folder` where there are problems."""
    listed = list(problems)
    if listed:
        more = f" And {len(listed) - SHOWN} more." if len(listed) > SHOWN else ""
        raise BadBackup(f"The backup in {folder} is damaged. {' '.join(listed[:SHOWN])}{more} Use another backup.")


def problems(
    folder: Path, files: Mapping[str, Saved], check: Callable[[str], str], beside: Collection[str] = ()
) -> Iterator[str]:
    """A sentence for each file of `folder` that is not as `files` says, or that is not in it.

    `check` raises BadPath for a path that is not to be read. `beside`: names directly in the folder that are no files
    of it.
    """
    for path, saved in files.items():
        try:
            check(path)
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
            if path.split("/")[0] not in beside and path not in files:
                yield f"{path} is not in {NAME}."


def opened(place: Path) -> BufferedReader:
    """A regular file, open for reading; a link is none. Raises OSError."""
    handle = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(f"{place} is no regular file")
    return os.fdopen(handle, "rb")
