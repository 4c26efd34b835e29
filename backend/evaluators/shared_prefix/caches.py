"""Key and value caches for shared prefixes, on the public classes of transformers' cache module."""

from collections.abc import Sequence
from typing import Any

import torch
from transformers.cache_utils import Cache, DynamicLayer

Prefix = list[tuple[Any, Any]]
"""Keys and values of a prefix, a pair a layer, each [1, heads, tokens, size]."""


class PrefixLayer(DynamicLayer):  # type: ignore[misc]
    """A layer that shows prefix and new states to its attention and never changes the prefix.

    Nothing is stored, so that the joined states of one layer live only as long as its attention; with `keep` the new
    states alone are kept in `fresh`.
    """

    def __init__(self, prefix: tuple[Any, Any] | None, keep: bool) -> None:
        super().__init__()
        self.keep = keep
        self.fresh: tuple[Any, Any] | None = None
        if prefix is not None:
            self.keys, self.values = prefix
            self.dtype, self.device = self.keys.dtype, self.keys.device
            self.is_initialized = True

    def update(self, key_states: Any, value_states: Any, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
        """The states to attend to: the prefix, repeated for every row, then the new ones."""
        if self.keep:
            self.fresh = (key_states, value_states)
        if not self.is_initialized:
            return key_states, value_states
        rows = key_states.shape[0]
        keys = torch.cat([self.keys.expand(rows, -1, -1, -1), key_states], dim=-2)
        values = torch.cat([self.values.expand(rows, -1, -1, -1), value_states], dim=-2)
        return keys, values


def over(prefix: Prefix | None, layers: int, keep: bool) -> Any:
    """A cache of `layers` layers over a prefix; None where neither a prefix nor keeping asks for one."""
    if prefix is None and not keep:
        return None
    return Cache(layers=[PrefixLayer(prefix[index] if prefix else None, keep) for index in range(layers)])


def extended(prefix: Prefix | None, cache: Any) -> Prefix:
    """The prefix followed by what one row of the forward has added."""
    added = fresh(cache)
    if prefix is None:
        return added
    return [
        (torch.cat([old[0], new[0]], dim=-2), torch.cat([old[1], new[1]], dim=-2))
        for old, new in zip(prefix, added, strict=True)
    ]


def fresh(cache: Any) -> Prefix:
    """New keys and values of every layer of a keeping cache, each [rows, heads, width, size]."""
    return [layer.fresh for layer in cache.layers]


class SlotLayer(DynamicLayer):  # type: ignore[misc]
    """A layer of slots: each row writes its newest token at its own length, nothing is concatenated."""

    def __init__(self, keys: Any, values: Any, slots: "Slots") -> None:
        super().__init__()
        self.keys, self.values, self.slots = keys, values, slots
        self.dtype, self.device, self.is_initialized = keys.dtype, keys.device, True

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


BLOCK = 64
"""Columns by which slots grow."""


class Slots:
    """Keys and values of up to `size` rows, allocated in blocks of columns; active rows are the first ones."""

    def __init__(self, like: Prefix, size: int) -> None:
        self.rows = self.columns = torch.zeros(0, dtype=torch.long)
        self.width = self.capacity = 0
        layers = [SlotLayer(_columns(keys, size), _columns(values, size), self) for keys, values in like]
        self.cache = Cache(layers=layers)

    def _reserve(self, columns: int) -> None:
        """Make room for columns, a layer at a time."""
        if columns > self.capacity:
            self.capacity = -(-columns // BLOCK) * BLOCK
            for layer in self.cache.layers:
                layer.keys = _grown(layer.keys, self.capacity)
                layer.values = _grown(layer.values, self.capacity)

    def write(self, slot: int, parts: Sequence[Prefix], row: int, start: int, end: int) -> None:
        """Fill a slot with a prefix (all parts but the last) and columns `start` to `end` of a forward's row."""
        self._reserve(sum(part[0][0].shape[2] for part in parts[:-1]) + end - start)
        for index, layer in enumerate(self.cache.layers):
            column = 0
            for part in parts[:-1]:
                length = part[index][0].shape[2]
                layer.keys[slot, :, column : column + length] = part[index][0][0]
                layer.values[slot, :, column : column + length] = part[index][1][0]
                column += length
            keys, values = parts[-1][index]
            layer.keys[slot, :, column : column + end - start] = keys[row, :, start:end]
            layer.values[slot, :, column : column + end - start] = values[row, :, start:end]

    def move(self, source: int, target: int, length: int) -> None:
        """Copy a row's first `length` columns into another slot."""
        for layer in self.cache.layers:
            layer.keys[target, :, :length] = layer.keys[source, :, :length]
            layer.values[target, :, :length] = layer.values[source, :, :length]

    def aim(self, columns: Any, width: int) -> Any:
        """Say where the next token of each active row goes; returns the cache to forward with."""
        self._reserve(width)
        self.rows = torch.arange(len(columns), device=columns.device)
        self.columns, self.width = columns, width
        return self.cache


def _columns(like: Any, size: int) -> Any:
    """No columns yet, of `size` rows."""
    return like.new_zeros((size, like.shape[1], 0, like.shape[3]))


def _grown(states: Any, columns: int) -> Any:
    """The same states with zeros up to `columns`: what a row does not see has to be finite."""
    grown = states.new_zeros((*states.shape[:2], columns, states.shape[3]))
    grown[:, :, : states.shape[2]] = states
    return grown
