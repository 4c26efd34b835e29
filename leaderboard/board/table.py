"""The board as columns in memory: rank, average, filter, sort and page, on plain arrays.

A `Board` is built once per published state and never changes, so that any number of readers share it without locks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from leaderboard.benchmarks import Benchmark
from leaderboard.board.array_cache import MAX_BYTES, ArrayCache
from leaderboard.board.filters import Filters, Floats, all_of
from leaderboard.board.matching import Columns, find_term, match
from leaderboard.board.row_ids import RowIds
from leaderboard.board.search import SEARCHED, Query, Term, parse
from leaderboard.board.submission_rule import competing, counted
from leaderboard.board.text_column import Mask, Positions, TextColumn
from leaderboard.board.uncertainty import mean_stderr, rank_ranges
from leaderboard.board.view import View
from leaderboard.columns import BY_KEY, CHANGE, DEFAULT_PRESET, KIND, SCORE_ENDINGS, SHOWN, preset
from leaderboard.columns.column import BoardColumn
from leaderboard.records import KINDS
from leaderboard.records.submission import CHECKPOINT
from leaderboard.settings import PUBLIC_HUB

VIEWED_ARRAYS = 20
"""Arrays as long as a large board that are kept at least: what one view is made from, and a few others."""


class Selection(NamedTuple):
    """The rows that a view shows, in order, and what it says about them."""

    rows: Positions
    """Positions in the board; pinned rows are not among them."""
    pinned: Positions
    """Positions of the pinned rows, in the order they were pinned."""
    average: Floats
    """Average of every row of the board, as the view asks for it; NaN where a score is missing."""
    rank: Floats
    """Rank of every row of the board, from 1; NaN where there is no average. Equal averages share a rank."""
    hidden: dict[str, int]
    """Kind of row -> how many rows it alone keeps from view."""
    blame: dict[str, int]
    """Where nothing is found: filter -> how many rows there would be without it."""
    warnings: tuple[str, ...]
    """Sentences about the search."""


def preset_columns(benchmark: Benchmark, name: str) -> list[str]:
    """Keys of the columns that a preset shows: the scores, then its own; the kind where the benchmark takes several."""
    own = preset(name)
    if benchmark.on_scores:
        own = ["submitted"] if name == DEFAULT_PRESET else [key for key in own if BY_KEY[key].for_all]
    kinds = [KIND] if name == DEFAULT_PRESET and len(benchmark.kinds) > 1 and KIND not in own else []
    return [*(column.key for column in benchmark.columns), *kinds, *own]


class Board:
    """All rows of one benchmark, ready to be asked."""

    def __init__(self, frame: pd.DataFrame, benchmark: Benchmark, hub: str = PUBLIC_HUB) -> None:
        """`frame` is the contents table (see docs/reference.md), one row an evaluation; `hub` is the Hub's address."""
        self.benchmark = benchmark
        self._hub = hub
        self.frame = counted(frame, benchmark).reset_index(drop=True)
        self.size = len(self.frame)
        self.competing = competing(self.frame)
        """True for the rows that have a rank if they have an average."""
        self.keys = [column.key for column in benchmark.columns]
        self.final = CHANGE in frame
        """Whether it is a competition's final board, on the private labels."""
        self.change = self._floats(CHANGE)
        self._downwards = {column.key for column in benchmark.columns if column.counts_downwards}
        titles = {column.key: column.title for column in benchmark.columns}
        self.normalised = {key: self._floats(title) for key, title in titles.items()}
        self.raw, self.stderr, self.n = (
            {key: self._floats(title + ending) for key, title in titles.items()} for ending in SCORE_ENDINGS
        )
        self.texts = {key: self._text_column(column) for key, column in BY_KEY.items() if column.dtype == "str"}
        self.numbers = {key: self._number_column(column) for key, column in BY_KEY.items() if column.kind == "number"}
        self.yes = {key: self._yes_column(column) for key, column in BY_KEY.items() if column.kind == "yes"}
        self.names = self.texts["model"]
        self.flagged = self.yes["flagged"]
        self.ids = RowIds(self.names, self._ends_of_ids())
        self._phases = self._phases_of_rows()
        known = {name: kind.on_hub for name, kind in KINDS.items()}
        kinds = np.array([known.get(kind, False) for kind in self.texts[KIND].values.to_pylist()], dtype=bool)
        self._on_hub = self.texts[KIND].spread(kinds, known[CHECKPOINT])
        self.filters = Filters(self.texts, self.numbers, self.yes)
        self._searched = Columns(
            {field: self.texts[column.key] for field, column in SEARCHED.items() if column.dtype == "str"},
            {field: self.numbers[column.key] for field, column in SEARCHED.items() if column.kind == "number"},
        )
        self.cache = ArrayCache(max(MAX_BYTES, VIEWED_ARRAYS * 8 * self.size))
        """Of averages, ranks, orders, searches and selections: each reader may choose others."""

    # -- columns ------------------------------------------------------------------------------------------------

    def _text_column(self, column: BoardColumn) -> TextColumn:
        texts = self._texts(column.name)
        return texts if column.read is None else texts.read(column.read)

    def _number_column(self, column: BoardColumn) -> Floats:
        numbers = self._floats(column.name)
        return np.where(numbers > 0, numbers, np.nan) if column.positive else numbers

    def _floats(self, name: str) -> Floats:
        if name not in self.frame:
            return np.broadcast_to(np.nan, self.size)
        return np.asarray(pd.to_numeric(self.frame[name], errors="coerce").to_numpy(dtype=float, na_value=np.nan))

    def _texts(self, name: str) -> TextColumn:
        return TextColumn.of(self.frame[name]) if name in self.frame else TextColumn.unknown(self.size)

    def _yes_column(self, column: BoardColumn) -> Mask:
        if column.name not in self.frame:
            return np.broadcast_to(np.bool_(column.default), self.size)
        return np.asarray(self.frame[column.name].astype("boolean").fillna(column.default).to_numpy(dtype=bool))

    def _ends_of_ids(self) -> Callable[[Positions], list[str]]:
        """What follows the name in the ids of some rows."""
        if self.benchmark.on_scores:
            identities = self._texts("identity")
            return lambda at: [(text or "unknown").replace(" ", "_") for text in identities[at]]
        texts = [self.texts[key] for key in ("revision", "precision", "weight_type")]

        def ends(at: Positions) -> list[str]:
            parts = zip(*(column[at] for column in texts), self.yes["chat"][at], strict=True)
            return [
                f"{(sha or 'unknown')[:12]}_{precision}_{weight}{'_chat' if chat else ''}"
                for sha, precision, weight, chat in parts
            ]

        return ends

    def average(self, keys: Sequence[str]) -> Floats:
        """Mean of the normalised scores of `keys` for every row; NaN where one is missing."""
        wanted = tuple(key for key in self.keys if key in set(keys) and self.benchmark.column(key).in_average)

        def make() -> Floats:
            stacked = [self._upwards(key) for key in wanted]
            return np.mean(stacked, axis=0) if stacked else np.full(self.size, np.nan)

        return self.cache.get(("average", wanted), make)

    def average_stderr(self, keys: Sequence[str]) -> Floats:
        """Standard error of each row's average over `keys`; NaN where that of a score is unknown."""
        wanted = tuple(key for key in self.keys if key in set(keys) and self.benchmark.column(key).in_average)
        points = all(not column.score or column.range for column in map(self.benchmark.column, wanted))
        stderrs = [self.stderr[key] for key in wanted] if points else []
        return self.cache.get(("average_stderr", wanted), lambda: mean_stderr(stderrs, self.size))

    def rank_ranges(self, keys: Sequence[str]) -> tuple[Floats, Floats]:
        """Best and worst rank of each row that its average over `keys` allows; NaN where that is unknown."""
        average, stderr = self.average(keys), self.average_stderr(keys)
        return self.cache.get(("rank ranges", tuple(keys)), lambda: rank_ranges(average, stderr, self.competing))

    def _phases_of_rows(self) -> Positions:
        """Of each row, the place of its phase, the last phase first; all in one where the benchmark has none."""
        if self.benchmark.bundle is None:
            return np.broadcast_to(np.int64(0), self.size)
        tracks = [phase.track for phase in reversed(self.benchmark.bundle.phases)]
        places = {track: at for at, track in enumerate(tracks)}
        return np.array([places.get(str(track), len(tracks)) for track in self.texts["track"]], dtype=np.int64)

    def _upwards(self, key: str) -> Floats:
        """A column's points, as they count: more is better."""
        return -self.normalised[key] if key in self._downwards else self.normalised[key]

    def _standing(self, keys: Sequence[str]) -> Floats:
        """What ranks: the average. Equal ones of a challenge go by its columns from left to right, then by time.

        The order of a Codabench leaderboard: primary column, the others, the earlier submission; each phase by itself.
        """
        average = self.average(keys)
        if not self.benchmark.on_scores:
            return average

        def make() -> Floats:
            others = [
                np.where(np.isnan(self._upwards(key)), np.inf, -self._upwards(key)) for key in reversed(self.keys)
            ]
            order = np.lexsort((self._name_order, self._texts("result_time").order(), *others, -average, self._phases))
            places = np.empty(self.size)
            places[order] = np.arange(self.size)
            return np.where(np.isnan(average), np.nan, -places)

        return self.cache.get(("standing", tuple(keys)), make)

    def shown_columns(self, view: View) -> list[str]:
        """Keys of the columns that the view shows after rank, model and average."""
        known = [key for key in view.columns if key in self.normalised or key in SHOWN]
        return known or preset_columns(self.benchmark, DEFAULT_PRESET)

    # -- selecting ----------------------------------------------------------------------------------------------

    def select(self, view: View) -> Selection:
        """The rows that `view` shows, in its order. Raises NotAccepted for a search that is too long."""
        return self.cache.get(("select", view), lambda: self._select(view))

    def _select(self, view: View) -> Selection:
        query = self._query(view)
        masks = self._masks(query, view)
        keep = all_of(list(masks.values()), self.size)
        shown = self.shown_columns(view)
        average = self.average(self._averaged(view, shown))
        pinned = np.array(self.ids.positions(view.pins), dtype=np.int64)
        ordered = self._order(view, shown)
        rows = ordered[keep[ordered]]
        among = keep if view.rank == "dynamic" else np.ones(self.size, dtype=bool)
        rank = self._ranked(self._averaged(view, shown), among, view)
        hidden = {kind: self.filters.kept_out(masks, f"hide.{kind}") for kind in view.hide}
        blame = {} if len(rows) else {name: self.filters.kept_out(masks, name) for name in masks}
        rows = rows[~np.isin(rows, pinned)] if len(pinned) else rows
        hidden = {kind: number for kind, number in hidden.items() if number}
        return Selection(rows, pinned, average, rank, hidden, blame, query.warnings)

    def _masks(self, query: Query, view: View) -> dict[str, Mask]:
        """What the search and each filter in use let through."""
        used = query.names or query.fields or query.excluded
        values_of = {"search": match(query, self._searched, self._find)} if used else {}
        return values_of | self.filters.masks(view)

    def _query(self, view: View) -> Query:
        return parse(view.search, self._hub)

    def of_kind(self, kind: str) -> Mask:
        """True for the rows that hiding `kind` leaves out."""
        return self.filters.of_kind(kind)

    def _find(self, term: Term, columns: Columns) -> Mask:
        return self.cache.get(("find", term), lambda: find_term(term, columns))

    def _ranked(self, over: tuple[str, ...], among: Mask, view: View) -> Floats:
        """Ranks among some rows; among all of them they only change with the columns that the average is over."""
        if view.rank == "dynamic":
            return self._ranks(self._standing(over), among)
        return self.cache.get(("rank", over), lambda: self._ranks(self._standing(over), among))

    def _ranks(self, standing: Floats, among: Mask) -> Floats:
        """Ranks within each phase, of the rows that compete."""
        standing = np.where(self.competing, standing, np.nan)
        if self.benchmark.bundle is None:
            return _ranks(standing, among)
        ranks = np.full(self.size, np.nan)
        for phase in np.unique(self._phases):
            rows = self._phases == phase
            ranks[rows] = _ranks(standing[rows], among[rows])
        return ranks

    def _averaged(self, view: View, shown: Sequence[str]) -> tuple[str, ...]:
        """The score columns that the view's average is over."""
        return tuple(key for key in self.keys if view.average == "all" or key in shown)

    def _order(self, view: View, shown: list[str]) -> Positions:
        """Every row's position in the view's order; missing values last, ties by average, then name."""
        over = self._averaged(view, shown)

        def make() -> Positions:
            standing = self._standing(over)
            value = self._sort_values(view, standing)
            missing = np.isnan(value)
            by = value if view.ascending else -value
            tie = np.where(np.isnan(standing), np.inf, -standing)
            return np.lexsort((self._name_order, tie, by, missing))

        return self.cache.get(("order", view.sort, view.ascending, over, view.scores), make)

    def _sort_values(self, view: View, standing: Floats) -> Floats:
        if view.sort in self.normalised:
            return (self.raw if view.scores == "raw" else self.normalised)[view.sort]
        if view.sort in self.numbers:
            return self.numbers[view.sort]
        if view.sort in self.yes:
            return self.yes[view.sort].astype(float)
        if view.sort in self.texts or view.sort == "model":
            texts = self._name_order if view.sort == "model" else self.texts[view.sort].order()
            return np.where(texts < 0, np.nan, texts.astype(float))
        return standing

    @cached_property
    def _name_order(self) -> Positions:
        return self.names.order()

    # -- reading ------------------------------------------------------------------------------------------------

    def rows(self, selection: Selection, positions: Sequence[int] | Positions, view: View) -> list[dict[str, Any]]:
        """Cells of the given rows, JSON-ready; None where unknown. Made by columns, which is several times faster."""
        at = np.asarray(positions, dtype=np.int64)
        shown = self.shown_columns(view)
        columns: dict[str, list[Any]] = {
            "id": self.ids.of(at),
            "model": self.names[at].tolist(),
            "rank": _whole_numbers(selection.rank[at]),
            "change": _whole_numbers(self.change[at]),
            "average": _numbers(selection.average[at]),
            **self._sureness(view, at),
            "type": self.texts["type"][at].tolist(),
            "symbol": self.texts["symbol"][at].tolist(),
            "revision": self.texts["revision"][at].tolist(),
            "flagged": self.flagged[at].tolist(),
            "flag": [self._flag(row) for row in at],
            "copy_of": self.texts["copy_of"][at].tolist(),
            "official": self.yes["official"][at].tolist(),
            "available": self.yes["available"][at].tolist(),
            "baseline": self.yes["baseline"][at].tolist(),
            "review": self.texts["review"][at].tolist(),
            "review_reason": self.texts["review_reason"][at].tolist(),
            "on_hub": self._on_hub[at].tolist(),
            "scores": self._scores([key for key in shown if key in self.normalised], at),
        }
        for key in shown:
            if key not in columns and key in SHOWN:
                columns[key] = self._cells(SHOWN[key], at)
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]

    def _sureness(self, view: View, at: Positions) -> dict[str, list[Any]]:
        """Standard errors of averages, and the ranks that they allow, among all rows."""
        over = self._averaged(view, self.shown_columns(view))
        best, worst = (_whole_numbers(ranks[at]) for ranks in self.rank_ranges(over))
        if view.rank == "dynamic" or self.benchmark.on_scores:  # among other rows, or not by averages
            best = worst = [None] * len(at)
        return {"average_stderr": _numbers(self.average_stderr(over)[at]), "rank_best": best, "rank_worst": worst}

    def _scores(self, keys: list[str], at: Positions) -> list[dict[str, dict[str, float | int | None]]]:
        """For each row, its scores: normalised and raw, standard error of the normalised one, number of examples."""
        cells = {
            key: [
                {"value": value, "raw": raw, "stderr": stderr, "n": n}
                for value, raw, stderr, n in zip(
                    _numbers(self.normalised[key][at]),
                    _numbers(self.raw[key][at]),
                    _numbers(self.stderr[key][at]),
                    _whole_numbers(self.n[key][at]),
                    strict=True,
                )
            ]
            for key in keys
        }
        return [{key: cells[key][row] for key in keys} for row in range(len(at))]

    def _flag(self, at: int) -> dict[str, str] | None:
        """Why the row is flagged and where that is discussed; None when it is not."""
        category, link = self.texts["flag_category"][at], self.texts["flag_link"][at]
        return {"category": str(category), "link": str(link or "")} if self.flagged[at] and category else None

    def _values(self, column: BoardColumn, at: Positions) -> np.ndarray[Any, Any]:
        if column.kind == "yes":
            return self.yes[column.key][at]
        return self.numbers[column.key][at] if column.kind == "number" else self.texts[column.key][at]

    def _cells(self, column: BoardColumn, at: Positions) -> list[Any]:
        values = self._values(column, at)
        return _numbers(values) if column.kind == "number" else values.tolist()

    @cached_property
    def best(self) -> dict[str, float]:
        """Best points of every column, over the rows that are not flagged; none where all rows are equal."""
        values_of = {key: values[~self.flagged] for key, values in self.normalised.items()}
        return {
            key: float((np.nanmin if key in self._downwards else np.nanmax)(values))
            for key, values in values_of.items()
            if np.unique(values[~np.isnan(values)]).size > 1
        }

    def place(self, request_id: str) -> tuple[int, int] | None:
        """Rank of a request's row, and how many are ranked; None when it is not on the board, or not ranked."""
        rank = self.select(View()).rank
        at = self._of_request(request_id)
        at = at[~np.isnan(rank[at])]
        if not len(at):
            return None
        beside = self._phases == self._phases[at[0]]
        return int(rank[at[0]]), int((beside & ~np.isnan(rank)).sum())

    def _of_request(self, request_id: str) -> Positions:
        """The rows of a request."""
        if "request_id" not in self.frame:
            return np.array([], dtype=np.int64)
        return np.flatnonzero((self.frame["request_id"] == request_id).to_numpy(dtype=bool, na_value=False))

    def facets(self, view: View) -> dict[str, dict[str, int]]:
        """Filter -> choice -> number of rows it would show with every other filter as it is."""
        return self.filters.counts(self._masks(self._query(view), view))

    def export(self, view: View) -> pd.DataFrame:
        """The rows and columns that the view shows, in its order, pinned rows first; no row is cut."""
        selection = self.select(view)
        at = np.concatenate([selection.pinned, selection.rows])
        shown = self.shown_columns(view)
        scores = self.raw if view.scores == "raw" else self.normalised
        columns: dict[str, object] = {
            "Rank": pd.array(selection.rank[at], dtype="Int64"),
            "Model": self.names[at],
            "Average": selection.average[at],
        }
        if self.final:
            columns[CHANGE] = pd.array(self.change[at], dtype="Int64")
        for key in shown:
            if key in scores:
                columns[self.benchmark.column(key).title] = scores[key][at]
                if view.errors and view.scores == "normalised":
                    columns[f"{self.benchmark.column(key).title} stderr"] = self.stderr[key][at]
            else:
                columns[SHOWN[key].heading] = self._values(SHOWN[key], at)
        return pd.DataFrame(columns)


def _ranks(average: Floats, among: Mask) -> Floats:
    """1 + the number of rows in `among` that are better; NaN without an average."""
    taken = np.sort(average[among & ~np.isnan(average)])
    better = len(taken) - np.searchsorted(taken, average, side="right")
    return np.where(np.isnan(average), np.nan, better + 1.0)


def _numbers(values: Floats) -> list[float | None]:
    return [None if value != value else value for value in values.tolist()]  # NaN differs from itself


def _whole_numbers(values: Floats) -> list[int | None]:
    return [None if value != value else int(value) for value in values.tolist()]
