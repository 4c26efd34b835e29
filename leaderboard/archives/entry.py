"""What every archive has: entries, and limits on them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from leaderboard.errors import BadArchive
from leaderboard.records.shown import shown as text_shown

CHUNK_BYTES = 1 << 18
"""Contents are read, unpacked and written in pieces of at most so many bytes."""
RATIO_FREE_BYTES = 10_000_000
"""Up to so many bytes in all, an archive may be compressed as well as it can be."""
SHOWN_CHARACTERS = 121


@dataclass(frozen=True, kw_only=True)
class ArchiveLimits:
    """How much an archive may hold. What is dropped as junk counts too."""

    entries: int = 10_000
    """Files and folders."""
    file_bytes: int = 1_000_000_000
    """One file, unpacked."""
    total_bytes: int = 2_000_000_000
    """All files, unpacked."""
    ratio: float = 200.0
    """Unpacked bytes for one byte of the archive, where there are more than 10 MB of them."""
    name_characters: int = 300
    """The name of an entry with its folders."""
    depth: int = 20
    """Folders in one another, the file included."""
    seconds: float = 300.0
    """From the first byte read to the last one written."""
    nested: bool = False
    """Whether archives in the archive are left as they are; they are never opened. Otherwise they are refused."""

    def check_size(self, total: int, archive_bytes: int) -> None:
        """Refuse `total` bytes that come out of `archive_bytes`. Raises BadArchive."""
        if total > self.total_bytes:
            raise BadArchive(
                [f"The archive holds more than {self.total_bytes:,} bytes, which is the most it may hold."]
            )
        if total > RATIO_FREE_BYTES and total > self.ratio * archive_bytes:
            raise BadArchive(
                [
                    f"The archive of {archive_bytes:,} bytes holds {total:,} bytes or more; it may hold at most "
                    f"{self.ratio:g} times its own size. Files that are compressed so well are refused."
                ]
            )

    def too_many(self) -> BadArchive:
        """The error for more entries than these."""
        return BadArchive([f"The archive has more than {self.entries:,} entries, which is the most it may have."])


class Deadline:
    """By when an archive has to be open."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end = time.monotonic() + seconds

    def check(self) -> None:
        """Raises BadArchive once the time is over."""
        if time.monotonic() >= self._end:
            raise BadArchive([f"Opening the archive takes longer than {self._seconds:g} seconds, which is the limit."])


class EntryType(StrEnum):
    """What an entry is."""

    FILE = "a file"
    FOLDER = "a folder"
    SYMLINK = "a symbolic link"
    HARD_LINK = "a hard link"
    SPECIAL = "a device, a FIFO or a socket"
    UNKNOWN = "of an unknown type"


@dataclass(frozen=True)
class Entry:
    """A file or folder of an archive, as its headers describe it."""

    name: str
    """As it is in the archive."""
    type: EntryType
    bytes: int = 0
    """Unpacked."""
    executable: bool = False
    """By its owner."""
    problems: tuple[str, ...] = ()
    """What is wrong with its headers: ends of sentences that begin with its name."""

    def line(self, problem: str) -> str:
        """`problem` of this entry as a sentence."""
        return f"The entry {shown(self.name)} {problem}."


class ArchiveReader(Protocol):
    """An archive of some format. Reading it raises BadArchive, OSError."""

    def entries(self) -> list[Entry]:
        """What its headers say, in its order; no contents are unpacked into memory."""

    def contents(self) -> Iterator[Iterator[bytes]]:
        """The contents of all entries in that order, each in pieces, checked at its end; some may be left unread."""


def shown(name: str) -> str:
    """A name from an archive, for a sentence."""
    return text_shown(name, SHOWN_CHARACTERS, more="~#\\", empty="(without a name)")
