"""The figures that Podium's benchmarks report."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TextIO, TypedDict

from rich.console import Console
from rich.table import Table


class Figure(TypedDict):
    """One measured figure; `ok`: whether it is within its limit (always true without one)."""

    name: str
    value: float
    unit: str
    limit: float | None
    ok: bool


Sections = Iterator[tuple[str, list[Figure]]]
"""Title and figures of each part of a benchmark, as soon as it is measured."""


def at_most(name: str, value: float, unit: str, limit: float | None) -> Figure:
    """A figure that must not exceed `limit`, where there is one."""
    return Figure(name=name, value=value, unit=unit, limit=limit, ok=limit is None or value <= limit)


def at_least(name: str, value: float, unit: str, limit: float | None) -> Figure:
    """A figure that must reach `limit`, where there is one."""
    return Figure(name=name, value=value, unit=unit, limit=limit, ok=limit is None or value >= limit)


def reading(name: str, value: float, unit: str) -> Figure:
    """A figure that is only reported."""
    return at_most(name, value, unit, None)


def show(title: str, figures: Sequence[Figure], to: TextIO) -> None:
    """Print one section's figures as a table, and as JSON on one line."""
    table = Table(title=title, title_justify="left")
    for heading in ("figure", "value", "limit", ""):
        table.add_column(heading, justify="left" if heading in {"figure", ""} else "right")
    for figure in figures:
        limit = "" if figure["limit"] is None else f"{figure['limit']:g} {figure['unit']}"
        table.add_row(figure["name"], f"{figure['value']:.4g} {figure['unit']}", limit, "✓" if figure["ok"] else "✗")
    Console(file=to).print(table)
    print(json.dumps({"section": title, "figures": figures}, ensure_ascii=False), file=to, flush=True)
