"""Plots: each answers one question, which is its title; the chosen checkpoints stay marked in all of them."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import pandas as pd
from fastapi import APIRouter
from fastapi.responses import FileResponse
from markupsafe import Markup

from leaderboard import plots
from leaderboard.board.table import Board
from leaderboard.compare import labels_of
from leaderboard.compare.runs import choose, names_in
from leaderboard.documents.compare import Chooser, chooser
from leaderboard.documents.render import address, render
from leaderboard.documents.visit import Visit
from leaderboard.plots.figures import figure as draw_figure
from leaderboard.plots.svg import to_svg
from leaderboard.service import Service

TITLE = "Plots"
MAX_TABLE_ROWS = 100
"""Lines of the table under a plot; the export has all of them."""
KEPT = 16
"""Choices of a board whose drawings are kept."""
PLOTLY = f"plotly-{importlib.metadata.version('plotly')}.min.js"

HEADINGS = {
    "progress": {"type": "Type", "date": "Date", "score": "Points", "model": "Model"},
    "size": {"model": "Model", "type": "Type", "params": "Parameters", "score": "Points"},
    "spread": {"title": "Task", "n": "Checkpoints", "lowest": "Lowest", "p5": "5 %", "p25": "25 %",
               "median": "Median", "p75": "75 %", "p95": "95 %", "highest": "Highest"},
    "correlation": {"first": "Task", "second": "Other task", "correlation": "Correlation", "n": "Checkpoints"},
}  # fmt: skip
"""Plot -> columns of its table -> their headings."""
NUMBERS = {"score", "params", "n", "lowest", *plots.QUANTILES, "highest", "correlation"}


@dataclass(frozen=True)
class Drawing:
    """One plot with its table."""

    name: plots.Name
    question: str
    about: str
    svg: Markup
    figure: str
    """Address of its plotly JSON."""
    data: str
    """Address of its data; `&format=csv` makes it a file."""
    headings: dict[str, str]
    rows: list[dict[Hashable, Any]]
    of: int
    """Rows in all."""
    note: str = ""


class DrawnPlots:
    """Drawings of current boards, the most recently asked for. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: WeakKeyDictionary[Board, OrderedDict[tuple[str, ...], list[Drawing]]] = WeakKeyDictionary()

    def of(self, board: Board, key: str, when: plots.When, ids: list[str]) -> list[Drawing]:
        """The same as `drawings`."""
        choice = (key, when, *ids)
        with self._lock:
            kept = self._kept.setdefault(board, OrderedDict())
            if choice in kept:
                kept.move_to_end(choice)
                return kept[choice]
        made = drawings(board, key, when, ids)
        with self._lock:
            kept[choice] = made
            while len(kept) > KEPT:
                kept.popitem(last=False)
        return made


DRAWN = DrawnPlots()


def drawings(board: Board, key: str, when: plots.When, ids: list[str]) -> list[Drawing]:
    """The four plots of a board, in order."""
    title = "average" if key == "average" else plots.title_of(board, key)
    day = "the day they were submitted here" if when == "submitted" else "the day they were published on the Hub"
    texts: dict[plots.Name, tuple[str, str]] = {
        "progress": (
            f"How has the best {title} score risen?",
            f"The best score so far of each type, by {day}. A dot is a checkpoint that set a record.",
        ),
        "size": (
            f"Which checkpoints have the best {title} score for their size?",
            "The line joins the best: no checkpoint of that size or smaller scores higher.",
        ),
        "spread": (
            "How are the scores of each task spread, and where are the chosen checkpoints?",
            "Thickness: how many checkpoints have about this score. Bar: the middle half. Ring: the median.",
        ),
        "correlation": (
            "Which tasks rank models alike?",
            "Correlation of ranks (Spearman): 1 if two tasks rank checkpoints alike, 0 if they are unrelated.",
        ),
    }
    return [_drawing(board, name, question, about, key, when, ids) for name, (question, about) in texts.items()]


