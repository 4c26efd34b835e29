"""The table at the end of a zip: found, bounded, and read only where it adds up."""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

from leaderboard.archives.entry import ArchiveLimits, Deadline, EntryType
from leaderboard.errors import BadArchive

END = struct.Struct("<4s4H2LH")
END_MAGIC = b"PK\x05\x06"
LOCATOR = struct.Struct("<4sLQL")
LOCATOR_MAGIC = b"PK\x06\x07"
END64 = struct.Struct("<4sQ2H2L4Q")
END64_MAGIC = b"PK\x06\x06"
END64_UNCOUNTED_BYTES = 12
"""Of its beginning, which its own size does not count."""
RECORD = struct.Struct("<4s6H3L5H2L")
RECORD_MAGIC = b"PK\x01\x02"
LONGEST_COMMENT = 0xFFFF
MEAN_RECORD_BYTES = 2_000
"""A table with more bytes an entry is refused."""
SATURATED16, SATURATED32 = 0xFFFF, 0xFFFFFFFF
ZIP64_EXTRA = 0x0001
UTF8_NAME = 0x0800

TRUNCATED = "The zip is truncated or damaged: its end, with the table of its entries, is missing."
SPLIT = "The zip is split over several files. Pack it into one."
LIES = "The zip is damaged: what its end says of the table of its entries is not true."


@dataclass(frozen=True)
class Record:
    """A line of the table."""

    raw_name: bytes
    name: str
    flags: int
    method: int
    crc: int
    stored_bytes: int
    bytes: int
    offset: int
    """Of the entry's own header."""
    mode: int
    """Of Unix; 0 where there is none."""
    type: EntryType
    problems: Sequence[str]
    """Ends of sentences that begin with its name."""


@dataclass(frozen=True)
class Table:
    """All lines."""

    records: Sequence[Record]
    offset: int
    """Where it begins; all contents lie before it."""


class _Line(NamedTuple):
    magic: bytes
    made_by: int
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
    comment_length: int
    disk: int
    internal: int
    external: int
    offset: int


class _Place(NamedTuple):
    """Where the table lies, by the end of the zip."""

    entries: int
    bytes: int
    offset: int


def read_table(file: BinaryIO, limits: ArchiveLimits, deadline: Deadline) -> Table:
    """The table of the zip in `file`. Raises BadArchive, OSError."""
    place = _find(file)
    if place.entries > limits.entries:
        raise limits.too_many()
    if place.bytes > max(place.entries * MEAN_RECORD_BYTES, LONGEST_COMMENT):
        raise BadArchive([f"The table of the zip has {place.bytes:,} bytes for {place.entries:,} entries, too many."])
    file.seek(place.offset)
    data = file.read(place.bytes)
    records, position = [], 0
    for _ in range(place.entries):
        deadline.check()
        record, position = _record(data, position)
        records.append(record)
    if position != len(data):
        raise BadArchive([LIES])
    return Table(records, place.offset)


def zip64_values(extra: bytes, values: Sequence[int]) -> list[int] | None:
    """`values` with the saturated ones as the extra field has them, in order; None where it does not have them."""
    places = [index for index, value in enumerate(values) if value == SATURATED32]
    if not places:
        return list(values)
    field = _extra_field(extra, ZIP64_EXTRA)
    if field is None or len(field) < 8 * len(places):
        return None
    wide = struct.unpack_from(f"<{len(places)}Q", field)
    replaced = dict(zip(places, wide, strict=True))
    return [replaced.get(index, value) for index, value in enumerate(values)]


def _find(file: BinaryIO) -> _Place:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - END.size - LONGEST_COMMENT))
    tail = file.read()
    position = tail.rfind(END_MAGIC)
    while position >= 0:
        if position + END.size <= len(tail):
            end = END.unpack_from(tail, position)
            if position + END.size + end[7] == len(tail):
                return _checked(file, end, size - len(tail) + position)
        position = tail.rfind(END_MAGIC, 0, position)
    raise BadArchive([TRUNCATED])


def _checked(file: BinaryIO, end: tuple[int, ...], position: int) -> _Place:
    """The place of the table, which has to end where the end of the zip begins."""
    _, disk, table_disk, disk_count, count, table_bytes, offset, _ = end
    place = _Place(count, table_bytes, offset)
    if _has_locator(file, position):
        place, position = _wide(file, position, end)
    elif SATURATED32 in (table_bytes, offset) or count == SATURATED16:
        raise BadArchive([LIES])
    if (disk, table_disk) not in ((0, 0), (SATURATED16, SATURATED16)) or disk_count != count:
        raise BadArchive([SPLIT])
    if place.offset + place.bytes != position:
        raise BadArchive([LIES])
    return place


