"""Compare: evaluations side by side, their significant differences, and the examples on which they disagree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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
from leaderboard.documents.examples import Example, read_example
from leaderboard.documents.render import address, render
from leaderboard.documents.visit import Visit
from leaderboard.records import PodiumBlock, Score
from leaderboard.service import Service

TITLE = "Compare"
SHOWN = 10
"""Examples on a page."""
SUGGESTED = 8
"""Rows offered when none is chosen."""
WHICH: dict[Which, str] = {"disagree": "where they disagree", "all": "all", "wrong": "none is right"}
STYLE = '<link rel="stylesheet" href="/podium-assets/compare.css">'
Z95 = 1.96


@dataclass(frozen=True)
class Candidate:
    """A row of the board, or another evaluation, that can be added to the comparison."""

    id: str
    model: str
    revision: str
    setting: str
    average: float | None


@dataclass(frozen=True)
class Chooser:
    """The chosen evaluations and those that can be added."""

    path: str
    query: dict[str, str]
    names: list[str]
    labels: list[str]
    models: list[str]
    offers: list[Candidate]
    """Matches of the search; the best rows if nothing is chosen or searched."""
    other_runs: list[Candidate]
    """Other evaluations of the chosen checkpoints."""
    search: str

    def with_query(self, **more: object) -> str:
        """This page's address with other query values."""
        return address(self.path, **{**self.query, **more})

    def with_name(self, name: str) -> str:
        """The address with `name` added."""
        return self.with_query(rows=",".join([*self.names, name]), find="", page="")

    def without_name(self, name: str) -> str:
        """The address with `name` removed."""
        return self.with_query(rows=",".join(other for other in self.names if other != name), page="")

    def with_first(self, name: str) -> str:
        """The address with `name` first: the others are compared with it."""
        return self.with_query(rows=",".join([name, *(other for other in self.names if other != name)]))

    @property
    def full(self) -> bool:
        """Whether the maximum is chosen."""
        return len(self.names) >= MOST


@dataclass(frozen=True)
class Cell:
    """One task's score of one evaluation."""

    score: Score | None
    judged: Judged | None
    """The difference from the first evaluation; None for the first itself."""

    @property
    def interval(self) -> tuple[float, float] | None:
        """95 % interval of the difference."""
        if self.judged is None or self.judged.uncut is None or self.judged.stderr is None:
            return None
        return self.judged.uncut - Z95 * self.judged.stderr, self.judged.uncut + Z95 * self.judged.stderr


@dataclass(frozen=True)
class TaskRow:
    """One task, or the average."""

    title: str
    about: str
    cells: list[Cell]


@dataclass(frozen=True)
class ModelAnswer:
    """One evaluation's answer to a question."""

    label: str
    score: float
    example: Example

    @property
    def text(self) -> str:
        """The choice that was likeliest to the model, or what it wrote."""
        chosen = [choice.text for choice in self.example.choices if choice.chosen]
        return chosen[0] if chosen else self.example.answer

    @property
    def state(self) -> str:
        """`right`, `wrong`, or nothing where the score is neither."""
        return "right" if self.score == 1 else "wrong" if self.score == 0 else ""


