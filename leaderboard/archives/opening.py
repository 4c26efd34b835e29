"""Unpacking an archive: checked as a whole first, then written beside its place and renamed into it."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple

from leaderboard.archives.entry import ArchiveLimits, ArchiveReader, Deadline, Entry, EntryType
from leaderboard.archives.names import collisions, is_archive, is_junk, name_problems, parts_of
from leaderboard.archives.streams import decoder_of
from leaderboard.archives.tars import TarReader
from leaderboard.archives.zips import ZipReader
from leaderboard.errors import BadArchive

ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
TAR_MAGIC, TAR_MAGIC_AT = b"ustar", 257
HEAD_BYTES = 512
MAX_LINES = 50
FILE_MODE, PROGRAM_MODE, FOLDER_MODE = 0o644, 0o755, 0o755
TYPES = (EntryType.FILE, EntryType.FOLDER)
DEFAULT_LIMITS = ArchiveLimits()
EMPTY = "The archive is empty: it holds no files."
NO_ARCHIVE = "The file is neither a zip nor a tar (.tar, .tar.gz, .tar.bz2, .tar.xz)."


class ArchiveFile(NamedTuple):
    """A file of an archive."""

    path: str
    """Where it comes to lie, below the folder that is unpacked into; its parts are separated by `/`."""
    bytes: int


class _Planned(NamedTuple):
    """An entry and the parts of the path that it comes to lie at; none for one that is dropped."""

    entry: Entry
    parts: Sequence[str]


def open_archive(
    file: Path, into: Path, limits: ArchiveLimits = DEFAULT_LIMITS, *, unwrap: bool = False
) -> list[ArchiveFile]:
    """Unpack the zip or tar `file` into the folder `into`, which is not there yet or is empty; its files, in order.

    `unwrap`: where everything lies in one folder, that folder is left out. What macOS and Python leave beside the files
    is dropped. Files come out as regular files of mode 0644 or, where their owner may run them, 0755.

    Raises BadArchive with every problem, OSError; then nothing is left behind.
    """
    with file.open("rb") as archive, _arriving(into) as folder:
        deadline = Deadline(limits.seconds)
        reader = _reader(archive, limits, deadline)
        plan = _plan(reader.entries(), limits, _size(archive), unwrap)
        _write(reader, plan, folder, deadline)
        return _files(plan)


def list_archive(file: Path, limits: ArchiveLimits = DEFAULT_LIMITS, *, unwrap: bool = False) -> list[ArchiveFile]:
    """The files that `open_archive` would write, in order, found out without looking into any.

    Raises BadArchive with every problem that the headers have, OSError.
    """
    with file.open("rb") as archive:
        reader = _reader(archive, limits, Deadline(limits.seconds))
        return _files(_plan(reader.entries(), limits, _size(archive), unwrap))


def _size(archive: BinaryIO) -> int:
    return os.fstat(archive.fileno()).st_size


def _reader(archive: BinaryIO, limits: ArchiveLimits, deadline: Deadline) -> ArchiveReader:
    deadline.check()
    head = archive.read(HEAD_BYTES)
    if not head:
        raise BadArchive(["The file is empty: it has 0 bytes."])
    if head.startswith(ZIP_MAGIC):
        return ZipReader(archive, limits, deadline)
    make = decoder_of(head)
    if make is not None or head[TAR_MAGIC_AT:].startswith(TAR_MAGIC) or head == bytes(HEAD_BYTES):
        return TarReader(archive, make, limits, deadline, _size(archive))
    raise BadArchive([NO_ARCHIVE])


def _plan(entries: Sequence[Entry], limits: ArchiveLimits, archive_bytes: int, unwrap: bool) -> list[_Planned]:
    """What comes to lie where. Raises BadArchive with every problem of the names, types and sizes."""
    limits.check_size(sum(entry.bytes for entry in entries), archive_bytes)
    kept = [entry for entry in entries if not is_junk(entry.name)]
    lines = [entry.line(problem) for entry in kept for problem in _problems(entry, limits)]
    lines += collisions(entry for entry in kept if entry.type in TYPES)
    if not lines and not any(entry.type is EntryType.FILE for entry in kept):
        lines.append(EMPTY)
    if lines:
        raise _refusal(lines)
    wrapped = int(unwrap and _is_wrapped(kept))
    return [_Planned(entry, [] if is_junk(entry.name) else parts_of(entry.name)[wrapped:]) for entry in entries]


def _problems(entry: Entry, limits: ArchiveLimits) -> Iterator[str]:
    yield from name_problems(entry.name, limits)
    if entry.type is EntryType.FILE and not parts_of(entry.name):
        yield "is a file without a name"
    if entry.type not in TYPES:
        yield f"is {entry.type}; an archive may only hold files and folders"
    else:
        yield from entry.problems
    if entry.bytes > limits.file_bytes:
        yield f"has {entry.bytes:,} bytes; at most {limits.file_bytes:,} are allowed"
    if entry.type is EntryType.FILE and not limits.nested and is_archive(entry.name):
        yield "is an archive in the archive, which is refused; put its files there"


def _is_wrapped(entries: Sequence[Entry]) -> bool:
    """Whether everything lies in one folder."""
    paths = [parts for entry in entries if (parts := parts_of(entry.name))]
    same = all(first[0] == second[0] for first, second in pairwise(paths))
    return same and all(len(parts_of(entry.name)) > 1 for entry in entries if entry.type is EntryType.FILE)


def _refusal(lines: Sequence[str]) -> BadArchive:
    more = len(lines) - MAX_LINES
    return BadArchive([*lines[:MAX_LINES], *([f"{more:,} more problems were found."] if more > 0 else [])])


def _files(plan: Sequence[_Planned]) -> list[ArchiveFile]:
    return [
        ArchiveFile("/".join(planned.parts), planned.entry.bytes)
        for planned in plan
        if planned.parts and planned.entry.type is EntryType.FILE
    ]


# --- writing


@contextmanager
def _arriving(into: Path) -> Iterator[Path]:
    """A folder beside `into` that becomes it in the end, or vanishes."""
    beside = into.parent / f".{into.name}.{secrets.token_hex(8)}"
    beside.mkdir(mode=0o700)
    try:
        yield beside
        beside.chmod(FOLDER_MODE)
        beside.rename(into)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _write(reader: ArchiveReader, plan: Sequence[_Planned], folder: Path, deadline: Deadline) -> None:
    """Write what is planned. Raises BadArchive with every content that is not what its header says."""
    lines = list[str]()
    for planned, content in zip(plan, reader.contents(), strict=True):
        place = folder / PurePosixPath(*planned.parts)
        if not planned.parts:
            continue
        if planned.entry.type is EntryType.FOLDER:
            _make_folder(place, folder)
            continue
        _make_folder(place.parent, folder)
        try:
            _write_file(content, place, PROGRAM_MODE if planned.entry.executable else FILE_MODE, deadline)
        except BadArchive as problem:
            deadline.check()
            lines += problem.lines
    if lines:
        raise _refusal(lines)


def _make_folder(place: Path, root: Path) -> None:
    """The folder `place` and those above it, up to `root`."""
    missing = []
    while place != root and not place.exists():
        missing.append(place)
        place = place.parent
    for folder in reversed(missing):
        folder.mkdir()
        folder.chmod(FOLDER_MODE)


def _write_file(content: Iterator[bytes], place: Path, mode: int, deadline: Deadline) -> None:
    with place.open("xb") as file:
        for block in content:
            deadline.check()
            file.write(block)
        os.fchmod(file.fileno(), mode)
