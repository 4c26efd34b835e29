"""Archives as people make them, and as no program would: every header may say something else than is true."""

from __future__ import annotations

import io
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

TAR_MODES = {"tar": "w", "tar.gz": "w:gz", "tar.bz2": "w:bz2", "tar.xz": "w:xz"}
FORMATS = ("zip", *TAR_MODES)


def packed(form: str, files: Mapping[str, bytes]) -> bytes:
    """An archive of `files`, made by the standard library."""
    if form == "zip":
        return raw_zip([RawEntry(name.encode(), content) for name, content in files.items()])
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode=TAR_MODES[form]) as tar:  # type: ignore[call-overload]
        for name, content in files.items():
            tar.addfile(tar_info(name, size=len(content)), io.BytesIO(content))
    return made.getvalue()


def zipped(files: Mapping[str, bytes]) -> bytes:
    """A zip by the standard library."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return made.getvalue()


def tar_info(name: str, **fields: Any) -> tarfile.TarInfo:
    """A header with `fields`."""
    info = tarfile.TarInfo(name)
    for field, value in fields.items():
        setattr(info, field, value)
    return info


def tarred(*infos: tarfile.TarInfo, form: str = "tar") -> bytes:
    """A tar of headers, their contents zeros."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode=TAR_MODES[form]) as tar:  # type: ignore[call-overload]
        for info in infos:
            tar.addfile(info, io.BytesIO(bytes(info.size)))
    return made.getvalue()


@dataclass(frozen=True)
class Header:
    """What one of the two headers of a zip's entry says."""

    name: bytes
    flags: int
    method: int
    crc: int
    stored_bytes: int
    bytes: int
    extra: bytes = b""


@dataclass(frozen=True)
class RawEntry:
    """An entry of a zip; what is None is true."""

    name: bytes
    content: bytes = b"some text"
    method: int = 8
    flags: int = 0
    mode: int = stat.S_IFREG | 0o644
    crc: int | None = None
    bytes: int | None = None
    stored: bytes | None = None
    """Its content as it lies in the zip."""
    offset: int | None = None
    """Where the table says that it begins."""
    extra: bytes = b""
    """Of the table."""
    local: Mapping[str, Any] | None = None
    """What the header in front of the content says otherwise."""

    def data(self) -> bytes:
        """Its content as it lies in the zip."""
        if self.stored is not None:
            return self.stored
        return deflated(self.content) if self.method == 8 else self.content

    def header(self) -> Header:
        """What the table says."""
        crc = zlib.crc32(self.content) if self.crc is None else self.crc
        size = len(self.content) if self.bytes is None else self.bytes
        return Header(self.name, self.flags, self.method, crc, len(self.data()), size, self.extra)


def deflated(content: bytes) -> bytes:
    """Compressed as a zip has it."""
    encoder = zlib.compressobj(9, zlib.DEFLATED, -15)
    return encoder.compress(content) + encoder.flush()


def local_part(entry: RawEntry) -> bytes:
    """The header in front of the content, and the content."""
    said = replace(entry.header(), extra=b"")
    said = replace(said, **entry.local) if entry.local else said
    fixed = struct.pack(
        "<4s5H3L2H", b"PK\3\4", 20, said.flags, said.method, 0, 33, said.crc, said.stored_bytes, said.bytes,
        len(said.name), len(said.extra),
    )  # fmt: skip
    return fixed + said.name + said.extra + entry.data()


def table_line(entry: RawEntry, offset: int) -> bytes:
    """The line of the table."""
    said = entry.header()
    fixed = struct.pack(
        "<4s6H3L5H2L", b"PK\1\2", 3 << 8 | 20, 20, said.flags, said.method, 0, 33, said.crc,
        said.stored_bytes, said.bytes, len(said.name), len(said.extra), 0, 0, 0, entry.mode << 16,
        offset if entry.offset is None else entry.offset,
    )  # fmt: skip
    return fixed + said.name + said.extra


def raw_zip(entries: Sequence[RawEntry], count: int | None = None, table_bytes: int | None = None) -> bytes:
    """A zip; `count`, `table_bytes`: what its end says of the table, where that is not true."""
    body, table = b"", b""
    for entry in entries:
        table += table_line(entry, len(body))
        body += local_part(entry)
    number = len(entries) if count is None else count
    size = len(table) if table_bytes is None else table_bytes
    return body + table + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, number, number, size, len(body), 0)


def wide_zip(entries: Sequence[RawEntry], **lies: int) -> bytes:
    """A zip64; `lies`: what its long end says otherwise (count, table_bytes, offset, place, size)."""
    plain = raw_zip(entries)
    body, end = plain[:-22], struct.unpack("<4s4H2LH", plain[-22:])
    said = {"count": end[3], "table_bytes": end[5], "offset": end[6], "place": len(body), "size": 44} | lies
    wide_end = struct.pack(
        "<4sQ2H2L4Q",
        b"PK\6\6",
        said["size"],
        45,
        45,
        0,
        0,
        said["count"],
        said["count"],
        said["table_bytes"],
        said["offset"],
    )
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, said["place"], 1)
    return body + wide_end + locator + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, *[0xFFFF] * 2, *[0xFFFFFFFF] * 2, 0)
