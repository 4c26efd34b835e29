"""The board's filters as links, for browsers without JavaScript: each changes one value of the address."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

from leaderboard.board.view import NOTHING, View

MOST = 30
"""Choices of a filter that are listed, those with the most rows first."""


class FilterLink(NamedTuple):
    """One value of a filter."""

    label: str
    rows: int | None
    """Rows that it would show; None where nobody counts."""
    link: str
    chosen: bool


class FilterLinks(NamedTuple):
    """One filter."""

    title: str
    links: list[FilterLink]


def filter_links(
    filters: Sequence[Mapping[str, Any]], answer: Mapping[str, Any], view: View, at: Callable[..., str]
) -> list[FilterLinks]:
    """Every filter of the board. `at` makes the address of this view with other parameters."""
    kinds = {"list": _of_list, "range": _of_range, "hide": _of_hidden}
    return [FilterLinks(each["title"], list(kinds[each["kind"]](each, answer["facets"], view, at))) for each in filters]


def _of_list(
    filter: Mapping[str, Any], facets: Mapping[str, Any], view: View, at: Callable[..., str]
) -> Iterator[FilterLink]:
    counts: Mapping[str, int] = facets.get(filter["name"], {})
    listed = {choice["cell"]: (choice["address"], choice["label"]) for choice in filter["choices"]}
    found = sorted((cell for cell in counts if cell not in listed), key=lambda cell: -counts[cell])
    listed |= {cell: (_escaped(cell), cell) for cell in found[:MOST]}
    chosen = getattr(view, filter["name"])
    for cell, (written, label) in listed.items():
        others = [listed[other][0] if other in listed else _escaped(other) for other in chosen if other != cell]
        following = others if cell in chosen else [*others, written]
        yield FilterLink(label, counts.get(cell, 0), at(**{filter["name"]: ",".join(following)}), cell in chosen)


def _of_range(
    filter: Mapping[str, Any], facets: Mapping[str, Any], view: View, at: Callable[..., str]
) -> Iterator[FilterLink]:
    low, high = filter["low"], filter["high"]
    current = (getattr(view, low), getattr(view, high))
    for name, bounds in {"all": (None, None), **filter["ranges"]}.items():
        written = {parameter: _number(bound) for parameter, bound in zip((low, high), bounds, strict=True)}
        yield FilterLink(name, None, at(**written), current == tuple(bounds))


def _of_hidden(
    filter: Mapping[str, Any], facets: Mapping[str, Any], view: View, at: Callable[..., str]
) -> Iterator[FilterLink]:
    counts: Mapping[str, int] = facets.get(filter["name"], {})
    for choice in filter["choices"]:
        kind = choice["kind"]
        others = [other for other in view.hide if other != kind]
        following = others if kind in view.hide else [*others, kind]
        link = at(hide=",".join(following) or NOTHING)
        yield FilterLink(choice["label"], counts.get(kind), link, kind in view.hide)
    for only in filter["only"]:
        chosen = bool(getattr(view, only["name"]))
        yield FilterLink(only["label"], None, at(**{only["name"]: "" if chosen else "true"}), chosen)


def _escaped(value: str) -> str:
    return quote(value, safe="/:; ()[]+") if "," in value or "%" in value else value


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:g}"
