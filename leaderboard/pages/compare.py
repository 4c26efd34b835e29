"""Compare: evaluations side by side, what differs more than chance, and the answers where they disagree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from leaderboard.board.table import Board
from leaderboard.board.view import View
from leaderboard.compare import (
    ALPHA,
    MOST,
    Comparison,
    Comparisons,
    Judged,
    Run,
    Verdict,
    Which,
    find,
    names_in,
    others,
    run_name,
)
from leaderboard.pages.examples import Example, read_example
from leaderboard.pages.render import address, render
from leaderboard.pages.shell import Visit, markup, whole_page
from leaderboard.records import PodiumBlock, Score
from leaderboard.service import Service

TITLE = "Compare"
SHOWN = 10
"""Examples on a page."""
SUGGESTED = 8
"""Rows that are offered where none is chosen."""
WHICH: dict[Which, str] = {"disagree": "where they disagree", "all": "all", "wrong": "none is right"}
STYLE = '<link rel="stylesheet" href="/podium-assets/compare.css">'
Z95 = 1.96


@dataclass(frozen=True)
class Offer:
    """A row or an evaluation that can be added."""

    id: str
    model: str
    revision: str
    setting: str
    average: float | None


@dataclass(frozen=True)
class Chooser:
    """What is chosen, and what can be."""

    path: str
    query: dict[str, str]
    names: list[str]
    labels: list[str]
    models: list[str]
    offers: list[Offer]
    """What the search found; the best rows where nothing is chosen or searched."""
    again: list[Offer]
    """Other evaluations of the chosen checkpoints."""
    sought: str

    def here(self, **more: object) -> str:
        """This page's address with other values."""
        return address(self.path, **{**self.query, **more})

    def with_(self, name: str) -> str:
        """With one more."""
        return self.here(rows=",".join([*self.names, name]), find="", page="")

    def without(self, name: str) -> str:
        """With one less."""
        return self.here(rows=",".join(one for one in self.names if one != name), page="")

    def first(self, name: str) -> str:
        """With `name` as what the others are compared with."""
        return self.here(rows=",".join([name, *(one for one in self.names if one != name)]))

    @property
    def full(self) -> bool:
        """Whether no more can be added."""
        return len(self.names) >= MOST


@dataclass(frozen=True)
class Cell:
    """One task's score of one evaluation."""

    score: Score | None
    judged: Judged | None
    """Against the first one; None for the first one."""

    @property
    def interval(self) -> tuple[float, float] | None:
        """95 % interval of the difference that was judged."""
        if self.judged is None or self.judged.uncut is None or self.judged.stderr is None:
            return None
        return self.judged.uncut - Z95 * self.judged.stderr, self.judged.uncut + Z95 * self.judged.stderr


@dataclass(frozen=True)
class Line:
    """One task, or the average."""

    title: str
    about: str
    cells: list[Cell]


@dataclass(frozen=True)
class Answered:
    """One evaluation's answer to a question."""

    label: str
    score: float
    example: Example

    @property
    def said(self) -> str:
        """The choice that was likeliest to the model, or what it wrote."""
        chosen = [choice.text for choice in self.example.choices if choice.chosen]
        return chosen[0] if chosen else self.example.answer

    @property
    def state(self) -> str:
        """`right`, `wrong`, or nothing where the score is neither."""
        return "right" if self.score == 1 else "wrong" if self.score == 0 else ""


