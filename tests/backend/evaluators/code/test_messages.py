"""Messages between the service and submitted code: what goes in comes out, and what is hostile is refused."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.evaluators.code_run.inside.messages import BadMessage, Most, pack, unpack

KEYS = ("$buffer", "dtype", "shape", "a")
SMALL = Most(document_bytes=1000, buffer_bytes=10_000, buffers=4)


def reader(content: bytes) -> Callable[[int], bytearray]:
    left = memoryview(content)

    def read(size: int) -> bytearray:
        nonlocal left
        if len(left) < size:
            raise EOFError
        taken, left = left[:size], left[size:]
        return bytearray(taken)

    return read


def carried(value: Any) -> Any:
    return unpack(reader(b"".join(pack(value))), Most())


@pytest.mark.parametrize(
    "value",
    [None, True, -3, 2**70, 1.5, math.inf, "text \u2028 \ud800", [], {"a": [1, {"b": None}]}, b"\0\xff", {"k": b""}],
)
def test_plain_values_are_carried(value: Any) -> None:
    assert carried(value) == value


def test_not_a_number_is_carried_and_left_to_the_checks() -> None:
    assert math.isnan(carried(math.nan))


@pytest.mark.parametrize("dtype", ["?", "i1", "u2", ">i4", "<i8", "f2", ">f4", "f8"])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 3), (4, 5, 6)])
def test_arrays_are_carried(dtype: str, shape: tuple[int, ...]) -> None:
    array = np.asarray(np.arange(math.prod(shape)).reshape(shape) % 2, dtype)
    back = carried({"a": [array, array.T]})["a"]
    assert back[0].dtype.itemsize == array.dtype.itemsize and back[0].shape == shape
    np.testing.assert_array_equal(back[0], array)
    np.testing.assert_array_equal(back[1], array.T)
    back[0][...] = 1  # what arrives may be written to


def test_numbers_of_numpy_become_plain_numbers() -> None:
    assert carried([np.float32(0.5), np.int64(3), np.bool_(True)]) == [0.5, 3, True]


@pytest.mark.parametrize(
    "value", [object(), {1, 2}, np.array([object()]), np.array(["a"]), np.array([1j]), np.datetime64("2026-01-01")]
)
def test_objects_are_not_carried(value: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        b"".join(pack([value]))


def framed(document: Any, *buffers: bytes) -> bytes:
    text = document if isinstance(document, bytes) else json.dumps(document).encode()
    lengths = struct.pack(f"<{len(buffers)}Q", *map(len, buffers))
    return struct.pack("<II", len(text), len(buffers)) + lengths + text + b"".join(buffers)


@pytest.mark.parametrize(
    "message",
    [
        framed(b"x" * 1001),
        framed([], *[b""] * 5),
        framed([], b"x" * 10_001),
        struct.pack("<IIQ", 2, 1, 1 << 63) + b"[]",
        framed(b"no JSON"),
        framed(b"[" * 999),
        framed(b"\xff\xfe"),
        framed({"$buffer": 0}),
        framed({"$buffer": -1}, b"a"),
        framed({"$buffer": True}, b"a"),
        framed({"$buffer": "0"}, b"a"),
        framed({"$buffer": 0, "dtype": "O", "shape": [1]}, b"a" * 8),
        framed({"$buffer": 0, "dtype": ["<f8"], "shape": [1]}, b"a" * 8),
        framed({"$buffer": 0, "dtype": "<f8", "shape": [2]}, b"a" * 8),
        framed({"$buffer": 0, "dtype": "<f8", "shape": [-1]}, b"a" * 8),
        framed({"$buffer": 0, "dtype": "<f8", "shape": [1.0]}, b"a" * 8),
        framed({"$buffer": 0, "dtype": "<f8", "shape": "1"}, b"a" * 8),
        framed({"$buffer": 0, "dtype": "<f8", "shape": [0] * 33}, b""),
        framed({"$buffer": 0, "dtype": "<f8", "shape": [0, 10**15]}, b""),
    ],
)
def test_hostile_messages_are_refused(message: bytes) -> None:
    with pytest.raises(BadMessage):
        unpack(reader(message), SMALL)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3),
)


@given(document=st.binary(max_size=40) | JSON, buffers=st.lists(st.binary(max_size=16), max_size=3))
def test_no_message_does_anything_but_arrive_or_be_refused(document: Any, buffers: list[bytes]) -> None:
    with suppress(BadMessage):
        unpack(reader(framed(document, *buffers)), SMALL)
