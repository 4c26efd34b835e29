"""The boards that readers ask, kept up to date behind their backs.

A background thread looks for newly published contents and swaps in a new `Board` when there are any; readers always
find a complete one and never wait for a rebuild. Several processes may each hold their own.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa

from leaderboard.benchmarks import Benchmark
from leaderboard.board.search_help import describe_search
from leaderboard.board.table import Board, Selection, preset_columns
from leaderboard.board.text_column import Positions
from leaderboard.board.view import PARAMETERS, View
from leaderboard.columns import BY_KEY, DEFAULT_PRESET, PRESETS, TRACKS, describe_columns, describe_filters
from leaderboard.errors import NotFound, PodiumError
from leaderboard.records import Problem, now
from leaderboard.settings import PUBLIC_HUB

log = logging.getLogger(__name__)

MAX_ROWS = 500
"""Rows in one answer."""


class ContentsSource(NamedTuple):
    """Where boards come from."""

    version: Callable[[str], str]
    """Benchmark id -> a text that changes whenever its contents do; cheap."""
    frame: Callable[[str], pd.DataFrame]
    """Benchmark id -> its contents table."""
    published: Callable[[str], tuple[pd.DataFrame, str] | None] = lambda benchmark_id: None
    """Benchmark id -> its contents table as it was published last, and a version of that; fast. None without one."""


class Published(NamedTuple):
    board: Board
    version: str
    updated: str
    """When this process first saw it (UTC)."""


class Part(NamedTuple):
    """Which part of a view is asked for."""

    offset: int = 0
    """Unpinned rows before the first one."""
    limit: int = 100
    """Unpinned rows at most."""
    facets: bool = False
    """Whether the counts beside the filters' choices are wanted."""
    about: bool = False
    """Whether the benchmark's description is wanted."""


class Window(NamedTuple):
    """Some of the rows that a view shows: what every answer about the board is made from."""

    published: Published
    selection: Selection
    rows: Positions
    """Positions in the board, in the view's order; pinned rows are not among them."""


class Boards:
    """The current board of every benchmark."""

    def __init__(self, source: ContentsSource, benchmarks: Mapping[str, Benchmark], hub: str = PUBLIC_HUB) -> None:
        """`hub` is the address of the Hub that readers paste models' addresses from."""
        self._source = source
        self._hub = hub
        self._benchmarks = benchmarks
        self._about = {name: describe(benchmark) for name, benchmark in benchmarks.items()}
        self._published: dict[str, Published] = {}
        self._lock = threading.Lock()
        self._beginning = threading.Lock()
        self._stop = threading.Event()
        self._watcher: threading.Thread | None = None
        self._told: dict[str, str] = {}
        self.on_change: list[Callable[[str], object]] = []
        """Called with a benchmark's id by the background refresh, once for each version of its contents."""

    def get(self, benchmark_id: str) -> Published:
        """The current board. Raises NotFound, naming the known ones."""
        if benchmark_id not in self._benchmarks:
            raise NotFound(f"There is no benchmark {benchmark_id!r} here. There are: {', '.join(self._benchmarks)}.")
        if benchmark_id not in self._published and self._watcher is not None:
            self._begin(benchmark_id)
        return self._published.get(benchmark_id) or self.refresh(benchmark_id)

    def _begin(self, benchmark_id: str) -> None:
        """Show the contents as they were published last: to look at every result of a large board takes long.

        The background refresh then brings the board up to date.
        """
        with self._beginning:
            if benchmark_id not in self._published and (published := self._source.published(benchmark_id)):
                frame, version = published
                board = Board(frame, self._benchmarks[benchmark_id], self._hub)
                self._published.setdefault(benchmark_id, Published(board, f"published-{version}", now()))

    def about(self, benchmark_id: str) -> Mapping[str, Any]:
        """What the table's script needs to know of a benchmark of this board before it asks."""
        return self._about[benchmark_id]

    def refresh(self, benchmark_id: str) -> Published:
        """Look for newly published contents now."""
        with self._lock:
            version = self._source.version(benchmark_id)
            current = self._published.get(benchmark_id)
            if current is None or current.version != version:
                board = Board(self._source.frame(benchmark_id), self._benchmarks[benchmark_id], self._hub)
                current = self._published[benchmark_id] = Published(board, version, now())
                pa.default_memory_pool().release_unused()  # what reading and building took
            return current

    def watch(self, every_s: float = 2.0) -> None:
        """Refresh in the background from now on, until `close`."""
        self._watcher = threading.Thread(target=self._watch, args=(every_s,), name="boards", daemon=True)
        self._watcher.start()

    def close(self) -> None:
        """End the background refresh."""
        self._stop.set()
        if self._watcher is not None:
            self._watcher.join(timeout=10)

    def _watch(self, every_s: float) -> None:
        while not self._stop.wait(every_s):
            for benchmark_id in self._benchmarks:
                try:
                    self._tell(benchmark_id, self.refresh(benchmark_id).version)
                except (PodiumError, OSError, ValueError):
                    log.exception("The board of %s could not be refreshed; readers keep the last one.", benchmark_id)

    def _tell(self, benchmark_id: str, version: str) -> None:
        """Tell of a version that was not told of; one that somebody failed at is told again."""
        if self._told.get(benchmark_id) != version:
            for call in self.on_change:
                call(benchmark_id)
            self._told[benchmark_id] = version

    # -- answers ------------------------------------------------------------------------------------------------

    def window(self, benchmark_id: str, view: View, offset: int, limit: int) -> Window:
        """At most `limit` unpinned rows of the view, from the row `offset` on. Raises NotFound."""
        published = self.get(benchmark_id)
        selection = published.board.select(view)
        return Window(published, selection, selection.rows[offset : offset + limit])

    def answer(self, benchmark_id: str, ask: Mapping[str, Any]) -> dict[str, Any]:
        """One window of rows for the table's script, JSON-ready; what it cannot use becomes a warning.

        `ask` holds a view's address parameters and what `Part` says. Raises NotFound, and NotAccepted for a search
        that is too long.
        """
        view, warnings = View.from_params(ask)
        known, unknown = self.known_columns(benchmark_id, view)
        part = Part(
            _whole(ask.get("offset"), 0),
            min(_whole(ask.get("limit"), 100), MAX_ROWS),
            bool(ask.get("facets")),
            bool(ask.get("about")),
        )
        answer = self.answer_view(benchmark_id, known, part)
        return answer | {"warnings": [*warnings, *(problem.message for problem in unknown), *answer["warnings"]]}

    def answer_view(self, benchmark_id: str, view: View, part: Part) -> dict[str, Any]:
        """A part of what a view shows, JSON-ready. Raises NotFound, and NotAccepted for a search that is too long."""
        published, selection, rows = self.window(benchmark_id, view, part.offset, part.limit)
        board = published.board
        answer: dict[str, Any] = {
            "version": published.version,
            "updated": published.updated,
            "of": board.size,
            "final": board.final,
            "total": len(selection.rows),
            "offset": part.offset,
            "rows": board.rows(selection, rows, view),
            "pinned": board.rows(selection, selection.pinned, view) if part.offset == 0 else [],
            "hidden": selection.hidden,
            "blame": selection.blame,
            "warnings": list(selection.warnings),
            "view": view.to_params(),
        }
        if part.facets:
            answer |= {"facets": board.facets(view), "best": board.best, "columns": self.columns(benchmark_id, view)}
        if part.about:
            answer["about"] = self._about[benchmark_id]
        return answer

    def known_columns(self, benchmark_id: str, view: View) -> tuple[View, list[Problem]]:
        """The view without columns that the board does not have, and a problem for each parameter that names some."""
        keys = [column["key"] for column in self._about[benchmark_id]["columns"]]
        known = {*keys, *BY_KEY, "average", "rank"}
        named = {"columns": view.columns, "sort": (view.sort,)}
        unknown = {field: [key for key in each if key not in known] for field, each in named.items()}
        problems = [_unknown_columns(field, each, keys) for field, each in unknown.items() if each]
        left: dict[str, Any] = {"columns": tuple(key for key in view.columns if key in known)}
        if unknown["sort"]:
            left["sort"] = "average"
        return view.model_copy(update=left) if problems else view, problems

    def columns(self, benchmark_id: str, view: View) -> list[dict[str, Any]]:
        """Headings of what the view shows, in order."""
        described = {column["key"]: column for column in self._about[benchmark_id]["columns"]}
        return [described[key] for key in self.get(benchmark_id).board.shown_columns(view)]