@dataclass(frozen=True)
class Reader:
    """The examples that are shown."""

    tasks: list[str]
    task: str
    which: Which
    text: str
    page: int
    total: int
    compared: int
    rows: list[list[Answered]]

    @property
    def pages(self) -> int:
        """Number of pages, at least one."""
        return max(1, -(-self.total // SHOWN))


def chooser(service: Service, here: Visit, path: str, runs: Sequence[Run], labels: Sequence[str]) -> Chooser:
    """What is chosen on a page whose address is `path`, and what its search finds."""
    benchmark = service.benchmark(here.benchmark).id
    board = service.boards.get(benchmark).board
    names = [run.id for run in runs]
    sought = here.query.get("find", "").strip()
    found = find(board, sought, names) if sought else []
    if not sought and not names:
        best = board.select(View()).rows[:SUGGESTED]
        found = [board.ids[int(at)] for at in best]
    shown = [run_name(run.block) for run in runs if run.block]
    again = {name: block for run in runs for name, block in others(service.results, benchmark, run, shown)}
    return Chooser(
        path=path,
        query=here.query,
        names=names,
        labels=list(labels),
        models=[run.model for run in runs],
        offers=[_offer(board, name) for name in found],
        again=[_again(name, block) for name, block in again.items()],
        sought=sought,
    )


def lines(comparison: Comparison) -> list[Line]:
    """The table: the average, then the tasks in the board's order."""
    first = comparison.runs[0]
    average = [Cell(_plain(first.average), None)]
    average += [Cell(_plain(one.run.average), one.average) for one in comparison.others]
    found = [Line("Average", "", average)]
    for at, column in enumerate(comparison.benchmark.columns):
        cells = [Cell(first.scores.get(column.key), None)]
        cells += [Cell(one.run.scores.get(column.key), one.columns[at]) for one in comparison.others]
        found.append(Line(column.title, column.description, cells))
    return found


def reader(comparisons: Comparisons, comparison: Comparison, here: Visit) -> Reader:
    """The examples that the address asks for; the first task when it names none."""
    tasks = comparisons.tasks(comparison) if comparison.others else []
    task, text = here.query.get("task", ""), here.query.get("text", "")
    which: Which = next((one for one in WHICH if one == here.query.get("which")), "disagree")
    task = task if task in tasks else next(iter(tasks), "")
    if not task:
        return Reader([], "", which, text, 0, 0, 0, [])
    page = here.number("page")
    found = comparisons.examples(comparison, task, which, text, page * SHOWN, SHOWN)
    last = max(0, -(-found.total // SHOWN) - 1)
    if page > last:
        page = last
        found = comparisons.examples(comparison, task, which, text, page * SHOWN, SHOWN)
    rows = [
        [
            Answered(label, score, read_example(row))
            for label, score, row in zip(comparison.labels, one.scores, one.rows, strict=True)
        ]
        for one in found.asked
    ]
    return Reader(tasks, task, which, text, page, found.total, found.compared, rows)


def draw(comparisons: Comparisons, service: Service, here: Visit) -> str:
    """The page of the evaluations that the address names."""
    benchmark = service.benchmark(here.benchmark)
    comparison = comparisons.compare(benchmark.id, names_in(here.query.get("rows", "")))
    chosen = chooser(service, here, "/compare", comparison.runs, comparison.labels)
    return render(
        "compare",
        benchmark=benchmark,
        compared=comparison,
        chosen=chosen,
        lines=lines(comparison) if comparison.runs else [],
        reader=reader(comparisons, comparison, here),
        which=WHICH,
        verdicts=Verdict,
        alpha=ALPHA,
        most=MOST,
        plots=address("/plots", benchmark=here.benchmark, rows=",".join(chosen.names)),
        api=address("/api/v1/compare", benchmark=benchmark.id, rows=",".join(chosen.names)),
    )


def build(service: Service) -> None:
    """The page."""
    markup(STYLE)
    whole_page(service, partial(draw, Comparisons(service.boards, service.results)))


def _plain(average: float | None) -> Score | None:
    return None if average is None else Score(raw=None, normalised=average)


def _offer(board: Board, name: str) -> Offer:
    at = board.position[name]
    precision, chat = str(board.texts["precision"][at] or "unknown"), bool(board.yes["chat"][at])
    average = float(board.average(board.keys)[at])
    return Offer(
        id=name,
        model=str(board.names[at]),
        revision=str(board.texts["revision"][at] or ""),
        setting=f"{precision}{' · chat template' if chat else ''}",
        average=None if average != average else average,
    )


def _again(name: str, block: PodiumBlock) -> Offer:
    setting = f"{block.precision}{' · chat template' if block.use_chat_template else ''} · {block.time}"
    return Offer(name, block.model, block.revision, setting, block.average)
