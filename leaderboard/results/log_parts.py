"""A job's log for people: our own lines marked, what libraries warn of and finished progress bars folded away."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from enum import StrEnum
from itertools import groupby
from typing import NamedTuple

OWN = "podium: "
"""What our own lines in a job's log begin with."""
WARNING = re.compile(
    r"""
    (?:\d{4}-\d\d-\d\d[T\ ][\d:.,]+\S*\s+)?\[?(?:DEBUG|INFO|WARNING|WARN)\]?[:\s\]-]   # a logger's line
    | \S*\.py:\d+:\ \w*Warning:\                                                       # Python's warnings module
    | \[transformers\]\ | [WI]\d{4}\ [\d:.]+\                                          # torch's C++ side
    """,
    re.VERBOSE,
)
CONTINUED = re.compile(r"[ \t]+\S")
"""A line that belongs to the warning before it."""
FINISHED_BAR = re.compile(r"[^|]{0,200}\b100%\|[^|]*\|.*\[.*\]$")


class PartKind(StrEnum):
    """What a stretch of lines is."""

    OWN = "own"
    OUTPUT = "output"
    WARNINGS = "warnings"
    BARS = "bars"


FOLDED = {
    PartKind.WARNINGS: ("message of libraries", "messages of libraries"),
    PartKind.BARS: ("progress bar", "progress bars"),
}
"""Kinds that are shown as their number until they are opened -> the words for one and for several."""


class LogPart(NamedTuple):
    """Lines of one kind that follow each other."""

    kind: PartKind
    text: str
    summary: str = ""
    """For those that are folded: how many there are, in words."""


def say(sentence: str) -> None:
    """Write a line of our own into the log of the job that this process is."""
    print(f"{OWN}{sentence}", flush=True)


def log_parts(text: str) -> list[LogPart]:
    """The parts of a cleaned log, in its order."""
    parts = []
    for kind, group in groupby(_kinds(text.split("\n") if text else ()), key=lambda line: line[0]):
        lines = [(begins, line) for _, begins, line in group]
        count = sum(begins for begins, _ in lines)
        summary = f"{count} {FOLDED[kind][count > 1]}" if kind in FOLDED else ""
        shown = "\n".join(line.removeprefix(OWN) if kind is PartKind.OWN else line for _, line in lines)
        parts.append(LogPart(kind, shown, summary))
    return parts


def _kinds(lines: Iterable[str]) -> Iterator[tuple[PartKind, bool, str]]:
    """Kind of each line, whether something begins in it, and the line."""
    before = PartKind.OUTPUT
    for line in lines:
        if before is PartKind.WARNINGS and CONTINUED.match(line):
            yield before, False, line
            continue
        if line.startswith(OWN):
            before = PartKind.OWN
        elif WARNING.match(line):
            before = PartKind.WARNINGS
        elif FINISHED_BAR.match(line):
            before = PartKind.BARS
        else:
            before = PartKind.OUTPUT
        yield before, True, line
