"""The board as columns in memory: rank, average, filter, sort and page, on plain arrays.

A `Board` is built once per published state and never changes, so that any number of readers share it without locks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from leaderboard.benchmarks import Benchmark
from leaderboard.board.array_cache import ArrayCache
from leaderboard.board.search import Columns, Mask, Term, find_term, match, parse
from leaderboard.board.view import Hide, View
from leaderboard.records import plain_type

Floats = np.ndarray[tuple[int], np.dtype[np.float64]]
Texts = np.ndarray[tuple[int], np.dtype[np.object_]]
Positions = np.ndarray[tuple[int], np.dtype[np.int64]]


class Meta(NamedTuple):
    """One column that is not a score."""

    key: str
    source: str
    """Column of the contents table."""
    title: str
    group: Literal["Model", "Hub", "Run"]
    kind: Literal["text", "number", "yes", "time"]


META: tuple[Meta, ...] = (
    Meta("type", "Type", "Type", "Model", "text"),
    Meta("architecture", "Architecture", "Architecture", "Model", "text"),
    Meta("params", "#Params (B)", "Parameters (B)", "Model", "number"),
    Meta("license", "Hub License", "Licence", "Hub", "text"),
    Meta("merged", "Merged", "Merged", "Model", "yes"),
    Meta("moe", "MoE", "Mixture of experts", "Model", "yes"),
    Meta("generation", "Generation", "Generation", "Model", "number"),
    Meta("base", "Base Model", "Base model", "Model", "text"),
    Meta("likes", "Hub ❤️", "Likes", "Hub", "number"),
    Meta("available", "Available on the hub", "On the Hub", "Hub", "yes"),
    Meta("official", "Official Providers", "Official provider", "Hub", "yes"),
    Meta("uploaded", "Upload To Hub Date", "Uploaded", "Hub", "time"),
    Meta("precision", "Precision", "Precision", "Run", "text"),
    Meta("weight_type", "Weight type", "Weight type", "Run", "text"),
    Meta("revision", "Model sha", "Revision", "Run", "text"),
    Meta("chat", "Chat Template", "Chat template", "Run", "yes"),
    Meta("submitted", "Submission Date", "Submitted", "Run", "time"),
    Meta("sender", "sender", "Submitted by", "Run", "text"),
    Meta("seconds", "evaluation_time_s", "Evaluation time (s)", "Run", "number"),
    Meta("co2", "CO₂ cost (kg)", "CO₂ (kg)", "Run", "number"),
)
NEVER_ZERO = ("params", "seconds", "co2")
"""Numbers for which other boards wrote 0 or -1 when they did not know."""
META_BY_KEY = {meta.key: meta for meta in META}
DEFAULT_META = ("precision", "revision", "license", "params")
"""Columns beside rank, type, model, average and the scores that a first visitor sees."""
SEARCHED = {"revision": "revision", "license": "license", "architecture": "architecture",
            "precision": "precision", "type": "type", "base": "base", "sender": "sender"}  # fmt: skip
"""Field of the search grammar -> column key."""
FACETS = {"types": "type", "precisions": "precision", "licences": "license"}
"""Filter of the view that is a list of values -> column key."""


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


class Board:
    """All rows of one benchmark, ready to be asked."""

    def __init__(self, frame: pd.DataFrame, benchmark: Benchmark) -> None:
        """`frame` is the contents table (see docs/reference.md), one row an evaluation."""
        self.benchmark = benchmark
        self.frame = frame.reset_index(drop=True)
        self.size = len(frame)
        self.keys = [column.key for column in benchmark.columns]
        self.normalised = {column.key: self._floats(column.title) for column in benchmark.columns}
        self.raw = {column.key: self._floats(f"{column.title} Raw") for column in benchmark.columns}
        self.stderr = {column.key: self._floats(f"{column.title} stderr") for column in benchmark.columns}
        self.n = {column.key: self._floats(f"{column.title} n") for column in benchmark.columns}
        self.names = self._texts("fullname")
        self.texts = {meta.key: self._texts(meta.source) for meta in META if meta.kind in {"text", "time"}}
        self.texts["type"] = _without_symbols(self.texts["type"])
        self.numbers = {meta.key: self._floats(meta.source) for meta in META if meta.kind == "number"}
        for key in NEVER_ZERO:
            self.numbers[key] = np.where(self.numbers[key] > 0, self.numbers[key], np.nan)
        self.yes = {
            meta.key: self._yes(meta.source, default=meta.key == "available") for meta in META if meta.kind == "yes"
        }
        self.flagged = self._yes("Flagged")
        self.copies = self._texts("copy_of")
        self.symbols = self._texts("T")
        self.flags = self._texts("flag_category"), self._texts("flag_link")
        self.ids = self._ids()
        self.position = {name: at for at, name in enumerate(self.ids)}
        lowered = {field: _lowered(self.texts[key]) for field, key in SEARCHED.items()}
        self._searched = Columns({**lowered, "name": _lowered(self.names)}, self.numbers["params"])
        self._facet_codes = {name: pd.factorize(self.texts[key]) for name, key in FACETS.items()}
        self.cache = ArrayCache()
        """Of averages, ranks, orders, searches and selections: each reader may choose others."""

    # -- columns ------------------------------------------------------------------------------------------------

    def _floats(self, name: str) -> Floats:
        if name not in self.frame:
            return np.full(self.size, np.nan)
        return np.asarray(pd.to_numeric(self.frame[name], errors="coerce").to_numpy(dtype=float, na_value=np.nan))

    def _texts(self, name: str) -> Texts:
        if name not in self.frame:
            return np.full(self.size, None, dtype=object)
        column = self.frame[name].astype(object)
        return np.asarray(column.where(column.notna() & (column != ""), None).to_numpy(dtype=object))

    def _yes(self, name: str, default: bool = False) -> Mask:
        if name not in self.frame:
            return np.full(self.size, default)
        return np.asarray(self.frame[name].astype("boolean").fillna(default).to_numpy(dtype=bool))

    def _ids(self) -> list[str]:
        chat = np.where(self.yes["chat"], "_chat", "")
        parts = zip(
            self.names, self.texts["revision"], self.texts["precision"], self.texts["weight_type"], chat, strict=True
        )
        return [
            f"{name}@{(sha or 'unknown')[:12]}_{precision}_{weight}{end}" for name, sha, precision, weight, end in parts
        ]

    def average(self, keys: Sequence[str]) -> Floats:
        """Mean of the normalised scores of `keys` for every row; NaN where one is missing."""
        wanted = tuple(key for key in self.keys if key in set(keys) and self.benchmark.column(key).in_average)

        def make() -> Floats:
            stacked = [self.normalised[key] for key in wanted]
            return np.mean(stacked, axis=0) if stacked else np.full(self.size, np.nan)

        return self.cache.get(("average", wanted), make)

    def shown_columns(self, view: View) -> list[str]:
        """Keys of the columns that the view shows after rank, model and average."""
        known = [key for key in view.columns if key in self.normalised or key in META_BY_KEY]
        return known or [*self.keys, *DEFAULT_META]

    # -- selecting ----------------------------------------------------------------------------------------------

    def select(self, view: View) -> Selection:
        """The rows that `view` shows, in its order."""
        return self.cache.get(("select", view), lambda: self._select(view))

    def _select(self, view: View) -> Selection:
        filters, warnings = self._filters(view)
        keep = _all_of(list(filters.values()), self.size)
        shown = self.shown_columns(view)
        average = self.average(self._averaged(view, shown))
        pinned = np.array([self.position[name] for name in view.pins if name in self.position], dtype=np.int64)
        ordered = self._order(view, shown)
        rows = ordered[keep[ordered]]
        rank = _ranks(average, keep) if view.rank == "dynamic" else self._static_rank(view, shown)
        hidden = {name: _only(filters, f"hide.{name}", self.size) for name in view.hide}
        blame = {} if len(rows) else {name: _only(filters, name, self.size) for name in filters}
        rows = rows[~np.isin(rows, pinned)] if len(pinned) else rows
        return Selection(rows, pinned, average, rank, {k: n for k, n in hidden.items() if n}, blame, warnings)

    def _filters(self, view: View) -> tuple[dict[str, Mask], tuple[str, ...]]:
        """A mask for each filter in use, by the filter's name; and the search's warnings."""
        filters: dict[str, Mask] = {}
        query = parse(view.search)
        if query.wanted or query.excluded:
            filters["search"] = match(query, self._searched, self._find)
        for name in FACETS:
            chosen = {str(value) for value in getattr(view, name)}
            if chosen:
                codes, values = self._facet_codes[name]
                filters[name] = np.append(np.isin(values.astype(str), list(chosen)), False)[codes]
        size = self.numbers["params"]
        if view.size_min is not None or view.size_max is not None:
            low, high = view.size_min or 0.0, view.size_max if view.size_max is not None else np.inf
            filters["size"] = np.asarray((size >= low) & (size < high), dtype=bool)
        if view.official:
            filters["official"] = self.yes["official"]
        for kind in view.hide:
            filters[f"hide.{kind}"] = ~self.of_kind(kind)
        return filters, query.warnings

    def _find(self, term: Term, columns: Columns) -> Mask:
        return self.cache.get(("find", term), lambda: find_term(term, columns))

    def of_kind(self, kind: Hide) -> Mask:
        """True for the rows that hiding `kind` leaves out."""
        if kind == "flagged":
            return self.flagged
        if kind == "unavailable":
            return np.asarray(~self.yes["available"], dtype=bool)
        if kind in {"chat", "non_chat"}:
            return self.yes["chat"] if kind == "chat" else np.asarray(~self.yes["chat"], dtype=bool)
        return self.yes[kind]

    def _static_rank(self, view: View, shown: list[str]) -> Floats:
        """Ranks among all rows, which only change with the columns that the average is over."""
        over = self._averaged(view, shown)
        return self.cache.get(("rank", over), lambda: _ranks(self.average(over), np.ones(self.size, dtype=bool)))

    def _averaged(self, view: View, shown: Sequence[str]) -> tuple[str, ...]:
        """The score columns that the view's average is over."""
        return tuple(key for key in self.keys if view.average == "all" or key in shown)

    def _order(self, view: View, shown: list[str]) -> Positions:
        """Every row's position in the view's order; missing values last, ties by average, then name."""
        over = self._averaged(view, shown)

        def make() -> Positions:
            average = self.average(over)
            value = self._sort_values(view, average)
            missing = np.isnan(value)
            by = value if view.ascending else -value
            tie = np.where(np.isnan(average), np.inf, -average)
            return np.lexsort((self._name_order, tie, by, missing))

        return self.cache.get(("order", view.sort, view.ascending, over, view.scores), make)

    def _sort_values(self, view: View, average: Floats) -> Floats:
        if view.sort in self.normalised:
            return (self.raw if view.scores == "raw" else self.normalised)[view.sort]
        if view.sort in self.numbers:
            return self.numbers[view.sort]
        if view.sort in self.yes:
            return self.yes[view.sort].astype(float)
        if view.sort in self.texts or view.sort == "model":
            texts = self._name_order if view.sort == "model" else _codes(self.texts[view.sort])
            return np.where(texts < 0, np.nan, texts.astype(float))
        return average

    @cached_property
    def _name_order(self) -> Positions:
        return _codes(self.names)

    # -- reading ------------------------------------------------------------------------------------------------

    def rows(self, selection: Selection, positions: Sequence[int] | Positions, view: View) -> list[dict[str, Any]]:
        """Cells of the given rows, JSON-ready; None where unknown. Made by columns, which is several times faster."""
        at = np.asarray(positions, dtype=np.int64)
        shown = self.shown_columns(view)
        columns: dict[str, list[Any]] = {
            "id": [self.ids[one] for one in at],
            "model": self.names[at].tolist(),
            "rank": _whole_numbers(selection.rank[at]),
            "average": _numbers(selection.average[at]),
            "type": self.texts["type"][at].tolist(),
            "symbol": self.symbols[at].tolist(),
            "revision": self.texts["revision"][at].tolist(),
            "flagged": self.flagged[at].tolist(),
            "flag": [self._flag(one) for one in at],
            "copy_of": self.copies[at].tolist(),
            "official": self.yes["official"][at].tolist(),
            "available": self.yes["available"][at].tolist(),
            "scores": self._scores([key for key in shown if key in self.normalised], at),
        }
        for key in shown:
            if key not in columns and key in META_BY_KEY:
                columns[key] = self._meta(META_BY_KEY[key], at)
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]

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
        category, link = (texts[at] for texts in self.flags)
        return {"category": str(category), "link": str(link or "")} if self.flagged[at] and category else None

    def _values(self, meta: Meta) -> np.ndarray[Any, Any]:
        if meta.kind == "yes":
            return self.yes[meta.key]
        return self.numbers[meta.key] if meta.kind == "number" else self.texts[meta.key]

    def _meta(self, meta: Meta, at: Positions) -> list[Any]:
        values = self._values(meta)[at]
        if meta.kind == "number":
            return _numbers(values)
        return [None if value is None else str(value) for value in values] if meta.kind != "yes" else values.tolist()

    @cached_property
    def best(self) -> dict[str, float]:
        """Highest normalised score of every column, over the rows that are not flagged."""
        found = {key: values[~self.flagged] for key, values in self.normalised.items()}
        return {key: float(np.nanmax(values)) for key, values in found.items() if not np.isnan(values).all()}

    def facets(self, view: View) -> dict[str, dict[str, int]]:
        """Filter -> choice -> number of rows it would show with every other filter as it is."""
        filters, _ = self._filters(view)
        found: dict[str, dict[str, int]] = {}
        for name, (codes, values) in self._facet_codes.items():
            keep = _all_of([mask for other, mask in filters.items() if other != name], self.size)
            numbers = np.bincount(codes[keep & (codes >= 0)], minlength=len(values))
            found[name] = {str(value): int(number) for value, number in zip(values, numbers, strict=True)}
        kinds: tuple[Hide, ...] = ("flagged", "merged", "moe", "unavailable", "chat", "non_chat")
        found["hide"] = {
            kind: int(
                (_all_of([m for o, m in filters.items() if o != f"hide.{kind}"], self.size) & self.of_kind(kind)).sum()
            )
            for kind in kinds
        }
        others = _all_of([mask for name, mask in filters.items() if name != "official"], self.size)
        found["official"] = {"true": int((others & self.yes["official"]).sum())}
        return found

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
        for key in shown:
            if key in scores:
                columns[self.benchmark.column(key).title] = scores[key][at]
                if view.errors and view.scores == "normalised":
                    columns[f"{self.benchmark.column(key).title} stderr"] = self.stderr[key][at]
            else:
                meta = META_BY_KEY[key]
                columns[meta.title] = self._values(meta)[at]
        return pd.DataFrame(columns)


