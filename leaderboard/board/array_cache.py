"""Arrays that are costly to make and asked for again, within a bound of memory."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar, cast

import numpy as np

MAX_BYTES = 64_000_000
"""Of the arrays. A board of 100,000 rows takes 0.8 MB an array: some 30 different views. Larger boards keep more."""
MAX_ENTRIES = 512
"""However small the arrays are: their keys hold what readers wrote."""

Value = TypeVar("Value")


class ArrayCache:
    """Arrays, or tuples with arrays in them, by key; those asked for least recently go first. Safe for threads."""

    def __init__(self, max_bytes: int = MAX_BYTES, max_entries: int = MAX_ENTRIES) -> None:
        self._max_bytes = max_bytes
        self._max_entries = max_entries
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self.size = 0
        """Bytes of all the arrays that are kept; one that two entries share counts twice."""

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """The value under `key`, made where it is not kept. Two threads may make it at once; either's is right."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return cast("Value", self._kept[key][0])
        value = make()
        self._keep(key, value, array_bytes(value))
        return value

    def _keep(self, key: Hashable, value: object, size: int) -> None:
        with self._lock:
            _, before = self._kept.pop(key, (None, 0))
            self._kept[key] = (value, size)
            self.size += size - before
            while self.size > self._max_bytes or len(self._kept) > self._max_entries:
                _, (_, gone) = self._kept.popitem(last=False)
                self.size -= gone


def array_bytes(value: object) -> int:
    """Bytes of an array, or of the arrays in a tuple."""
    if isinstance(value, np.ndarray):
        return value.nbytes
    return sum(array_bytes(item) for item in value) if isinstance(value, tuple) else 0
