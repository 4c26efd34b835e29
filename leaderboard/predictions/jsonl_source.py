"""JSON Lines: an object a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from json.scanner import make_scanner
from pathlib import Path
from typing import Any

import numpy as np

from leaderboard.predictions.findings import Findings
from leaderboard.predictions.tables import CHUNK, Chunk, Wanted, text_lines

MOST_NAMES = 1000
"""Keys that are told apart among those that are not wanted."""
Row = dict[str, Any]


def _object(pairs: list[tuple[str, Any]]) -> Row:
    row = dict(pairs)
    if len(row) != len(pairs):
        raise ValueError("a key is written twice")
    return row


SETTINGS: Any = json.JSONDecoder(object_pairs_hook=_object)
SCAN = make_scanner(SETTINGS)
"""The value that begins at a place in a text, and where it ends. Raises StopIteration where none begins."""


def jsonl_chunks(file: Path, wanted: Wanted, findings: Findings) -> Iterator[Chunk]:
    """The rows of a JSON Lines file. A key that an object does not have counts as null."""
    known, unknown = set(wanted.names), set[str]()
    lines: list[int] = []
    rows: list[Row] = []
    for number, row in _rows(file, findings):
        if not row.keys() <= known and wanted.only and len(unknown) < MOST_NAMES:
            for name in row.keys() - known - unknown:
                findings.add("columns_unknown", number, name)
                unknown.add(name)
        lines.append(number)
        rows.append(row)
        if len(rows) == CHUNK:
            yield _chunk(lines, rows, wanted)
            lines, rows = [], []
    if rows:
        yield _chunk(lines, rows, wanted)


def _rows(file: Path, findings: Findings) -> Iterator[tuple[int, Row]]:
    """The objects, and the line of each."""
    with file.open("rb") as content:
        for number, line in text_lines(content, findings):
            text = line.strip(" \t\r\n")
            if not text:
                continue
            try:
                row, end = SCAN(text, 0)
            except json.JSONDecodeError as error:
                findings.add("rows_malformed", number, f"{error.msg} at character {error.pos + 1}")
            except StopIteration as error:
                findings.add("rows_malformed", number, f"Expecting value at character {error.value + 1}")
            except RecursionError:
                findings.add("rows_malformed", number, "nested too deeply")
            except ValueError as error:  # a key that is written twice, a number of more digits than Python reads
                findings.add("rows_malformed", number, str(error))
            else:
                if end != len(text):
                    findings.add("rows_malformed", number, f"more text after character {end}")
                elif isinstance(row, dict):
                    yield number, row
                else:
                    findings.add("rows_malformed", number, "not an object")


def _chunk(lines: list[int], rows: list[Row], wanted: Wanted) -> Chunk:
    present = [*wanted.required, *(name for name in wanted.optional if any(name in row for row in rows))]
    return Chunk(np.array(lines, np.int64), {name: [row.get(name) for row in rows] for name in present})
