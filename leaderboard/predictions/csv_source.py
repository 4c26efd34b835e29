"""CSV: blocks without quotes by Arrow, which is quick; from the first other block on by Python, line by line.

Python's reader alone decides what is wrong: a block that Arrow does not take goes to it.
"""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv

from leaderboard.predictions.findings import Findings
from leaderboard.predictions.tables import BOM, CHUNK, Chunk, Wanted, check_header, text_lines

BLOCK_BYTES = 1 << 22
SPECIAL = (b'"', b"\n\n", b"\n\r\n")
SPECIAL_STARTS = (BOM, b"\n", b"\r\n")
"""Quotes, empty lines, and a mark that Arrow would drop: Arrow would read these in its own way."""
REASONS = {
    "expected after": "text after a closing quote",
    "unexpected end": "a quote that is never closed",
    "field larger": "a value that is too long, or a quote that is never closed",
    "new-line character": "a carriage return outside of quotes",
}
"""What Python's reader says -> what we say."""


class Records:
    """The records of CSV text, with the lines in which they begin; malformed ones are noted."""

    def __init__(self, lines: Iterable[bytes], findings: Findings, before: int = 0) -> None:
        """`before` lines of the file have been read already."""
        self.lines = before
        """Read so far."""
        self._before = before
        self._findings = findings
        self._reader = csv.reader((line for _, line in text_lines(lines, findings, before)), strict=True)

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        while True:
            start = self.lines + 1
            try:
                record = next(self._reader)
            except StopIteration:
                return
            except csv.Error as error:
                reason = next((ours for theirs, ours in REASONS.items() if theirs in str(error)), "not CSV")
                self._findings.add("rows_malformed", start, reason)
                record = []
            self.lines = self._before + self._reader.line_num
            if record:
                yield start, record


def csv_chunks(file: Path, wanted: Wanted, findings: Findings) -> Iterator[Chunk]:
    """The rows of a CSV file with a header, separated by commas; empty lines are passed over."""
    with file.open("rb") as content:
        records = Records(iter(content.readline, b""), findings)
        _, header = next(iter(records), (0, None))
        if header is None or findings.has("rows_malformed"):
            return
        usable = check_header(header, wanted, findings)
        if not usable:
            return
        places = [header.index(name) for name in usable]
        lines = records.lines
        while block := content.read(BLOCK_BYTES) + content.readline():
            columns = plain_columns(block, len(header), places)
            if columns is None:
                rest = Records(itertools.chain(io.BytesIO(block), content), findings, lines)
                yield from _slowly(rest, len(header), usable, places, findings)
                return
            rows = len(columns[0])
            yield Chunk(np.arange(lines + 1, lines + 1 + rows), dict(zip(usable, columns, strict=True)))
            lines += rows


def plain_columns(block: bytes, width: int, places: Sequence[int]) -> list[pa.Array] | None:
    """The columns at `places` of whole lines, as text; None unless each line is one record of `width` values."""
    if width < 2 or block.startswith(SPECIAL_STARTS) or any(special in block for special in SPECIAL):
        return None
    if block.count(b"\r") != block.count(b"\r\n"):
        return None
    names = [str(place) for place in range(width)]
    try:
        table = arrow_csv.read_csv(
            pa.BufferReader(block),
            arrow_csv.ReadOptions(column_names=names, use_threads=False, block_size=len(block) + 1),
            arrow_csv.ParseOptions(quote_char=False, ignore_empty_lines=False),
            arrow_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False),
        )
    except pa.ArrowInvalid:
        return None
    return [table.column(place).combine_chunks() for place in places]


def _slowly(
    records: Records, width: int, usable: Sequence[str], places: Sequence[int], findings: Findings
) -> Iterator[Chunk]:
    lines: list[int] = []
    rows: list[list[str]] = []

    def chunk() -> Chunk:
        columns = list(zip(*rows, strict=True))
        texts = {name: pa.array(columns[place], pa.string()) for name, place in zip(usable, places, strict=True)}
        return Chunk(np.array(lines, np.int64), texts)

    for line, row in records:
        if len(row) != width:
            findings.add("rows_malformed", line, f"{len(row)} instead of {width} values")
            continue
        lines.append(line)
        rows.append(row)
        if len(rows) == CHUNK:
            yield chunk()
            lines, rows = [], []
    if rows:
        yield chunk()
