"""A cache of immutable values with a limit on their total weight."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Cache(Generic[Key, Value]):
    """The most recently used values whose weights sum to `limit` at most; safe between threads."""

    def __init__(self, limit: int, weigh: Callable[[Value], int] = lambda value: 1) -> None:
        self._limit, self._weigh = limit, weigh
        self._held: OrderedDict[Key, Value] = OrderedDict()
        self._weight = 0
        self._lock = threading.Lock()

    def get(self, key: Key, make: Callable[[], Value]) -> Value:
        """The value of `key`, created by `make` if missing; `make` may run twice when threads race."""
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
                return self._held[key]
        value = make()
        self.put(key, value)
        return value

    def put(self, key: Key, value: Value) -> None:
        """Add `value` and drop the least recently used values over the limit."""
        with self._lock:
            if key in self._held:
                return
            self._held[key] = value
            self._weight += self._weigh(value)
            while self._weight > self._limit and len(self._held) > 1:
                _, dropped = self._held.popitem(last=False)
                self._weight -= self._weigh(dropped)