def _drawing(
    board: Board, name: plots.Name, question: str, about: str, key: str, when: plots.When, ids: list[str]
) -> Drawing:
    frame = plots.table(board, name, key, when)
    query = {"benchmark": board.benchmark.id}
    query |= {"task": key} if name in ("progress", "size") else {}
    query |= {"when": when} if name == "progress" else {}
    shown = _ordered(frame, name)
    if name == "correlation":
        titles = {key: plots.title_of(board, key) for key in board.keys}
        shown = shown.assign(first=shown["first"].map(titles), second=shown["second"].map(titles))
    headings = HEADINGS[name]
    return Drawing(
        name=name,
        question=question,
        about=about,
        svg=_svg(board, name, key, when, ids, question) if len(shown) else Markup(),
        figure=address(f"/api/v1/plots/{name}/figure", **query, rows=",".join(ids)),
        data=address(f"/api/v1/plots/{name}", **query),
        headings=headings,
        rows=shown[list(headings)].head(MAX_TABLE_ROWS).astype(object).where(shown.notna(), None).to_dict("records"),
        of=len(shown),
        note=_note(board, name, key, when),
    )


def _svg(board: Board, name: plots.Name, key: str, when: plots.When, ids: list[str], question: str) -> Markup:
    return to_svg(draw_figure(board, name, key, when, ids), f"{question} The table below has its data.")


def _ordered(frame: pd.DataFrame, name: plots.Name) -> pd.DataFrame:
    """The rows for the table: the front by size; each pair of tasks once, the highest correlation first."""
    if name == "size":
        return frame[frame["front"]]
    if name == "correlation":
        order = {task: index for index, task in enumerate(dict.fromkeys(frame["first"]))}
        unique_pairs = frame[frame["first"].map(order) < frame["second"].map(order)]
        return unique_pairs.sort_values("correlation", ascending=False)
    return frame


def _note(board: Board, name: plots.Name, key: str, when: plots.When) -> str:
    """What the drawing leaves out."""
    scored = plots.shown(board, key)
    flagged = int(board.of_kind(plots.LEFT_OUT).sum())
    notes = [f"{flagged:,} flagged left out"] if flagged else []
    if name == "progress" and (undated := int((~board.texts[when].known[scored]).sum())):
        notes.append(f"{undated:,} without a date left out")
    if name == "size" and (unsized := int((~(board.numbers["params"][scored] > 0)).sum())):
        notes.append(f"{unsized:,} of unknown size left out")
    if name == "size":
        notes.append("the table lists those on the line")
    return " · ".join(notes)


def draw(service: Service, visit: Visit) -> str:
    """The page for the reader's choice."""
    benchmark = service.benchmark(visit.benchmark)
    board = service.boards.get(benchmark.id).board
    key = visit.query.get("task", "")
    key = key if key in board.keys else "average"
    when: plots.When = "uploaded" if visit.query.get("when") == "uploaded" else "submitted"
    chosen = plot_chooser(service, visit, board)
    return render(
        "plots",
        benchmark=benchmark,
        board=board,
        chosen=chosen,
        tasks=[(column, plots.title_of(board, column)) for column in ("average", *board.keys)],
        task=key,
        when=when,
        drawings=DRAWN.of(board, key, when, chosen.names) if board.size else [],
        numbers=NUMBERS,
        plotly=f"/podium-assets/{PLOTLY}",
        compare=address("/compare", benchmark=visit.benchmark, rows=",".join(chosen.names)),
    )


def plot_chooser(service: Service, visit: Visit, board: Board) -> Chooser:
    """The chosen rows of the board; other evaluations are not in the plots."""
    names = [name for name in names_in(visit.query.get("rows", "")) if board.ids.position(name) is not None]
    runs = choose(service.boards, service.results, board.benchmark.id, names).runs
    return chooser(service, visit, "/plots", runs, labels_of(runs))


def script_routes() -> APIRouter:
    """plotly.js as the installed plotly has it, under a name that changes with its version."""
    routes = APIRouter()
    spec = importlib.util.find_spec("plotly")
    assert spec is not None and spec.origin is not None, "plotly is among the packages of podium[server]"
    script = Path(spec.origin).parent / "package_data" / "plotly.min.js"

    @routes.get(f"/podium-assets/{PLOTLY}", include_in_schema=False)
    def get_plotly() -> FileResponse:
        return FileResponse(script, headers={"Cache-Control": "public, max-age=31536000, immutable"})

    return routes
