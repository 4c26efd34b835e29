"""JSON Lines: blocks of flat objects by Arrow, which is quick; every other block by Python, line by line.

Python's reader alone decides what is wrong: a block that Arrow does not take goes to it.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from json.scanner import make_scanner
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.json as arrow_json

from leaderboard.predictions.findings import Findings
from leaderboard.predictions.tables import BOM, CHUNK, Chunk, Wanted, text_lines

BLOCK_BYTES = 1 << 20
MOST_NAMES = 1000
"""Keys that are told apart among those that are not wanted."""
SPECIAL = (b"[", b"\r", b"Inf")
"""Lists, line ends and numbers that Arrow would read in its own way."""
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
    unknown = set[str]()
    lines = 0
    with file.open("rb") as content:
        while block := content.read(BLOCK_BYTES) + content.readline():
            table = flat_table(block.removeprefix(BOM) if lines == 0 else block, wanted)
            if table is None:
                yield from _slowly(block, lines, wanted, findings, unknown)
            else:
                yield _chunk_of(table, lines, wanted)
            lines += block.count(b"\n")


def flat_table(block: bytes, wanted: Wanted) -> pa.Table | None:
    """The rows of whole lines in the wanted types; None unless each line is one object without others in it."""
    ended = block if block.endswith(b"\n") else block + b"\n"
    number = ended.count(b"\n")
    one_a_line = block.startswith(b"{") and ended.count(b"{") == number and ended.count(b"}\n{") == number - 1
    if not wanted.types or not one_a_line or any(special in block for special in SPECIAL):
        return None
    try:
        table = arrow_json.read_json(
            pa.BufferReader(ended),
            arrow_json.ReadOptions(use_threads=False, block_size=len(ended) + 1),
            arrow_json.ParseOptions(pa.schema(dict(wanted.types)), unexpected_field_behavior="error"),
        )
        table.validate(full=True)
    except pa.ArrowInvalid:
        return None
    return table if table.num_rows == number else None


def _chunk_of(table: pa.Table, lines: int, wanted: Wanted) -> Chunk:
    columns = {name: table.column(name).combine_chunks() for name in wanted.names}
    present = {name: column for name, column in columns.items() if _is_present(name, column, wanted)}
    return Chunk(np.arange(lines + 1, lines + 1 + table.num_rows), present)


def _is_present(name: str, column: pa.Array, wanted: Wanted) -> bool:
    return name in wanted.required or column.null_count < len(column)


def _slowly(block: bytes, before: int, wanted: Wanted, findings: Findings, unknown: set[str]) -> Iterator[Chunk]:
    """The rows of whole lines, of which `before` come earlier in the file; `unknown` are keys that were noted."""
    known = set(wanted.names)
    lines: list[int] = []
    rows: list[Row] = []
    for number, row in _rows(block, before, findings):
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


def _rows(block: bytes, before: int, findings: Findings) -> Iterator[tuple[int, Row]]:
    """The objects, and the line of each."""
    for number, line in text_lines(io.BytesIO(block), findings, before):
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
    columns = {name: [row.get(name) for row in rows] for name in wanted.names}
    present = {
        name: values
        for name, values in columns.items()
        if name in wanted.required or any(value is not None for value in values)
    }
    return Chunk(np.array(lines, np.int64), present)
