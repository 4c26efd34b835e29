"""The rows that the result files of one benchmark make, kept in columns.

A row of its own, as a dict, takes some 4 kB; in columns it takes a tenth of that.
"""

from __future__ import annotations

import pandas as pd

from leaderboard.benchmarks import Benchmark
from leaderboard.board.rows import Row, in_columns
from leaderboard.columns import RESULT_PATH

MOST_NEW = 2000
"""Rows that wait at most to be put into the columns: a board that reads all its files anew does not hold them all."""


class MeasuredRows:
    """By path of the result file. Not safe for threads."""

    def __init__(self, benchmark: Benchmark) -> None:
        self._benchmark = benchmark
        self._new: dict[str, Row | None] = {}
        """What is not in the columns yet; None: the file makes no row any more."""
        self.restart(in_columns([], benchmark))

    def restart(self, rows: pd.DataFrame) -> None:
        """Know these rows and no others."""
        self._table = rows
        self._new.clear()

    def put(self, path: str, row: Row | None) -> None:
        """Note what a file says now; None for one that makes no row."""
        self._new[path] = row
        if len(self._new) > MOST_NEW:
            self.table()

    def table(self) -> pd.DataFrame:
        """All rows, in the columns of `leaderboard.board.rows.measured_columns`. Not to be changed."""
        if self._new:
            self._table = self._with(self._new)
            self._new = {}
        return self._table

    def with_row(self, path: str, row: Row) -> pd.DataFrame:
        """`table`, as it will be with another row."""
        self.table()
        return self._with({path: row})

    def _with(self, new: dict[str, Row | None]) -> pd.DataFrame:
        kept = self._table[~self._table[RESULT_PATH].isin(list(new))]
        rows = in_columns([row for row in new.values() if row], self._benchmark)
        return pd.concat([kept, rows], ignore_index=True)
