"""Messages on the private pipe between the service and the process that runs submitted code.

A message is a JSON document with buffers; arrays and bytes travel as buffers, never as lists of numbers:

    u32 bytes of the document, u32 number of buffers, u64 bytes of each buffer, the document, the buffers

Where a buffer belongs, the document says `{"$buffer": index}` for bytes, with `dtype` and `shape` for an array. Nothing
is unpickled, and what is larger than the reader allows is refused before it is read.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

BUFFER = "$buffer"
"""Key of the objects that stand for buffers; no dictionary that is sent may have it."""
HEADER = struct.Struct("<II")
DTYPES = frozenset(
    {"|b1", "|i1", "|u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8", "<f2", "<f4", "<f8"}
)  # fmt: skip
"""Types of arrays that travel: numbers, and nothing that holds objects."""
MOST_DIMENSIONS = 32

Read = Callable[[int], bytearray]
"""Reads exactly that many bytes. Raises EOFError when the other side is gone."""
Piece = bytes | memoryview


class BadMessage(ValueError):
    """The other side sent what is no message, or more than is allowed."""


class Most(NamedTuple):
    """How large a message may be that is read."""

    document_bytes: int = 64 << 20
    buffer_bytes: int = 4 << 30
    """Of all buffers together."""
    buffers: int = 100_000


def pack(value: Any) -> list[Piece]:
    """The message that says `value`, in pieces to be written one after the other.

    Numbers, strings, None, lists, tuples, dictionaries, bytes and arrays of numbers. Raises TypeError, ValueError.
    """
    buffers: list[Piece] = []
    document = json.dumps(value, default=lambda other: _outside(other, buffers)).encode()
    lengths = struct.pack(f"<{len(buffers)}Q", *(len(buffer) for buffer in buffers))
    return [HEADER.pack(len(document), len(buffers)) + lengths + document, *buffers]


def unpack(read: Read, most: Most) -> Any:
    """The value of the next message. Arrays may be written to. Raises BadMessage, EOFError."""
    size, count = HEADER.unpack(read(HEADER.size))
    if size > most.document_bytes:
        raise BadMessage(f"a document of {size:,} bytes, more than {most.document_bytes:,}")
    if count > most.buffers:
        raise BadMessage(f"{count:,} buffers, more than {most.buffers:,}")
    lengths = struct.unpack(f"<{count}Q", read(8 * count))
    if sum(lengths) > most.buffer_bytes:
        raise BadMessage(f"{sum(lengths):,} bytes in buffers, more than {most.buffer_bytes:,}")
    document = read(size)
    buffers = [read(length) for length in lengths]
    try:
        return json.loads(document, object_hook=lambda item: _inside(item, buffers) if BUFFER in item else item)
    except (ValueError, TypeError, RecursionError) as error:
        raise BadMessage(f"no document ({type(error).__name__})") from None


def _outside(value: Any, buffers: list[Piece]) -> Any:
    """What the document says of a value that JSON has no word for."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, bytes | bytearray | memoryview):
        buffers.append(memoryview(value).cast("B"))
        return {BUFFER: len(buffers) - 1}
    if not isinstance(value, np.ndarray):
        if not hasattr(value, "__array__"):
            raise TypeError(
                f"An object of type {type(value).__name__} cannot be sent. Numbers, strings, lists, dictionaries, "
                "bytes and NumPy arrays of numbers can."
            )
        value = np.asarray(value)
    plain = np.ascontiguousarray(value, dtype=value.dtype.newbyteorder("<"))
    if plain.dtype.str not in DTYPES:
        raise TypeError(f"An array of {value.dtype} cannot be sent. Arrays of booleans, integers and floats can.")
    buffers.append(plain.reshape(-1).view(np.uint8).data)
    return {BUFFER: len(buffers) - 1, "dtype": plain.dtype.str, "shape": value.shape}


def _inside(item: Mapping[str, Any], buffers: Sequence[bytearray]) -> Any:
    """The bytes or the array that a document points to. Raises BadMessage, ValueError."""
    index, dtype, shape = item[BUFFER], item.get("dtype"), item.get("shape")
    if type(index) is not int or not 0 <= index < len(buffers):
        raise BadMessage("a buffer that was not sent")
    buffer = buffers[index]
    if dtype is None:
        return bytes(buffer)
    sizes = shape if isinstance(shape, list) and len(shape) <= MOST_DIMENSIONS else [-1]
    if dtype not in DTYPES or not all(type(size) is int and 0 <= size < 1 << 48 for size in sizes):
        raise BadMessage("an array of an unknown type or shape")
    if math.prod(sizes) * np.dtype(dtype).itemsize != len(buffer):
        raise BadMessage("an array that is not as long as its shape says")
    return np.frombuffer(buffer, dtype).reshape(sizes)
