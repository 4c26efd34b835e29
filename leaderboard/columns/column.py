"""What an entry of the table of columns says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from leaderboard.columns.filters import Filter
from leaderboard.records import AnyRequest, ModelSummary, ModelType, PodiumBlock

Cell = str | int | float | bool | None
"""None is unknown."""
Kind = Literal["text", "commit", "time", "number", "yes"]
Group = Literal["Model", "Hub", "Run"]


class RowName(NamedTuple):
    """What a row is called."""

    model: str
    """The model's present name, or that of what was submitted."""
    precision: str
    """Empty for kinds that have none."""
    on_hub: bool
    """Whether there is a repository of that name."""


class ResultFile(NamedTuple):
    """What a result file says of a row."""

    block: PodiumBlock
    path: str
    version: str
    comparable: bool
    """Whether it was measured with the present version of the benchmark."""


class ModelInfo(NamedTuple):
    """What the request, the Hub and the maintainers say of a row."""

    model: str
    type: ModelType
    request: AnyRequest | None = None
    facts: ModelSummary | None = None
    architectures: str = ""
    """Separated by `;`."""
    base: str | None = None
    generation: int | None = None
    merged: bool = False
    mixture: bool = False
    available: bool = True
    official: bool = False
    copy_of: str | None = None
    flag_category: str | None = None
    """None for a model without an accepted flag."""
    flag_link: str | None = None
    review: str | None = None
    """Where its review by hand stands; None where nobody looked at it."""
    review_reason: str | None = None
    is_baseline: bool = False


class Search(NamedTuple):
    """A field of the search grammar."""

    names: tuple[str, ...]
    """How it may be written; the first is the field's name."""
    matches: Literal["name", "start", "word", "anywhere", "number"]


@dataclass(frozen=True, kw_only=True)
class BoardColumn:
    """One column. Exactly one of the three sources makes its cells."""

    name: str
    """In the contents table."""
    from_name: Callable[[RowName], Cell] | None = None
    from_result: Callable[[ResultFile], Cell] | None = None
    from_model: Callable[[ModelInfo], Cell] | None = None
    kind: Kind = "text"
    whole: bool = False
    """For numbers: no fractions."""
    key: str = ""
    """In rows, addresses and presets; empty for one that only the contents table has."""
    heading: str = ""
    """On the board and in exports."""
    group: Group | None = None
    """Where the column picker has it; None for one that is never a column of the board. All others can be sorted by."""
    about: str = ""
    """A sentence for readers."""
    presets: tuple[str, ...] = ()
    filter: Filter | None = None
    search: Search | None = None
    fact: str = ""
    """Its name among the facts on a model's page; empty where it is none of them."""
    for_all: bool = False
    """Whether it also says something of what is no model: predictions and code."""
    default: bool = False
    """For yes-or-no columns: what holds where a table does not say."""
    positive: bool = False
    """For numbers: other boards wrote 0 or -1 where they did not know."""
    read: Callable[[str], str | None] | None = None
    """For texts: what a cell of another board's table means here."""

    @property
    def dtype(self) -> str:
        """In the contents table."""
        if self.kind == "number":
            return "Int64" if self.whole else "Float64"
        return "bool" if self.kind == "yes" else "str"
