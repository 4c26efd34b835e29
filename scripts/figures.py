"""What a benchmark of Podium itself reports."""

from __future__ import annotations

from typing import TypedDict


class Figure(TypedDict):
    """One measured figure; `ok` says whether it holds its limit (always true without one)."""

    name: str
    value: float
    unit: str
    limit: float | None
    ok: bool


def at_most(name: str, value: float, unit: str, limit: float) -> Figure:
    """A figure that must not exceed `limit`."""
    return Figure(name=name, value=value, unit=unit, limit=limit, ok=value <= limit)


def at_least(name: str, value: float, unit: str, limit: float) -> Figure:
    """A figure that must reach `limit`."""
    return Figure(name=name, value=value, unit=unit, limit=limit, ok=value >= limit)


def reading(name: str, value: float, unit: str) -> Figure:
    """A figure that is only reported."""
    return Figure(name=name, value=value, unit=unit, limit=None, ok=True)
