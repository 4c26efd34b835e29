"""Reading git packs, so that `git gc` and `git repack` may be run on a repository that is being served."""

import bisect
import mmap
import struct
import zlib
from contextlib import suppress
from functools import partial
from pathlib import Path

from localhub.cache import Cache

_KINDS = {1: "commit", 2: "tree", 3: "blob", 4: "tag"}
_OFS_DELTA, _REF_DELTA = 6, 7


class Packs:
    """All packs of one repository; looked for again when an object is not found."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, oid: str) -> tuple[str, bytes] | None:
        """(kind, content), or None when no pack holds the object."""
        for pack in self._packs():
            offset = pack.find(oid)
            if offset is not None:
                return pack.at(offset, self)
        return None

    def starting_with(self, prefix: str) -> set[str]:
        """Ids of packed objects which begin with `prefix`."""
        return {oid for pack in self._packs() for oid in pack.starting_with(prefix)}

    def _packs(self) -> list["_Pack"]:
        while True:
            found = sorted(path for path in self.folder.glob("*.idx") if path.with_suffix(".pack").is_file())
            with suppress(FileNotFoundError):  # repacked meanwhile: look again
                return [_open_packs.get(path, partial(_Pack, path)) for path in found]


class _Pack:
    """One pack and its version 2 index."""

    def __init__(self, index: Path) -> None:
        self._index = index.read_bytes()
        with index.with_suffix(".pack").open("rb") as file:
            self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._count = struct.unpack_from(">I", self._index, 8 + 255 * 4)[0]

    def _oid(self, at: int) -> bytes:
        start = 8 + 1024 + at * 20
        return self._index[start : start + 20]

    def _first_not_below(self, raw: bytes) -> int:
        return bisect.bisect_left(range(self._count), raw, key=self._oid)

    def find(self, oid: str) -> int | None:
        raw = bytes.fromhex(oid)
        at = self._first_not_below(raw)
        if at >= self._count or self._oid(at) != raw:
            return None
        offsets = 8 + 1024 + self._count * 24
        offset: int = struct.unpack_from(">I", self._index, offsets + at * 4)[0]
        if offset & 1 << 31:
            large = offsets + self._count * 4 + (offset & ~(1 << 31)) * 8
            offset = struct.unpack_from(">Q", self._index, large)[0]
        return offset

    def starting_with(self, prefix: str) -> list[str]:
        at = self._first_not_below(bytes.fromhex(prefix.ljust(40, "0")))
        found = []
        while at < self._count and (oid := self._oid(at).hex()).startswith(prefix):
            found.append(oid)
            at += 1
        return found

    def at(self, offset: int, packs: Packs) -> tuple[str, bytes]:
        start = offset
        byte = self._data[offset]
        number, size, shift = byte >> 4 & 7, byte & 15, 4
        offset += 1
        while byte & 0x80:
            byte = self._data[offset]
            size |= (byte & 0x7F) << shift
            shift += 7
            offset += 1
        if number in _KINDS:
            return _KINDS[number], self._inflate(offset, size)
        if number == _OFS_DELTA:
            back, offset = self._back_offset(offset)
            kind, base = self.at(start - back, packs)
        else:
            found = packs.read(self._data[offset : offset + 20].hex())
            if not found:
                raise ValueError("the base of a packed delta is missing")
            kind, base = found
            offset += 20
        return kind, _apply_delta(base, self._inflate(offset, size))

    def _back_offset(self, offset: int) -> tuple[int, int]:
        byte = self._data[offset]
        back = byte & 0x7F
        offset += 1
        while byte & 0x80:
            byte = self._data[offset]
            back = (back + 1) << 7 | byte & 0x7F
            offset += 1
        return back, offset

    def _inflate(self, offset: int, size: int) -> bytes:
        inflate, out = zlib.decompressobj(), bytearray()
        while len(out) < size or not inflate.eof:
            chunk = self._data[offset : offset + 65536]
            if not chunk:
                break
            out += inflate.decompress(chunk)
            offset += 65536
        return bytes(out)


_open_packs: Cache[Path, _Pack] = Cache(256)
"""By path: a pack's name is a hash of what it holds."""


def _varint(delta: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = delta[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return value, at


def _apply_delta(base: bytes, delta: bytes) -> bytes:
    _, at = _varint(delta, 0)
    _, at = _varint(delta, at)
    out = bytearray()
    while at < len(delta):
        op = delta[at]
        at += 1
        if not op & 0x80:
            out += delta[at : at + op]
            at += op
            continue
        offset = size = 0
        for bit in range(4):
            if op >> bit & 1:
                offset |= delta[at] << bit * 8
                at += 1
        for bit in range(3):
            if op >> bit + 4 & 1:
                size |= delta[at] << bit * 8
                at += 1
        size = size or 0x10000
        out += base[offset : offset + size]
    return bytes(out)
