"""The board's filters: what each leaves of the rows, and how many rows each of its choices would show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from leaderboard.board.text_column import Mask, Positions, TextColumn
from leaderboard.board.view import View
from leaderboard.columns import FILTERS, HIDDEN
from leaderboard.columns.filters import HideFilter, ListFilter, OnlyFilter, RangeFilter

Floats = np.ndarray[tuple[int], np.dtype[np.float64]]


class Filters:
    """The filters of one board, made from its columns' arrays by column key."""

    def __init__(self, texts: Mapping[str, TextColumn], numbers: Mapping[str, Floats], yes: Mapping[str, Mask]) -> None:
        self._size = len(texts["model"])
        self._lists = {each.name: texts[column.key] for column, each in FILTERS if isinstance(each, ListFilter)}
        self._ranges = [(each, numbers[column.key]) for column, each in FILTERS if isinstance(each, RangeFilter)]
        self._only = {each.name: yes[column.key] for column, each in FILTERS if isinstance(each, OnlyFilter)}
        self._hidden = {
            kind: yes[column.key] for column, each in FILTERS if isinstance(each, HideFilter) for kind in _kinds(each)
        }

    def masks(self, view: View) -> dict[str, Mask]:
        """What each filter in use lets through, by its name; `hide.{kind}` for rows that are left out."""
        masks: dict[str, Mask] = {}
        for name, texts in self._lists.items():
            chosen = [str(value) for value in getattr(view, name)]
            if chosen:
                masks[name] = texts.spread(np.isin(texts.values.to_numpy(zero_copy_only=False), chosen), False)
        for each, numbers in self._ranges:
            low, high = (getattr(view, name) for name in each.parameters)
            if low is not None or high is not None:
                top = np.inf if high is None else high
                masks[each.name] = np.asarray((numbers >= (low or 0.0)) & (numbers < top), dtype=bool)
        masks |= {name: mask for name, mask in self._only.items() if getattr(view, name)}
        return masks | {f"hide.{kind}": ~self.of_kind(kind) for kind in view.hide}

    def of_kind(self, kind: str) -> Mask:
        """True for the rows that hiding `kind` leaves out."""
        return np.asarray(self._hidden[kind] == HIDDEN[kind].value, dtype=bool)

    def counts(self, masks: Mapping[str, Mask]) -> dict[str, dict[str, int]]:
        """Filter -> choice -> number of rows it would show with every other filter of `masks` as it is."""
        shown = np.flatnonzero(all_of(list(masks.values()), self._size))

        def rows(name: str) -> Positions:
            """What every other filter leaves."""
            return np.flatnonzero(self._others(masks, name)) if name in masks else shown

        counts: dict[str, dict[str, int]] = {}
        for name, texts in self._lists.items():
            numbers = np.bincount(texts.codes[rows(name)] + 1, minlength=len(texts.values) + 1)[1:]
            counts[name] = dict(zip(texts.values.to_pylist(), numbers.tolist(), strict=True))
        counts["hide"] = {
            kind: int((self._hidden[kind][rows(f"hide.{kind}")] == HIDDEN[kind].value).sum()) for kind in HIDDEN
        }
        for name, mask in self._only.items():
            counts[name] = {"true": int(mask[rows(name)].sum())}
        return counts

    def kept_out(self, masks: Mapping[str, Mask], name: str) -> int:
        """How many rows the filter `name` alone keeps from view."""
        return int((self._others(masks, name) & ~masks[name]).sum())

    def _others(self, masks: Mapping[str, Mask], name: str) -> Mask:
        return all_of([mask for other, mask in masks.items() if other != name], self._size)


def all_of(masks: Sequence[Mask], size: int) -> Mask:
    """True where every mask is."""
    keep = np.ones(size, dtype=bool)
    for mask in masks:
        keep &= mask
    return keep


def _kinds(filter: HideFilter) -> list[str]:
    return [hidden.kind for hidden in filter.hidden]