@dataclass(frozen=True)
class ExamplePage:
    """One page of examples, and what selects it."""

    tasks: list[str]
    task: str
    which: Which
    text: str
    page: int
    total: int
    compared: int
    rows: list[list[ModelAnswer]]

    @property
    def pages(self) -> int:
        """Number of pages, at least one."""
        return max(1, -(-self.total // SHOWN))


def chooser(service: Service, visit: Visit, path: str, runs: Sequence[Run], labels: Sequence[str]) -> Chooser:
    """The chosen evaluations of the page at `path`, and the matches of its search."""
    benchmark = service.benchmark(visit.benchmark).id
    board = service.boards.get(benchmark).board
    names = [run.id for run in runs]
    search = visit.query.get("find", "").strip()
    names_found = find(board, search, names) if search else []
    if not search and not names:
        best_rows = board.select(View()).rows[:SUGGESTED]
        names_found = [board.ids[int(at)] for at in best_rows]
    shown = [run_name(run.block) for run in runs if run.block]
    other_runs = {name: block for run in runs for name, block in others(service.results, benchmark, run, shown)}
    return Chooser(
        path=path,
        query=visit.query,
        names=names,
        labels=list(labels),
        models=[run.model for run in runs],
        offers=[_row_candidate(board, at) for at in board.ids.positions(names_found)],
        other_runs=[_run_candidate(name, block) for name, block in other_runs.items()],
        search=search,
    )


def task_rows(comparison: Comparison) -> list[TaskRow]:
    """The table: the average, then the tasks in the board's order."""
    first = comparison.runs[0]
    average = [Cell(_plain(first.average), None)]
    average += [Cell(_plain(difference.run.average), difference.average) for difference in comparison.others]
    rows = [TaskRow("Average", "", average)]
    for at, column in enumerate(comparison.benchmark.columns):
        cells = [Cell(first.scores.get(column.key), None)]
        cells += [
            Cell(difference.run.scores.get(column.key), difference.columns[at]) for difference in comparison.others
        ]
        rows.append(TaskRow(column.title, column.description, cells))
    return rows


def example_page(comparisons: Comparisons, comparison: Comparison, visit: Visit) -> ExamplePage:
    """The examples that the address asks for; the first task when it names none."""
    tasks = comparisons.tasks(comparison) if comparison.others else []
    task, text = visit.query.get("task", ""), visit.query.get("text", "")
    which: Which = next((choice for choice in WHICH if choice == visit.query.get("which")), "disagree")
    task = task if task in tasks else next(iter(tasks), "")
    if not task:
        return ExamplePage([], "", which, text, 0, 0, 0, [])
    page = visit.number("page")
    page_examples = comparisons.examples(comparison, task, which, text, page * SHOWN, SHOWN)
    last = max(0, -(-page_examples.total // SHOWN) - 1)
    if page > last:
        page = last
        page_examples = comparisons.examples(comparison, task, which, text, page * SHOWN, SHOWN)
    rows = [
        [
            ModelAnswer(label, score, read_example(row))
            for label, score, row in zip(comparison.labels, question.scores, question.rows, strict=True)
        ]
        for question in page_examples.asked
    ]
    return ExamplePage(tasks, task, which, text, page, page_examples.total, page_examples.compared, rows)


def draw(comparisons: Comparisons, service: Service, visit: Visit) -> str:
    """The page of the evaluations that the address names."""
    benchmark = service.benchmark(visit.benchmark)
    comparison = comparisons.compare(benchmark.id, names_in(visit.query.get("rows", "")))
    chosen = chooser(service, visit, "/compare", comparison.runs, comparison.labels)
    return render(
        "compare",
        benchmark=benchmark,
        compared=comparison,
        chosen=chosen,
        task_rows=task_rows(comparison) if comparison.runs else [],
        examples=example_page(comparisons, comparison, visit),
        which=WHICH,
        verdicts=Verdict,
        alpha=ALPHA,
        most=MOST,
        plots=address("/plots", benchmark=visit.benchmark, rows=",".join(chosen.names)),
        api=address("/api/v1/compare", benchmark=benchmark.id, rows=",".join(chosen.names)),
    )


def _plain(average: float | None) -> Score | None:
    return None if average is None else Score(raw=None, normalised=average)


def _row_candidate(board: Board, at: int) -> Candidate:
    precision, chat = str(board.texts["precision"][at] or "unknown"), bool(board.yes["chat"][at])
    average = float(board.average(board.keys)[at])
    return Candidate(
        id=board.ids[at],
        model=str(board.names[at]),
        revision=str(board.texts["revision"][at] or ""),
        setting=f"{precision}{' · chat template' if chat else ''}",
        average=None if average != average else average,
    )


def _run_candidate(name: str, block: PodiumBlock) -> Candidate:
    setting = f"{block.precision}{' · chat template' if block.use_chat_template else ''} · {block.time}"
    return Candidate(name, block.model, block.revision, setting, block.average)