def _has_locator(file: BinaryIO, position: int) -> bool:
    if position < LOCATOR.size:
        return False
    file.seek(position - LOCATOR.size)
    return file.read(4) == LOCATOR_MAGIC


def _wide(file: BinaryIO, position: int, end: tuple[int, ...]) -> tuple[_Place, int]:
    """The place by the end of a zip64, and where that end begins. It may not contradict the short `end`."""
    file.seek(position - LOCATOR.size)
    _, disk, wide_offset, disks = LOCATOR.unpack(file.read(LOCATOR.size))
    if disk != 0 or disks > 1:
        raise BadArchive([SPLIT])
    if wide_offset + END64.size > position - LOCATOR.size:
        raise BadArchive([LIES])
    file.seek(wide_offset)
    magic, size, _, _, disk, table_disk, disk_count, count, table_bytes, offset = END64.unpack(file.read(END64.size))
    ends = wide_offset + END64_UNCOUNTED_BYTES + size
    narrow = zip(end[4:7], (count, table_bytes, offset), (SATURATED16, SATURATED32, SATURATED32), strict=True)
    agrees = all(short in (wide, saturated) for short, wide, saturated in narrow)
    if magic != END64_MAGIC or ends != position - LOCATOR.size or not agrees:
        raise BadArchive([LIES])
    if disk or table_disk or disk_count != count:
        raise BadArchive([SPLIT])
    return _Place(count, table_bytes, offset), wide_offset


def _record(data: bytes, position: int) -> tuple[Record, int]:
    """The line of the table at `position`, and where the next one begins."""
    if position + RECORD.size > len(data):
        raise BadArchive([LIES])
    line = _Line(*RECORD.unpack_from(data, position))
    name_at = position + RECORD.size
    extra_at = name_at + line.name_length
    following = extra_at + line.extra_length + line.comment_length
    if line.magic != RECORD_MAGIC or following > len(data):
        raise BadArchive([LIES])
    raw_name = data[name_at:extra_at]
    extra = data[extra_at : extra_at + line.extra_length]
    name, problems = _decoded(raw_name, line.flags)
    sizes = zip64_values(extra, (line.bytes, line.stored_bytes, line.offset))
    if sizes is None:
        sizes = [0, 0, 0]
        problems.append("declares sizes of more than 4 GB and does not say which")
    kind, contradiction = _type(name, line.external >> 16)
    problems += contradiction
    size, stored_bytes, offset = sizes
    record = Record(
        raw_name=raw_name, name=name, flags=line.flags, method=line.method, crc=line.crc, stored_bytes=stored_bytes,
        bytes=size, offset=offset, mode=line.external >> 16, type=kind, problems=problems,
    )  # fmt: skip
    return record, following


def _decoded(raw_name: bytes, flags: int) -> tuple[str, list[str]]:
    """The name, and what is wrong with its bytes. Many programs write UTF-8 without saying so."""
    try:
        return raw_name.decode(), []
    except UnicodeDecodeError:
        if flags & UTF8_NAME:
            return raw_name.decode("cp437"), ["has a name that is no UTF-8 though it says so"]
        return raw_name.decode("cp437"), []


def _type(name: str, mode: int) -> tuple[EntryType, list[str]]:
    """What an entry is by its name and its Unix mode, and whether they contradict each other."""
    by_name = EntryType.FOLDER if name.endswith("/") else EntryType.FILE
    match stat.S_IFMT(mode):
        case 0:
            return by_name, []
        case stat.S_IFREG | stat.S_IFDIR as kind:
            agrees = (kind == stat.S_IFDIR) == (by_name is EntryType.FOLDER)
            return by_name, [] if agrees else ["is a folder by its name or its mode, and a file by the other"]
        case stat.S_IFLNK:
            return EntryType.SYMLINK, []
        case stat.S_IFIFO | stat.S_IFSOCK | stat.S_IFCHR | stat.S_IFBLK:
            return EntryType.SPECIAL, []
    return EntryType.UNKNOWN, []


def _extra_field(extra: bytes, wanted: int) -> bytes | None:
    position = 0
    while position + 4 <= len(extra):
        number, length = struct.unpack_from("<HH", extra, position)
        if number == wanted:
            return extra[position + 4 : position + 4 + length]
        position += 4 + length
    return None
