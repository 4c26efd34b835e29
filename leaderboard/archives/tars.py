"""Tars, compressed or not: read twice, once for the headers and once for the contents, never into memory."""

from __future__ import annotations

import stat
import tarfile
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, cast

from leaderboard.archives.entry import CHUNK_BYTES, ArchiveLimits, Deadline, Entry, EntryType
from leaderboard.archives.streams import Decoder, ForwardFile, blocks_of
from leaderboard.errors import BadArchive

TYPES = {
    tarfile.REGTYPE: EntryType.FILE,
    tarfile.AREGTYPE: EntryType.FILE,
    tarfile.DIRTYPE: EntryType.FOLDER,
    tarfile.SYMTYPE: EntryType.SYMLINK,
    tarfile.LNKTYPE: EntryType.HARD_LINK,
    tarfile.CHRTYPE: EntryType.SPECIAL,
    tarfile.BLKTYPE: EntryType.SPECIAL,
    tarfile.FIFOTYPE: EntryType.SPECIAL,
}
PADDING_BYTES = 1 << 20
"""Zeros that may follow the last entry."""
DAMAGED = "The tar is damaged: the header of an entry cannot be read."
TRUNCATED = "The tar is truncated or damaged: its end is missing."
LONGER = "The tar has something after its end. Pack it again."


class TarReader:
    """A tar; `make` unpacks its compression."""

    def __init__(
        self, file: BinaryIO, make: Callable[[], Decoder] | None, limits: ArchiveLimits, deadline: Deadline, size: int
    ) -> None:
        """`size`: bytes of the file."""
        self._file = file
        self._make = make
        self._limits = limits
        self._deadline = deadline
        self._size = size

    def entries(self) -> list[Entry]:
        """What the headers say; ends at the first that goes beyond a limit."""
        entries, total = list[Entry](), 0
        stream = self._opened()
        for member in _members(stream):
            total += member.size
            self._limits.check_size(total, self._size)
            if len(entries) == self._limits.entries:
                raise self._limits.too_many()
            entries.append(_entry(member))
        _check_end(stream)
        return entries

    def contents(self) -> Iterator[Iterator[bytes]]:
        """As long as they are declared."""
        stream = self._opened()
        for member in _members(stream):
            yield _content(stream, member)

    def _opened(self) -> ForwardFile:
        self._file.seek(0)
        return ForwardFile(blocks_of(self._file, self._make, self._deadline))


def _members(stream: ForwardFile) -> Iterator[tarfile.TarInfo]:
    """Every header, in order. Raises BadArchive."""
    try:
        tar = tarfile.TarFile(fileobj=cast(Any, stream), mode="r", encoding="utf-8")
        while (member := tar.next()) is not None:
            if member.size < 0:
                raise BadArchive([DAMAGED])
            yield member
    except (tarfile.TarError, ValueError, OverflowError, RecursionError):  # the last one for very many headers of one
        raise BadArchive([DAMAGED]) from None
    if stream.last != bytes(tarfile.BLOCKSIZE):  # it takes a damaged header for the end
        raise BadArchive([TRUNCATED])


def _entry(member: tarfile.TarInfo) -> Entry:
    kind = TYPES.get(member.type, EntryType.UNKNOWN)
    problems = ("is a sparse file; pack it without holes",) if member.issparse() else ()
    size = member.size if kind is EntryType.FILE else 0
    return Entry(member.name, kind, size, bool(member.mode & stat.S_IXUSR), problems)


def _content(stream: ForwardFile, member: tarfile.TarInfo) -> Iterator[bytes]:
    stream.seek(member.offset_data)
    left = member.size
    while left:
        block = stream.read(min(CHUNK_BYTES, left))
        if not block:
            raise BadArchive([TRUNCATED])
        left -= len(block)
        yield block


def _check_end(stream: ForwardFile) -> None:
    """Read what follows the last entry, by which a compressed file is also checked to its end. Raises BadArchive."""
    left = PADDING_BYTES
    while block := stream.read(CHUNK_BYTES):
        left -= len(block)
        if left < 0 or block.strip(b"\0"):
            raise BadArchive([LONGER])
