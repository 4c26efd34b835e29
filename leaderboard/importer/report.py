"""What an import tells of itself: counts, and every file that was left out with its reason."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from pydantic import BaseModel, Field

Progress = Callable[[str, int, int], None]
"""Is told what is done, how many files of it are, and how many there are in all."""


class Counts(BaseModel):
    """What became of the files of one kind."""

    new: int = 0
    updated: int = 0
    """Imported before, and different there since."""
    unchanged: int = 0
    kept: int = 0
    """Left alone, because ours is newer: it was changed here, or submitted here first."""


class RefusedFile(BaseModel):
    """A file that was not imported."""

    source: str
    file: str
    reason: str


class Reason(NamedTuple):
    """Why some files were left out."""

    text: str
    """Of one of them; the others differ in the names and numbers in it."""
    files: int
    example: str
    """The first of them."""


class Report(BaseModel):
    """What an import did."""

    benchmark: str
    requests: Counts = Field(default_factory=Counts)
    results: Counts = Field(default_factory=Counts)
    details: Counts = Field(default_factory=Counts)
    """Of the harness's samples: a file for each task of a result."""
    facts: Counts = Field(default_factory=Counts)
    """Of models of which this board knew nothing yet: what the old board knew of them."""
    limited: int = 0
    """Results of runs with a limit, which are kept off the board."""
    passed_over: int = 0
    """Files that an import has no use for: cards, scripts, samples of results that were not imported."""
    refused: list[RefusedFile] = Field(default_factory=list)
    """Every file that could not be read or used."""

    def reasons(self) -> list[Reason]:
        """Why files were left out, the most frequent reason first."""
        kinds = [re.sub(r"\(.*\)|'[^']*'|\S*[\d/]\S*", "", refused.reason) for refused in self.refused]
        first = dict(zip(reversed(kinds), reversed(self.refused), strict=True))
        return [Reason(first[kind].reason, files, first[kind].file) for kind, files in Counter(kinds).most_common()]
