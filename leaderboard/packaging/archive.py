"""Zips that have the same bytes each time they are made of the same files."""

from __future__ import annotations

import hashlib
import secrets
import stat
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

CHUNK_BYTES = 1 << 20
ON_UNIX = 3
PLAIN_MODE, PROGRAM_MODE = 0o644, 0o755


@dataclass(frozen=True)
class Part:
    """A file of a zip."""

    folder: Path
    name: str
    """Below the folder, and in the zip."""
    content: bytes | None = None
    """Of a file that is made; None for one that lies in the folder."""

    @property
    def mode(self) -> int:
        """Whether its owner may run it is all that is kept of a file's mode. Raises OSError."""
        if self.content is not None or not (self.folder / self.name).stat().st_mode & stat.S_IXUSR:
            return PLAIN_MODE
        return PROGRAM_MODE

    def chunks(self) -> Iterator[bytes]:
        """Its content. Raises OSError."""
        if self.content is not None:
            yield self.content
            return
        with (self.folder / self.name).open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk


def write_zip(file: BinaryIO, parts: Iterable[Part], created: datetime) -> dict[str, str]:
    """Write a zip, sorted by name, each entry of the time `created`; name -> SHA-256 of what was written.

    Raises OSError.
    """
    digests = {}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for part in sorted(parts, key=lambda part: part.name):
            digest = hashlib.sha256()
            with archive.open(_info(part, created), "w", force_zip64=True) as entry:
                for chunk in part.chunks():
                    digest.update(chunk)
                    entry.write(chunk)
            digests[part.name] = digest.hexdigest()
    file.flush()
    return digests


@contextmanager
def arriving(into: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """A file beside `into`, and its path, that becomes `into` in the end, or vanishes."""
    beside = into.parent / f".{into.name}.{secrets.token_hex(8)}"
    try:
        with beside.open("xb") as file:
            yield beside, file
        beside.replace(into)
    finally:
        beside.unlink(missing_ok=True)


def _info(part: Part, created: datetime) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(part.name, created.timetuple()[:6])
    info.create_system = ON_UNIX
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = (stat.S_IFREG | part.mode) << 16
    return info
