"""What a reader has chosen to see of the board: one value that is in the address and comes back from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import unquote

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from leaderboard.records import ModelType

Hide = Literal["flagged", "merged", "moe", "unavailable", "chat", "non_chat"]
HIDDEN_BY_DEFAULT: tuple[Hide, ...] = ("flagged",)
NOTHING = "none"
"""In an address: the empty list, where the default is another."""
MAX_PINS = 20

PRESETS: dict[str, tuple[float | None, float | None]] = {
    "edge": (None, 3.0),
    "consumer": (3.0, 7.0),
    "mid-range": (7.0, 65.0),
    "datacentre": (65.0, None),
}
"""Preset -> smallest (inclusive) and largest (exclusive) number of parameters in billions."""


class View(BaseModel):
    """Search, filters, columns, order, pins and modes. Its defaults are what a first visitor sees."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    search: str = Field(default="", max_length=2000)
    """Text in the grammar of `leaderboard.board.search`."""
    types: tuple[ModelType, ...] = ()
    """Model types to show; empty for all."""
    precisions: tuple[str, ...] = ()
    """Precisions to show; empty for all."""
    licences: tuple[str, ...] = ()
    """Licences to show; empty for all."""
    size_min: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    """Smallest number of parameters, billions, inclusive."""
    size_max: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    """Largest number of parameters, billions, exclusive. Unknown sizes are shown only without either bound."""
    hide: tuple[Hide, ...] = HIDDEN_BY_DEFAULT
    """Kinds of rows to leave out."""
    official: bool = False
    """Only official providers."""
    columns: tuple[str, ...] = ()
    """Column keys to show, in order; empty for the board's default."""
    sort: str = "average"
    """Column key that orders the rows."""
    ascending: bool = False
    """Smallest first. Missing values are last either way."""
    pins: tuple[str, ...] = Field(default=(), max_length=MAX_PINS)
    """Row ids kept on top."""
    scores: Literal["normalised", "raw"] = "normalised"
    """Which numbers the score columns show."""
    errors: bool = False
    """Whether standard errors are shown beside normalised scores."""
    average: Literal["all", "visible"] = "all"
    """Average over all score columns, or over those that are shown."""
    rank: Literal["static", "dynamic"] = "static"
    """Rank among all rows, or among those that are shown."""

    @field_validator("types", "precisions", "licences", "columns", "pins", "hide", mode="before")
    @classmethod
    def _listed(cls, value: object, info: ValidationInfo) -> object:
        if isinstance(value, str):
            value = () if value == NOTHING else tuple(unquote(part) for part in value.split(",") if part)
        if info.field_name == "types" and isinstance(value, tuple | list):
            return tuple(ModelType.__members__.get(str(one).upper(), one) for one in value)
        return value

    def to_params(self) -> dict[str, str]:
        """Address parameters for everything that is not the default."""
        found: dict[str, str] = {}
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            if value != field.default:
                found[name] = _text(value)
        return found

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> tuple[View, list[str]]:
        """The view that an address asks for, and a sentence for every parameter that had to be left out."""
        known = {name: value for name, value in params.items() if name in cls.model_fields}
        warnings: list[str] = []
        while True:
            try:
                return cls.model_validate(known), warnings
            except ValidationError as error:
                for name in {str(one["loc"][0]) for one in error.errors()}:
                    warnings.append(f"“{name}” in the address has no usable value ({str(known.pop(name))[:80]!r}).")


def _text(value: object) -> str:
    if isinstance(value, tuple):
        names = (one.name.lower() if isinstance(one, ModelType) else str(one) for one in value)
        return ",".join(name.replace("%", "%25").replace(",", "%2C") for name in names) or NOTHING
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)
