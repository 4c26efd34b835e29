"""Key and value caches for shared prefixes, on the public classes of transformers' cache module."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from transformers.cache_utils import Cache, DynamicLayer

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


class Place(NamedTuple):
    """A slot, and the columns of a forward's row that go there."""

    slot: int
    row: int
    start: int
    end: int


class SlotLayer(DynamicLayer):  # type: ignore[misc]
    """A preallocated layer of slots: each row writes its newest token at its own length, nothing is concatenated."""

    keys: Any
    values: Any

    def __init__(self, slots: "Slots") -> None:
        super().__init__()
        self.slots, self.is_initialized = slots, True
        self.ready = 0

    def make_ready(self, keys: Any, values: Any, columns: int) -> None:
        """Have zeros in columns up to `columns`, because what a row does not see has to be finite.

        Memory is allocated once and touched in blocks, so that on a CPU it counts as it is used.
        """
        if self.keys is None:
            shape = (self.slots.size, keys.shape[1], self.slots.capacity)
            self.keys, self.values = (
                keys.new_empty((*shape, keys.shape[3])),
                values.new_empty((*shape, values.shape[3])),
            )
        if columns > self.ready:
            start, self.ready = self.ready, -(-columns // BLOCK) * BLOCK
            self.keys[:, :, start : self.ready] = 0
            self.values[:, :, start : self.ready] = 0

    def update(self, key_states: Any, value_states: Any, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
        """Write one token a row; return the columns in use."""
        rows, columns = self.slots.rows, self.slots.columns
        self.keys[rows, :, columns] = key_states[:, :, 0]
        self.values[rows, :, columns] = value_states[:, :, 0]
        active, width = len(rows), self.slots.width
        return self.keys[:active, :, :width], self.values[:active, :, :width]

    def get_seq_length(self) -> int:
        """Columns in use, the newest token left out."""
        return self.slots.width - 1


BLOCK = 16
"""Columns that are made ready at a time."""


class Slots:
    """Preallocated keys and values of up to `size` rows of `capacity` tokens; active rows are the first ones."""

    def __init__(self, layers: int, size: int, capacity: int) -> None:
        self.size, self.capacity, self.width = size, capacity, 0
        self.rows = self.columns = torch.zeros(0, dtype=torch.long)
        self.cache = Cache(layers=[SlotLayer(self) for _ in range(layers)])

    def fill(self, prefix: Prefix | None, places: Sequence[Place], index: int, keys: Any, values: Any) -> None:
        """Store a prefix and parts of a forward's new states in slots, for one layer."""
        start = prefix[index][0].shape[2] if prefix else 0
        layer = self.cache.layers[index]
        layer.make_ready(keys, values, start + max(place.end - place.start for place in places))
        for held, new, before in zip((layer.keys, layer.values), (keys, values), (0, 1), strict=True):
            for place in places:
                if prefix:
                    held[place.slot, :, :start] = prefix[index][before][0]
                held[place.slot, :, start : start + place.end - place.start] = new[
                    place.row, :, place.start : place.end
                ]

    def move(self, source: int, target: int, length: int) -> None:
        """Copy a row's first `length` columns into another slot."""
        for layer in self.cache.layers:
            layer.keys[target, :, :length] = layer.keys[source, :, :length]
            layer.values[target, :, :length] = layer.values[source, :, :length]

    def aim(self, columns: Any, width: int) -> Any:
        """Say where the next token of each active row goes; returns the cache to forward with."""
        for layer in self.cache.layers:
            layer.make_ready(layer.keys, layer.values, width)
        self.rows = torch.arange(len(columns), device=columns.device)
        self.columns, self.width = columns, width
        return self.cache