def describe(benchmark: Benchmark) -> dict[str, Any]:
    """What the table's script needs to know of a benchmark before it asks: columns, presets, filters, parameters."""
    scores = [
        {
            "key": column.key, "title": column.title, "kind": "score", "group": "Scores", "about": column.description,
            "downwards": column.counts_downwards, "decimals": column.decimals,
            "points": not column.score or column.range is not None,
        }
        for column in benchmark.columns
    ]  # fmt: skip
    return {
        "benchmark": benchmark.id,
        "title": benchmark.title,
        "columns": [*scores, *describe_columns(of_models=not benchmark.on_scores)],
        "defaults": preset_columns(benchmark, DEFAULT_PRESET),
        "columnPresets": {name: preset_columns(benchmark, name) for name in PRESETS},
        "filters": [
            filter for filter in describe_filters(of_models=not benchmark.on_scores) if _is_of_use(filter, benchmark)
        ],
        "noun": "submission" if benchmark.on_scores else "checkpoint",
        "average": _average(benchmark),
        "parameters": list(PARAMETERS),
        "search": describe_search(),
    }


def _unknown_columns(field: str, unknown: Sequence[str], keys: Sequence[str]) -> Problem:
    return Problem(
        code="unknown_column",
        field=field,
        message=f"“{field}” names a column that this board does not have: {', '.join(unknown)[:80]}.",
        fix=f"Its columns are {', '.join(keys)}.",
    )


def _is_of_use(filter: Mapping[str, Any], benchmark: Benchmark) -> bool:
    """Whether rows of the board can differ in what a filter asks for."""
    return filter["name"] != TRACKS or len(benchmark.tracks) > 1


def _average(benchmark: Benchmark) -> str:
    """What the column of averages says of itself; empty where one column alone ranks, so that there is none."""
    if not benchmark.on_scores:
        return "Mean of the score columns after normalisation: 0 is chance, 100 is everything right."
    counted = [column.title for column in benchmark.columns if column.in_average]
    return f"Mean of {', '.join(counted)}; values of which less is better count negative." if len(counted) > 1 else ""


def _whole(value: object, default: int) -> int:
    """A non-negative whole number from an address or a script."""
    text = str(value)
    return int(text) if text.isdecimal() and len(text) < 10 else default
