"""Zips, read strictly: what two programs could read differently is refused.

The standard library's reader takes the table at the end of a zip at its word and loads it whole. Here the table is
bounded, has to agree with the header in front of each entry, and no two entries may share bytes.
"""

from __future__ import annotations

import stat
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO, NamedTuple

from leaderboard.archives.entry import CHUNK_BYTES, ArchiveLimits, Deadline, Entry, EntryType
from leaderboard.archives.zip_table import Record, Table, read_table, zip64_values
from leaderboard.errors import BadArchive

STORED, DEFLATED, AES = 0, 8, 99
METHODS = {1: "Shrink", 6: "Implode", 9: "Deflate64", 12: "bzip2", 14: "LZMA", 93: "Zstandard", 95: "XZ", 98: "PPMd"}
ENCRYPTED = 0x0001 | 0x0040 | 0x2000
PATCHED = 0x0020
SIZES_FOLLOW = 0x0008
"""The header in front of the content may leave size and checksum at 0."""
EFFORT = 0x0006
"""Bits that say how hard it was compressed; some programs set them in one of the two headers only."""
LOCAL = struct.Struct("<4s5H3L2H")
LOCAL_MAGIC = b"PK\x03\x04"


class LocalHeader(NamedTuple):
    """The header in front of an entry's content."""

    magic: bytes
    version: int
    flags: int
    method: int
    time: int
    date: int
    crc: int
    stored_bytes: int
    bytes: int
    name_length: int
    extra_length: int


@dataclass(frozen=True)
class PlacedEntry:
    """An entry and where its content lies."""

    record: Record
    entry: Entry
    start: int
    end: int


class ZipReader:
    """A zip of stored and deflated entries."""

    def __init__(self, file: BinaryIO, limits: ArchiveLimits, deadline: Deadline) -> None:
        """Reads the table and all headers. Raises BadArchive, OSError."""
        self._file = file
        self._deadline = deadline
        table = read_table(file, limits, deadline)
        self._placed = _with_overlaps([self._place(record, table) for record in table.records])

    def entries(self) -> list[Entry]:
        """What the headers say."""
        return [placed.entry for placed in self._placed]

    def contents(self) -> Iterator[Iterator[bytes]]:
        """Each unpacked, and compared with its declared size and checksum."""
        for placed in self._placed:
            yield self._content(placed)

    def _place(self, record: Record, table: Table) -> PlacedEntry:
        self._deadline.check()
        problems = [*record.problems, *_refused(record)]
        start = end = record.offset
        header = self._local_header(record, table)
        if header is None:
            problems.append("has no header where the table of the zip says; the zip is damaged")
        else:
            name, extra = self._file.read(header.name_length), self._file.read(header.extra_length)
            start += LOCAL.size + header.name_length + header.extra_length
            end = start + record.stored_bytes
            problems += _disagreements(record, header, name, extra)
            if end > table.offset:
                problems.append("is longer than the zip; the zip is truncated or its headers are wrong")
        entry = Entry(record.name, record.type, record.bytes, bool(record.mode & stat.S_IXUSR), tuple(problems))
        return PlacedEntry(record, entry, start, end)

    def _local_header(self, record: Record, table: Table) -> LocalHeader | None:
        if record.offset + LOCAL.size > table.offset:
            return None
        self._file.seek(record.offset)
        header = LocalHeader(*LOCAL.unpack(self._file.read(LOCAL.size)))
        return header if header.magic == LOCAL_MAGIC else None

    def _content(self, placed: PlacedEntry) -> Iterator[bytes]:
        size, crc, record = 0, 0, placed.record
        stored = self._stored(placed)
        for block in _inflated(stored, placed) if record.method == DEFLATED else stored:
            size += len(block)
            if size > record.bytes:
                break
            crc = zlib.crc32(block, crc)
            yield block
        if size != record.bytes:
            raise BadArchive([placed.entry.line(f"does not hold the {record.bytes:,} bytes that its header declares")])
        if crc != record.crc:
            raise BadArchive([placed.entry.line("is damaged: its content does not fit its checksum")])

    def _stored(self, placed: PlacedEntry) -> Iterator[bytes]:
        self._file.seek(placed.start)
        left = placed.end - placed.start
        while left and (block := self._file.read(min(CHUNK_BYTES, left))):
            self._deadline.check()
            left -= len(block)
            yield block


def _with_overlaps(placed: Sequence[PlacedEntry]) -> list[PlacedEntry]:
    """The same, where those are marked that share bytes with another one, by which few bytes can hold very many."""
    overlapping, furthest = set[int](), 0
    for entry in sorted(placed, key=lambda entry: entry.record.offset):
        if entry.record.offset < furthest:
            overlapping.add(id(entry))
        furthest = max(furthest, entry.end)
    return [_overlapping(entry) if id(entry) in overlapping else entry for entry in placed]


def _overlapping(placed: PlacedEntry) -> PlacedEntry:
    problem = "overlaps with another entry; the zip is damaged or a zip bomb"
    return replace(placed, entry=replace(placed.entry, problems=(*placed.entry.problems, problem)))


def _refused(record: Record) -> Iterator[str]:
    """What the table alone says that is refused."""
    if record.flags & ENCRYPTED or record.method == AES:
        yield "is encrypted; pack it without a password"
    elif record.flags & PATCHED:
        yield "is a patch of another file, which is not supported"
    elif record.method not in (STORED, DEFLATED):
        name = METHODS.get(record.method)
        method = f"{name} (method {record.method})" if name else f"the unknown method {record.method}"
        yield f"is compressed with {method}; only Deflate and no compression are supported"
    elif record.method == STORED and record.stored_bytes != record.bytes:
        yield "declares two different sizes though it is not compressed"
    if record.type is EntryType.FOLDER and record.bytes:
        yield "is a folder and has content"


def _disagreements(record: Record, header: LocalHeader, name: bytes, extra: bytes) -> Iterator[str]:
    """What the header in front of the content says otherwise than the table."""
    if name != record.raw_name:
        yield "has another name in its own header than in the table of the zip"
    if header.method != record.method or (header.flags ^ record.flags) & ~EFFORT:
        yield "has another compression or other flags in its own header than in the table of the zip"
    sizes = zip64_values(extra, (header.bytes, header.stored_bytes))
    local = None if sizes is None else (header.crc, *sizes)
    table = (record.crc, record.bytes, record.stored_bytes)
    may_be_missing = bool(record.flags & SIZES_FOLLOW)
    if local is None or any(
        own != listed and not (may_be_missing and own == 0) for own, listed in zip(local, table, strict=True)
    ):
        yield "has another size or checksum in its own header than in the table of the zip"


def _inflated(blocks: Iterator[bytes], placed: PlacedEntry) -> Iterator[bytes]:
    """Deflated content, unpacked; it has to end where its header says. Raises BadArchive."""
    decoder = zlib.decompressobj(-zlib.MAX_WBITS)
    goes_on = False
    try:
        for data in blocks:
            pending, goes_on = data, decoder.eof
            while pending and not decoder.eof:
                if block := decoder.decompress(pending, CHUNK_BYTES):
                    yield block
                pending = decoder.unconsumed_tail
        while not decoder.eof and (block := decoder.decompress(b"", CHUNK_BYTES)):
            yield block
    except zlib.error:
        raise BadArchive([placed.entry.line("is damaged: its compressed content cannot be read")]) from None
    if placed.record.stored_bytes and (not decoder.eof or decoder.unused_data or goes_on):
        raise BadArchive([placed.entry.line("is damaged: its compressed content ends too early or too late")])
