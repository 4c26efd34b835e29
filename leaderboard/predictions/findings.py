"""What is wrong in a file of predictions: each kind of problem once, with how many and the first few of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from pydantic import BaseModel

Mask = np.ndarray[Any, np.dtype[np.bool_]]
Lines = np.ndarray[Any, np.dtype[np.int64]]

FIRST = 5
"""How many of a kind are named."""
MOST_CHARACTERS = 200
"""Of a value that is named."""


class Example(BaseModel):
    """One place where it is wrong."""

    line: int | None = None
    """From 1: a line of a text file, a row of a Parquet file. None where it is nowhere in the file."""
    text: str = ""
    """What is there, as the submitter wrote it, or a word of ours on it."""
    first: int | None = None
    """For what is repeated: the line of the first one."""


class Finding(BaseModel):
    """One kind of problem."""

    code: str
    """Its code in docs/checks.md."""
    column: str = ""
    """The column, as the organiser or the submitter calls it; empty where it is about rows or the whole file."""
    count: int
    """How often it occurs."""
    examples: list[Example]
    """The first of them, at most FIRST."""


@dataclass
class Findings:
    """The kinds of problems found so far, in the order in which they were met."""

    _by_kind: dict[tuple[str, str], Finding] = field(default_factory=dict)

    def all(self) -> list[Finding]:
        """Every kind of problem."""
        return list(self._by_kind.values())

    def has(self, *codes: str) -> bool:
        """Whether one of these kinds was found."""
        return any(code in codes for code, _ in self._by_kind)

    def add(self, code: str, line: int | None = None, text: str = "", column: str = "") -> None:
        """One more of a kind."""
        finding = self._finding(code, column)
        finding.count += 1
        if len(finding.examples) < FIRST:
            finding.examples.append(Example(line=line, text=_cut(text)))

    def add_each(
        self,
        code: str,
        wrong: Mask,
        text: Callable[[int], str],
        *,
        column: str = "",
        lines: Lines | None = None,
        first: Callable[[int], int] | None = None,
    ) -> None:
        """As many more of a kind as `wrong` marks; `text` tells what is at a position, `first` the line it repeats."""
        count = int(np.count_nonzero(wrong))
        if not count:
            return
        finding = self._finding(code, column)
        finding.count += count
        for at in np.flatnonzero(wrong)[: FIRST - len(finding.examples)]:
            line = None if lines is None else int(lines[at])
            earlier = None if first is None else int(first(int(at)))
            finding.examples.append(Example(line=line, text=_cut(text(int(at))), first=earlier))

    def _finding(self, code: str, column: str) -> Finding:
        return self._by_kind.setdefault((code, column), Finding(code=code, column=column, count=0, examples=[]))


def _cut(text: str) -> str:
    """The beginning of a text, without halves of surrogate pairs, which JSON can hold and UTF-8 cannot."""
    return text[:MOST_CHARACTERS].encode(errors="replace").decode()
