"""What the readers of all formats have in common: which columns are wanted, and what a piece of a table is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import pyarrow as pa

from leaderboard.predictions.findings import Findings, Lines

CHUNK = 1 << 14
"""Rows of a piece."""
BOM = b"\xef\xbb\xbf"
WIDE_BOMS = (b"\xff\xfe", b"\xfe\xff")
"""How files in UTF-16 and UTF-32 begin."""


class Wanted(NamedTuple):
    """The columns that a table is read for."""

    required: Sequence[str]
    optional: Sequence[str] = ()
    only: bool = True
    """Whether other columns are wrong."""
    types: Mapping[str, pa.DataType] = {}
    """What the values of a column are to become, where that is known."""

    @property
    def names(self) -> list[str]:
        """All of them."""
        return [*self.required, *self.optional]


class Chunk(NamedTuple):
    """Some rows of a table."""

    lines: Lines
    """Where each row begins, from 1: lines of a text file, rows of a Parquet file."""
    columns: dict[str, pa.Array | list[Any]]
    """Values by column: text from CSV, Python's values from JSON, Arrow's own from Parquet."""


def check_header(names: Sequence[str], wanted: Wanted, findings: Findings) -> list[str]:
    """Note what is wrong with a table's columns; those that can be read, in the order in which they are wanted."""
    counts = Counter(names)
    for name in wanted.required:
        if not counts[name]:
            findings.add("columns_missing", text=name)
    for name, count in counts.items():
        if name not in wanted.names:
            if wanted.only:
                findings.add("columns_unknown", text=name)
        elif count > 1:
            findings.add("columns_duplicate", text=name)
    return [name for name in wanted.names if counts[name] == 1]


def text_lines(lines: Iterable[bytes], findings: Findings, before: int = 0) -> Iterator[tuple[int, str]]:
    """The lines of a text file with their numbers, `before` having been read of it; without a byte order mark.

    The first byte of a line that is not UTF-8 is noted, and such bytes read as U+FFFD. Raises OSError.
    """
    for number, line in enumerate(lines, before + 1):
        if number == 1:
            if line.startswith(WIDE_BOMS):
                findings.add("file_encoding", 1, "UTF-16 or UTF-32")
                return
            line = line.removeprefix(BOM)
        try:
            yield number, line.decode()
        except UnicodeDecodeError as error:
            findings.add("file_encoding", number, f"byte 0x{line[error.start]:02X} at position {error.start + 1}")
            yield number, line.decode(errors="replace")
