"""Filters of the board: how each is offered, and what addresses call it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple


class Choice(NamedTuple):
    """A value that a list filter always offers."""

    address: str
    """How addresses write it."""
    cell: str
    """How the column holds it."""
    label: str


class ListFilter(NamedTuple):
    """Only rows with one of the chosen values."""

    name: str
    """The address parameter: a list."""
    title: str
    choices: tuple[Choice, ...] = ()
    closed: bool = False
    """Whether the column has no other values than `choices`."""
    older_names: tuple[str, ...] = ()
    """Parameters of older addresses that mean the same."""


class RangeFilter(NamedTuple):
    """Only rows with a number from a lowest (inclusive) to a highest (exclusive) one."""

    name: str
    """The address parameters are `{name}_min` and `{name}_max`."""
    title: str
    unit: str
    ranges: Mapping[str, tuple[float | None, float | None]]
    """Name -> lowest and highest number; None for no bound."""

    @property
    def parameters(self) -> tuple[str, str]:
        """Of the lowest and of the highest number."""
        return f"{self.name}_min", f"{self.name}_max"


class Hidden(NamedTuple):
    """A kind of rows that readers may leave out."""

    kind: str
    """Value of the address parameter `hide`."""
    label: str
    """Of its box: what is left out."""
    word: str
    """As in “40 flagged hidden”."""
    value: bool = True
    """Of the column, in the rows of this kind."""
    by_default: bool = False


class HideFilter(NamedTuple):
    """Kinds of rows to leave out, by a yes-or-no column."""

    hidden: tuple[Hidden, ...]


class OnlyFilter(NamedTuple):
    """Only rows in which a yes-or-no column says yes."""

    name: str
    """The address parameter: `true` or nothing."""
    label: str


Filter = ListFilter | RangeFilter | HideFilter | OnlyFilter


def hidden_kinds(filters: Iterable[Filter]) -> dict[str, Hidden]:
    """Kind of rows that readers may leave out -> how it is offered."""
    return {hidden.kind: hidden for each in filters if isinstance(each, HideFilter) for hidden in each.hidden}


def describe(filters: Iterable[Filter]) -> list[dict[str, Any]]:
    """What the table's script is told of each chip: its kind, its address parameters and its choices."""
    filters = list(filters)
    chips: list[dict[str, Any]] = []
    for each in filters:
        match each:
            case ListFilter(name, title, choices):
                known = [choice._asdict() for choice in choices]
                chips.append({"kind": "list", "name": name, "title": title, "choices": known})
            case RangeFilter(name, title, unit, ranges):
                low, high = each.parameters
                chip = {"kind": "range", "name": name, "title": title, "low": low, "high": high, "unit": unit}
                chips.append({**chip, "ranges": dict(ranges)})
            case HideFilter() | OnlyFilter():
                pass  # boxes of the last chip
    hidden = [kind._asdict() for kind in hidden_kinds(filters).values()]
    only = [each._asdict() for each in filters if isinstance(each, OnlyFilter)]
    return [*chips, {"kind": "hide", "name": "hide", "title": "Hide", "choices": hidden, "only": only}]
