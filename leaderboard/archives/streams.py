"""What a tar is read from: compressed or not, forward only, and never much of it at once."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO, Protocol

from leaderboard.archives.entry import CHUNK_BYTES, Deadline
from leaderboard.errors import BadArchive

DECODER_BYTES = 128 << 20
"""Memory that unpacking an xz may take."""
MOST_AT_ONCE = 1 << 20
"""The longest header; the standard library reads one whole, whatever its length."""
DAMAGED = "The compressed archive is damaged or truncated: its content cannot be read."


class Decoder(Protocol):
    """A stream of a compression, as bz2 and lzma of the standard library have it."""

    @property
    def eof(self) -> bool:
        """Whether the stream has ended."""

    @property
    def needs_input(self) -> bool:
        """Whether it needs more to give more."""

    @property
    def unused_data(self) -> bytes:
        """What came after its end."""

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        """At most `max_length` bytes of content."""


class GzipDecoder:
    """The same for gzip, whose decoder in the standard library hands back what it did not use."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(zlib.MAX_WBITS | 16)
        self._pending = b""
        self.needs_input = True

    @property
    def eof(self) -> bool:
        """Whether the stream has ended, its checksum compared."""
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        """What came after its end."""
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        """At most `max_length` bytes of content."""
        block = self._inner.decompress(self._pending + data, max_length)
        self._pending = self._inner.unconsumed_tail
        self.needs_input = not self._pending and len(block) < max_length
        return block


def xz_decoder() -> Decoder:
    """One whose memory is bounded."""
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=DECODER_BYTES)


DECODERS: dict[bytes, Callable[[], Decoder]] = {
    b"\x1f\x8b": GzipDecoder,
    b"BZh": bz2.BZ2Decompressor,
    b"\xfd7zXZ\x00": xz_decoder,
}
"""First bytes of a file -> what unpacks it."""


def decoder_of(head: bytes) -> Callable[[], Decoder] | None:
    """What unpacks a file that begins with `head`; None where it is not compressed."""
    return next((make for magic, make in DECODERS.items() if head.startswith(magic)), None)


class ForwardFile:
    """A file for `tarfile`, over pieces of content."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._buffer = bytearray()
        self._position = 0
        self.last = b""
        """What was read last."""

    def read(self, size: int = -1) -> bytes:
        """The next `size` bytes; fewer at the end. Raises BadArchive."""
        if not 0 <= size <= MOST_AT_ONCE:
            raise BadArchive([f"The tar has a header of more than {MOST_AT_ONCE:,} bytes, which is refused."])
        while len(self._buffer) < size and (block := next(self._blocks, b"")):
            self._buffer += block
        self.last = bytes(self._buffer[:size])
        del self._buffer[:size]
        self._position += len(self.last)
        return self.last

    def seek(self, offset: int) -> None:
        """Go on at `offset`, or at the end where that comes first. Raises BadArchive for an earlier place."""
        if offset < self._position:
            raise BadArchive(["The tar is damaged: it says that an entry begins before the one in front of it ends."])
        while self._position < offset and self.read(min(offset - self._position, CHUNK_BYTES)):
            pass

    def tell(self) -> int:
        """How many bytes were read."""
        return self._position


def blocks_of(file: BinaryIO, make: Callable[[], Decoder] | None, deadline: Deadline) -> Iterator[bytes]:
    """The content of `file` in pieces, unpacked by what `make` makes. Raises BadArchive."""
    data = file.read(CHUNK_BYTES)
    while data:
        deadline.check()
        if make is None:
            yield data
            data = file.read(CHUNK_BYTES)
            continue
        decoder = make()
        yield from _stream(file, decoder, data, deadline)
        data = _next_stream(file, decoder)


def _stream(file: BinaryIO, decoder: Decoder, data: bytes, deadline: Deadline) -> Iterator[bytes]:
    """The content of one compressed stream that begins with `data`."""
    while True:
        deadline.check()
        if block := _decompressed(decoder, data):
            yield block
        if decoder.eof:
            return
        data = file.read(CHUNK_BYTES) if decoder.needs_input else b""
        if decoder.needs_input and not data:
            raise BadArchive([DAMAGED])


def _decompressed(decoder: Decoder, data: bytes) -> bytes:
    try:
        return decoder.decompress(data, CHUNK_BYTES)
    except (zlib.error, lzma.LZMAError, EOFError, OSError):  # bz2 raises OSError for what is no bz2
        raise BadArchive([DAMAGED]) from None


def _next_stream(file: BinaryIO, decoder: Decoder) -> bytes:
    """What follows the end of a stream and the zeros after it."""
    rest = decoder.unused_data.lstrip(b"\0")
    while not rest and (data := file.read(CHUNK_BYTES)):
        rest = data.lstrip(b"\0")
    return rest
