"""What a reader has chosen to see of the board: one value that is in the address and comes back from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import unquote

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, create_model, field_validator

from leaderboard.columns import FILTERS, HIDDEN
from leaderboard.columns.filters import ListFilter, OnlyFilter, RangeFilter

HIDDEN_BY_DEFAULT = tuple(kind for kind, hidden in HIDDEN.items() if hidden.by_default)
NOTHING = "none"
"""In an address: the empty list, where the default is another."""
MAX_PINS = 20
LISTS = {each.name: each for _, each in FILTERS if isinstance(each, ListFilter)}
OLDER_NAMES = {older: each.name for each in LISTS.values() for older in each.older_names}
"""Parameter of older addresses -> what it is called now."""


def _filter_fields() -> Iterator[tuple[str, Any]]:
    """A field for each address parameter of the filters by columns."""
    for _, each in FILTERS:
        match each:
            case ListFilter():
                yield each.name, (tuple[str, ...], ())
            case RangeFilter():
                bound = Field(default=None, ge=0, allow_inf_nan=False)
                yield from ((name, (float | None, bound)) for name in each.parameters)
            case OnlyFilter():
                yield each.name, (bool, False)


if TYPE_CHECKING:
    FilterFields = BaseModel
else:
    FilterFields = create_model("FilterFields", **dict(_filter_fields()))


class View(FilterFields):
    """Search, filters, columns, order, pins and modes. Its defaults are what a first visitor sees.

    The filters' fields come from the table of columns: lists of values to show (empty for all), bounds, and switches.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    search: str = ""
    """Text in the grammar of `leaderboard.board.search`, which refuses what is too long when rows are asked for."""
    hide: tuple[str, ...] = HIDDEN_BY_DEFAULT
    """Kinds of rows to leave out."""
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
    errors: bool = True
    """Whether standard errors are shown beside normalised scores."""
    average: Literal["all", "visible"] = "all"
    """Average over all score columns, or over those that are shown."""
    rank: Literal["static", "dynamic"] = "static"
    """Rank among all rows, or among those that are shown."""

    @field_validator(*LISTS, "columns", "pins", "hide", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        if isinstance(value, str):
            return () if value == NOTHING else tuple(unquote(part) for part in value.split(",") if part)
        return value

    @field_validator(*LISTS)
    @classmethod
    def _cells(cls, values: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        """The values as the column holds them; addresses may write them otherwise."""
        own = LISTS[str(info.field_name)]
        cells = {choice.address: choice.cell for choice in own.choices}
        values = tuple(cells.get(value.lower(), str(value)) for value in values)
        if own.closed and not set(values) <= set(cells.values()):
            raise ValueError(f"{own.name} may be: {', '.join(cells)}")
        return values

    @field_validator("hide")
    @classmethod
    def _hidden(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        if not set(values) <= set(HIDDEN):
            raise ValueError(f"hide may be: {', '.join(HIDDEN)}")
        return values

    def to_params(self) -> dict[str, str]:
        """Address parameters for everything that is not the default."""
        params: dict[str, str] = {}
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            if value != field.default:
                params[name] = _text(_addresses(name, value))
        return params

    @classmethod
    def known(cls, params: Mapping[str, Any]) -> dict[str, Any]:
        """Those of an address's parameters that mean something here, under today's names."""
        known = {new: params[older] for older, new in OLDER_NAMES.items() if older in params}
        return known | {name: value for name, value in params.items() if name in cls.model_fields}

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> tuple[View, list[str]]:
        """The view that an address asks for, and a sentence for every parameter that had to be left out."""
        known = cls.known(params)
        warnings: list[str] = []
        while True:
            try:
                return cls.model_validate(known), warnings
            except ValidationError as error:
                for name in {str(problem["loc"][0]) for problem in error.errors()}:
                    warnings.append(f"“{name}” in the address has no usable value ({str(known.pop(name))[:80]!r}).")


PARAMETERS = (*View.model_fields, *OLDER_NAMES)
"""Every address parameter that means something here."""


def _addresses(name: str, value: object) -> object:
    """The value of a field as addresses write it."""
    if name not in LISTS or not isinstance(value, tuple):
        return value
    written = {choice.cell: choice.address for choice in LISTS[name].choices}
    return tuple(written.get(each, each) for each in value)


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return ",".join(str(each).replace("%", "%25").replace(",", "%2C") for each in value) or NOTHING
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)
