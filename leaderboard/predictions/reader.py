"""A file of predictions against what its benchmark expects: every problem at once, or the values in order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from leaderboard.benchmarks.challenge import PredictionsRules
from leaderboard.predictions.findings import Finding, Findings, Lines
from leaderboard.predictions.sources import chunks
from leaderboard.predictions.tables import Chunk, Wanted
from leaderboard.predictions.values import IN_ARROW, check, described, mask, texts

BETWEEN = "\x1f"
"""Between the parts of an id of several columns."""
SPARE_ROWS = 10_000
"""Rows that are read beyond twice the expected ones, so that what is wrong with them is said."""


class Reading(NamedTuple):
    """What a file of predictions holds."""

    findings: list[Finding]
    """Every kind of problem; empty for a good file."""
    columns: dict[str, pa.Array]
    """Values by column, in the order of the expected ids; empty when something is wrong."""
    counts_rows: bool = False
    """Whether findings name rows, not lines: the format has no lines."""

    def constant(self, names: Iterable[str]) -> list[str]:
        """Those of the columns that hold one and the same value everywhere."""
        present = {name: self.columns[name] for name in names if name in self.columns}
        return [name for name, values in present.items() if len(values) > 1 and len(pc.unique(values)) == 1]


def read_predictions(file: Path, form: str, rules: PredictionsRules, expected: pa.Array) -> Reading:
    """Read a file of the format `form` whose ids have to be `expected`. Raises OSError."""
    findings = Findings()
    columns = _read(file, form, rules, expected, findings)
    return Reading(findings.all(), columns, counts_rows=form == "parquet")


def _read(
    file: Path, form: str, rules: PredictionsRules, expected: pa.Array, findings: Findings
) -> dict[str, pa.Array]:
    """The values in the order of `expected`; none when something is wrong, which is noted."""
    table = _Table(rules, findings)
    limit = 2 * len(expected) + SPARE_ROWS
    for chunk in chunks(file, form, _wanted(rules), findings):
        table.add(chunk)
        if table.rows > limit:
            findings.add("rows_too_many", text=f"{limit}")
            return {}
    if not table.rows and not findings.all():
        findings.add("file_empty")
    if not table.rows or not table.has_ids:
        return {}
    places = _match(table.ids(), table.lines(), expected, findings)
    if findings.all():
        return {}
    order = pa.array(np.argsort(places))
    return {name: values.take(order) for name, values in table.values().items()}


def joined_ids(columns: Sequence[pa.Array]) -> pa.Array:
    """One text for the id columns of a row; null where a part is missing."""
    return pc.binary_join_element_wise(*columns, BETWEEN) if len(columns) > 1 else columns[0]


def id_text(joined: str) -> str:
    """An id as people read it."""
    return joined.replace(BETWEEN, ", ")


def _wanted(rules: PredictionsRules) -> Wanted:
    return Wanted(
        [*rules.id, *(column.name for column in rules.columns if column.required)],
        [column.name for column in rules.columns if not column.required],
        types={name: pa.string() for name in rules.id} | {each.name: IN_ARROW[each.type] for each in rules.columns},
    )


class _Table:
    """The rows read so far: their ids and checked values."""

    def __init__(self, rules: PredictionsRules, findings: Findings) -> None:
        self.rows = 0
        self._rules = rules
        self._findings = findings
        self._lines: list[Lines] = []
        self._ids: list[pa.Array] = []
        self._values: dict[str, list[pa.Array]] = {}

    def add(self, chunk: Chunk) -> None:
        """More rows; what is wrong with their values is noted."""
        self.rows += len(chunk.lines)
        self._lines.append(chunk.lines)
        if all(name in chunk.columns for name in self._rules.id):
            self._ids.append(joined_ids([self._id(name, chunk) for name in self._rules.id]))
        for column in self._rules.columns:
            if column.name not in chunk.columns:
                continue
            raw = chunk.columns[column.name]
            checked = check(column, raw)
            for code, wrong in checked.wrong.items():
                text = partial(described, raw, code=code)
                self._findings.add_each(code, wrong, text, column=column.name, lines=chunk.lines)
            self._values.setdefault(column.name, []).append(checked.values)

    def _id(self, name: str, chunk: Chunk) -> pa.Array:
        raw = chunk.columns[name]
        ids, unlike = texts(raw)
        empty = mask(pc.is_null(ids)) & ~unlike
        for code, wrong in {"values_wrong_type": unlike, "values_empty": empty}.items():
            self._findings.add_each(code, wrong, partial(described, raw), column=name, lines=chunk.lines)
        return ids

    @property
    def has_ids(self) -> bool:
        """Whether the file has the id columns."""
        return bool(self._ids)

    def ids(self) -> pa.Array:
        """Of all rows; null where a part is missing or wrong."""
        return pa.concat_arrays(self._ids)

    def lines(self) -> Lines:
        """Of all rows."""
        return np.concatenate(self._lines)

    def values(self) -> dict[str, pa.Array]:
        """Of all rows, the columns that every piece has."""
        pieces = len(self._lines)
        return {name: pa.concat_arrays(parts) for name, parts in self._values.items() if len(parts) == pieces}


def _match(ids: pa.Array, lines: Lines, expected: pa.Array, findings: Findings) -> Lines:
    """The place of each row's id among the expected ones; what is unknown, repeated or missing is noted."""
    places = np.asarray(pc.fill_null(pc.index_in(ids, value_set=expected, skip_nulls=True), -1), dtype=np.int64)
    known = places >= 0
    given = ~mask(pc.is_null(ids))

    def text(at: int) -> str:
        return id_text(ids[at].as_py())

    findings.add_each("ids_unknown", given & ~known, text, lines=lines)
    rows = np.flatnonzero(known)
    first = np.full(len(expected), -1, np.int64)
    first[places[rows][::-1]] = rows[::-1]
    repeated = np.zeros(len(ids), np.bool_)
    repeated[rows] = first[places[rows]] != rows
    findings.add_each("ids_duplicate", repeated, text, lines=lines, first=lambda at: int(lines[first[places[at]]]))
    findings.add_each("ids_missing", first < 0, lambda at: id_text(expected[at].as_py()))
    return places
