"""Key and value caches for shared prefixes, on the public classes of transformers' cache module."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from transformers.cache_utils import Cache, DynamicLayer

from backend.evaluators.shared_prefix.attention import Unsupported

Prefix = list[tuple[Any, Any]]
"""Keys and values of a prefix, a pair a layer, each [1, heads, tokens, size]."""


Sink = Callable[[int, Any, Any], None]
"""Takes a layer's number and its new keys and values, [rows, heads, width, size]."""


class PrefixLayer(DynamicLayer):  # type: ignore[misc]
    """A layer that shows prefix and new states to its attention and never changes the prefix.

    Nothing is stored, so that the joined states of one layer live only as long as its attention; a sink may take the
    new states.
    """

    def __init__(self, prefix: tuple[Any, Any] | None, sink: Callable[[Any, Any], None] | None = None) -> None:
        super().__init__()
        self.sink = sink
        if prefix is not None:
            self.keys, self.values = prefix
            self.dtype, self.device = self.keys.dtype, self.keys.device
            self.is_initialized = True

    def update(self, key_states: Any, value_states: Any, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
        """The states to attend to: the prefix, repeated for every row, then the new ones."""
        if self.sink is not None:
            self.sink(key_states, value_states)
        if not self.is_initialized:
            return key_states, value_states
        rows = key_states.shape[0]
        keys = torch.cat([self.keys.expand(rows, -1, -1, -1), key_states], dim=-2)
        values = torch.cat([self.values.expand(rows, -1, -1, -1), value_states], dim=-2)
        return keys, values


def over(prefix: Prefix | None, layers: int, sink: Sink | None = None) -> Any:
    """A cache of `layers` layers over a prefix; None where neither a prefix nor a sink asks for one."""
    if prefix is None and sink is None:
        return None
    return Cache(
        layers=[
            PrefixLayer(prefix[index] if prefix else None, partial(sink, index) if sink else None)
            for index in range(layers)
        ]
    )


class Fresh:
    """A sink that keeps what a forward adds."""

    def __init__(self) -> None:
        self.states: Prefix = []

    def __call__(self, index: int, keys: Any, values: Any) -> None:
        self.states.append((keys, values))


def extended(prefix: Prefix | None, added: Prefix) -> Prefix:
    """The prefix followed by what one row of a forward has added."""
    if prefix is None:
        return added
    return [
        (torch.cat([old[0], new[0]], dim=-2), torch.cat([old[1], new[1]], dim=-2))
        for old, new in zip(prefix, added, strict=True)
    ]


BLOCK = 16
"""Columns of a slot that are made ready at a time."""


class CachePlace(NamedTuple):
    """A slot, and the columns of a forward's row that go there."""

    slot: int
    row: int
    start: int
    end: int


class Aim:
    """Where the next token of each active row goes. Layers hold it, not their slots: memory is given back at once."""

    def __init__(self) -> None:
        self.rows = self.columns = torch.zeros(0, dtype=torch.long)
        self.width = 0


class SlotLayer(DynamicLayer):  # type: ignore[misc]
    """A layer of preallocated slots: each row writes its newest token at its own length, nothing is concatenated."""

    def __init__(self, aim: Aim, keys: Any, values: Any) -> None:
        super().__init__()
        self.aim, self.keys, self.values = aim, keys, values
        self.is_initialized, self.ready = True, 0

    def make_ready(self, columns: int) -> None:
        """Have zeros in columns up to `columns`, because what a row does not see has to be finite.

        Memory is touched in blocks, so that on a CPU it counts as it is used.
        """
        if columns > self.ready:
            start, self.ready = self.ready, -(-columns // BLOCK) * BLOCK
            self.keys[:, :, start : self.ready] = 0
            self.values[:, :, start : self.ready] = 0

    def update(self, key_states: Any, value_states: Any, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
        """Write one token a row; return the columns in use."""
        rows, columns = self.aim.rows, self.aim.columns
        self.keys[rows, :, columns] = key_states[:, :, 0]
        self.values[rows, :, columns] = value_states[:, :, 0]
        active, width = len(rows), self.aim.width
        return self.keys[:active, :, :width], self.values[:active, :, :width]

    def get_seq_length(self) -> int:
        """Columns in use, the newest token left out."""
        return self.aim.width - 1


class Slots:
    """Preallocated keys and values of up to `size` rows of `capacity` tokens; active rows are the first ones."""

    def __init__(self, layers: int, size: int, capacity: int) -> None:
        self.layers, self.size, self.capacity = layers, size, capacity
        self.next = Aim()
        self.cache: Any = None

    def fill(self, prefix: Prefix | None, places: Sequence[CachePlace], index: int, keys: Any, values: Any) -> None:
        """Store a prefix and parts of a forward's new states in slots, for one layer."""
        start = prefix[index][0].shape[2] if prefix else 0
        layer = self._layer(index, keys, values)
        layer.make_ready(start + max(place.end - place.start for place in places))
        for held, new, before in zip((layer.keys, layer.values), (keys, values), (0, 1), strict=True):
            for place in places:
                if prefix:
                    held[place.slot, :, :start] = prefix[index][before][0]
                held[place.slot, :, start : start + place.end - place.start] = new[
                    place.row, :, place.start : place.end
                ]

    def _layer(self, index: int, keys: Any, values: Any) -> SlotLayer:
        """A layer's slots; all layers are one piece of memory, which goes back to the system as a whole."""
        heads, width = keys.shape[1], keys.shape[3]
        if self.cache is None:
            memory = keys.new_empty((self.layers, 2, self.size, heads, self.capacity, width))
            self.cache = Cache(layers=[SlotLayer(self.next, *pair) for pair in memory])
        layer: SlotLayer = self.cache.layers[index]
        if not layer.keys.shape[1::2] == values.shape[1::2] == (heads, width):
            raise Unsupported("its layers keep keys and values of different shapes")
        return layer

    def move(self, source: int, target: int, length: int) -> None:
        """Copy a row's first `length` columns into another slot."""
        for layer in self.cache.layers:
            layer.keys[target, :, :length] = layer.keys[source, :, :length]
            layer.values[target, :, :length] = layer.values[source, :, :length]

    def aim(self, columns: Any, width: int) -> Any:
        """Say where the next token of each active row goes; returns the cache to forward with."""
        for layer in self.cache.layers:
            layer.make_ready(width)
        self.next.rows = torch.arange(len(columns), device=columns.device)
        self.next.columns, self.next.width = columns, width
        return self.cache
