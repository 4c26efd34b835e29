"""The leaderboard: the first rows as markup, with links that sort, filter and page; board.js then makes it live."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import pandas as pd
from markupsafe import Markup

from leaderboard.benchmarks import Benchmark
from leaderboard.board.table import Board
from leaderboard.board.view import View
from leaderboard.documents.filter_links import filter_links
from leaderboard.documents.render import address, prose, render
from leaderboard.documents.visit import Visit
from leaderboard.service import Service

ROWS = 50
"""Rows of a page without a script; also what table.js asks for at once."""
SMALL_FIRST = ("text", "commit")
"""Kinds of columns that begin with the smallest value."""
MEDALS = {1: "🥇", 2: "🥈", 3: "🥉"}
KEPT_PAGES = 16
"""Of each board: the views that were asked for last, at half a megabyte."""
MINUTE_S = 60
_CHANGED: WeakKeyDictionary[Board, str] = WeakKeyDictionary()
_PAGES: WeakKeyDictionary[Board, Callable[[frozenset[tuple[str, str]], int], str]] = WeakKeyDictionary()
SENTENCE = re.compile(r"^.+?[.!?](?=\s|$)", re.DOTALL)


class Heading(NamedTuple):
    """A column of the table and the link that sorts by it."""

    key: str
    title: str
    about: str
    kind: str
    link: str
    sorted: str
    """`ascending`, `descending`, or `none`."""


@dataclass(frozen=True)
class Window:
    """Some rows of the board as a page without a script shows them."""

    answer: Mapping[str, Any]
    """What the table's script gets for the same address."""
    about: Mapping[str, Any]
    base: Mapping[str, str]
    """The parameters of this view, without the page."""
    page: int

    @property
    def pages(self) -> int:
        """Number of pages, at least one."""
        return max(1, -(-int(self.answer["total"]) // ROWS))

    def at(self, **more: object) -> str:
        """The address of this view with other parameters."""
        return address("/", **{**self.base, **more})

    @property
    def headings(self) -> list[Heading]:
        """The columns that are shown after the rank."""
        noun = "Model" if self.about["noun"] == "checkpoint" else "Submission"
        average = [("average", "Average", self.about["average"], "score", False)] if self.about["average"] else []
        columns = [
            (column["key"], column["title"], column.get("about") or "", column["kind"], bool(column.get("downwards")))
            for column in self.answer["columns"]
        ]
        return [self._heading(*column) for column in (("model", noun, "", "text", False), *average, *columns)]

    def _heading(self, key: str, title: str, about: str, kind: str, downwards: bool) -> Heading:
        chosen = self.base.get("sort", "average") == key
        ascending = self.base.get("ascending") == "true"
        following = not ascending if chosen else kind in SMALL_FIRST or downwards
        link = self.at(sort="" if key == "average" else key, ascending="true" if following else "")
        return Heading(key, title, about, kind, link, ("descending", "ascending")[ascending] if chosen else "none")


def draw(service: Service, visit: Visit) -> str:
    """The page of the view that the address names. Raises NotFound.

    It is the same for everybody, and drawn once a minute at most while the board stays as it is.
    """
    board = service.boards.get(service.benchmark(visit.benchmark).id).board
    pages = _PAGES.setdefault(board, lru_cache(KEPT_PAGES)(partial(_draw, service)))
    return pages(frozenset(visit.query.items()), int(time.time() // MINUTE_S))


def _draw(service: Service, query: frozenset[tuple[str, str]], minute: int) -> str:
    """The page of an address, with its times as they read in that minute."""
    visit = Visit(query=dict(query))
    benchmark = service.benchmark(visit.benchmark)
    about = service.boards.about(benchmark.id)
    page = visit.number("page")
    parameters: dict[str, Any] = {**visit.query, "offset": page * ROWS, "limit": ROWS, "facets": True}
    answer = service.boards.answer(benchmark.id, parameters)
    own = {"benchmark": benchmark.id} if visit.benchmark else {}
    window = Window(answer, about, {**own, **answer["view"]}, page)
    return render(
        "leaderboard",
        benchmark=benchmark,
        summary=summary(benchmark),
        window=window,
        answer=answer,
        about=about,
        filters=filter_links(about["filters"], answer, View.from_params(visit.query)[0], window.at),
        medals=MEDALS,
        operator=service.settings.operator,
        changed=changed(service, benchmark.id) or answer["updated"],
        hub=service.settings.hub_endpoint,
        options=script_json(options(service, benchmark, answer["view"], answer if page == 0 else None)),
    )


def options(
    service: Service, benchmark: Benchmark, view: Mapping[str, str], first: Mapping[str, Any] | None
) -> dict[str, Any]:
    """What board.js needs to know: the board, its view, and the answer to its first question where the page has it."""
    return {
        "about": service.boards.about(benchmark.id),
        "hub": service.settings.hub_endpoint,
        "prefix": service.settings.root,
        "view": view,
        "first": first,
    }


def summary(benchmark: Benchmark) -> str:
    """What the benchmark measures: the first sentence of its description."""
    text = " ".join(Markup(prose(benchmark.description)).striptags().split())
    match = SENTENCE.match(text)
    return match[0] if match else text


def changed(service: Service, benchmark_id: str) -> str:
    """When the newest result of the board was made (UTC); empty where its rows do not say it."""
    board = service.boards.get(benchmark_id).board
    if board not in _CHANGED:
        times = board.frame["result_time"].dropna() if "result_time" in board.frame else pd.Series(dtype=str)
        _CHANGED[board] = str(times.max()) if len(times) else ""
    return _CHANGED[board]


def script_json(value: Any) -> Markup:
    """JSON that is safe inside a script element: no `</script>`, no `<!--`."""
    return Markup(json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c"))