def _all_of(masks: Sequence[Mask], size: int) -> Mask:
    keep = np.ones(size, dtype=bool)
    for mask in masks:
        keep &= mask
    return keep


def _only(filters: Mapping[str, Mask], name: str, size: int) -> int:
    """How many rows `name` alone keeps from view."""
    others = _all_of([mask for other, mask in filters.items() if other != name], size)
    return int((others & ~filters[name]).sum())


def _ranks(average: Floats, among: Mask) -> Floats:
    """1 + the number of rows in `among` that are better; NaN without an average."""
    taken = np.sort(average[among & ~np.isnan(average)])
    better = len(taken) - np.searchsorted(taken, average, side="right")
    return np.where(np.isnan(average), np.nan, better + 1.0)


def _codes(texts: Texts) -> Positions:
    """Alphabetical position of each text, ignoring case; -1 for None."""
    lowered = pd.Series(texts, dtype=object).str.lower()
    codes, _ = pd.factorize(lowered, sort=True)
    return np.asarray(codes, dtype=np.int64)


def _without_symbols(types: Texts) -> Texts:
    """Model types as ModelType writes them; the contents table has the symbol before them."""
    plain = {text: None if text is None else plain_type(str(text)).value for text in set(types)}
    return np.array([plain[text] for text in types], dtype=object)


def _lowered(texts: Texts) -> pa.Array:
    return pa.array([None if text is None else str(text).lower() for text in texts], pa.string())


def _numbers(values: Floats) -> list[float | None]:
    return [None if value != value else value for value in values.tolist()]  # NaN differs from itself


def _whole_numbers(values: Floats) -> list[int | None]:
    return [None if value != value else int(value) for value in values.tolist()]
