"""Comparisons and plots for programs: differences with what is chance and what is not, examples, plots' data."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel

from leaderboard import plots
from leaderboard.api.answers import Page, kept, kept_model
from leaderboard.api.guard import guarded_router
from leaderboard.api.table import exported
from leaderboard.board.table import Board
from leaderboard.compare import ALPHA, MOST, Comparison, Comparisons, Judged, Which, names_in
from leaderboard.errors import NotFound
from leaderboard.plots.figures import figure, to_json
from leaderboard.records import Score
from leaderboard.service import Service

Benchmark = Annotated[str, Query(description="Benchmark id; empty for the first one.")]
Rows = Annotated[str, Query(description=f"Row ids of the board, separated by commas; at most {MOST}.", max_length=4000)]


class Compared(BaseModel):
    """One of the evaluations."""

    id: str
    label: str
    model: str
    revision: str
    precision: str
    weight_type: str
    chat_template: bool
    average: float | None
    scores: dict[str, Score]
    result_path: str | None


class Difference(BaseModel):
    """One task's difference to the first evaluation, in points."""

    column: str
    """Column key, or `average`."""
    difference: float | None
    """Of the board's scores; null when one is missing."""
    uncut: float | None
    """Without the cut at chance; this is what is judged."""
    stderr: float | None
    test: Literal["sign", "paired", "unpaired", "none"]
    p: float | None
    adjusted_p: float | None
    n: int | None
    """Questions compared one by one."""
    ahead: int | None
    behind: int | None
    verdict: Literal["ahead", "behind", "chance", "same", "unknown"]
    note: str


class Against(BaseModel):
    """One evaluation against the first."""

    id: str
    sentence: str
    average: Difference
    columns: list[Difference]


class Setting(BaseModel):
    """One setting, in the order of the evaluations."""

    name: str
    values: list[str]
    differs: bool


class Answer(BaseModel):
    """A comparison; docs/statistics.md says how differences are judged."""

    benchmark: str
    alpha: float
    evaluations: list[Compared]
    differences: list[Against]
    settings: list[Setting]
    tasks: list[str]
    """Tasks whose examples can be compared at /compare/examples."""
    missing: list[str]
    """A sentence for every row that could not be used."""


class ComparedExample(BaseModel):
    """One question as every evaluation answered it."""

    scores: list[float | None]
    rows: list[dict[str, Any]]
    """Of the details, in the order of the evaluations."""


class ComparedExamples(Page):
    """Questions of one task side by side."""

    compared: int
    """Questions that all evaluations answered."""
    examples: list[ComparedExample]


def compare_routes(service: Service) -> APIRouter:
    """GET /compare, /compare/examples, /plots/{name} and /plots/{name}/figure."""
    routes = guarded_router(service, tags=["compare"])
    comparisons = Comparisons(service.boards, service.results)

    @routes.get("/compare", response_model=Answer)
    def get_comparison(request: Request, rows: Rows, benchmark: Benchmark = "") -> Response:
        """Each evaluation against the first one of `rows`."""
        compared = comparisons.compare(service.benchmark(benchmark).id, names_in(rows))
        return kept_model(request, answer(compared, comparisons.tasks(compared)))

    @routes.get("/compare/examples", response_model=ComparedExamples)
    def get_examples(
        request: Request,
        rows: Rows,
        task: str,
        benchmark: Benchmark = "",
        which: Which = "disagree",
        text: Annotated[str, Query(max_length=1000)] = "",
        offset: Annotated[int, Query(ge=0)] = 0,
        limit: Annotated[int, Query(ge=1, le=100)] = 20,
    ) -> Response:
        """Questions of `task` side by side: those on which scores differ, all, or those that none has right."""
        compared = comparisons.compare(service.benchmark(benchmark).id, names_in(rows))
        if task not in (known := comparisons.tasks(compared)):
            raise NotFound(
                f"Not all have details of {task[:100]!r}. All have details of: {', '.join(known) or 'none'}."
            )
        page = comparisons.examples(compared, task, which, text, offset, limit)
        examples = [
            ComparedExample(scores=[None if score != score else score for score in question.scores], rows=question.rows)
            for question in page.asked
        ]
        whole = ComparedExamples(total=page.total, offset=offset, compared=page.compared, examples=examples)
        return kept_model(request, whole)

    @routes.get("/plots/{name}", response_class=Response)
    def get_plot(
        request: Request,
        name: plots.Name,
        benchmark: Benchmark = "",
        task: str = "average",
        when: plots.When = "submitted",
        format: Literal["json", "csv"] = "json",
    ) -> Response:
        """The data of a plot as a table: one object or line a row."""
        board = service.boards.get(service.benchmark(benchmark).id).board
        content = exported(plots.table(board, name, known_task(board, task), when), format)
        if format == "json":
            return kept(request, content)
        answer = kept(request, content, "text/csv; charset=utf-8")
        answer.headers["Content-Disposition"] = f'attachment; filename="{board.benchmark.id}-{name}.csv"'
        return answer

    @routes.get("/plots/{name}/figure", response_class=Response)
    def get_figure(
        request: Request,
        name: plots.Name,
        benchmark: Benchmark = "",
        task: str = "average",
        when: plots.When = "submitted",
        rows: Annotated[str, Query(max_length=4000)] = "",
    ) -> Response:
        """The plot as plotly JSON, with the rows of `rows` marked; its colours are names of the page's tokens."""
        board = service.boards.get(service.benchmark(benchmark).id).board
        drawn = figure(board, name, known_task(board, task), when, names_in(rows))
        return kept(request, to_json(drawn))

    return routes


def known_task(board: Board, task: str) -> str:
    """`task`. Raises NotFound, naming the known ones."""
    if task not in ("average", *board.keys):
        raise NotFound(f"There is no task {task[:100]!r} here. There are: average, {', '.join(board.keys)}.")
    return task


def answer(compared: Comparison, tasks: list[str]) -> Answer:
    """The comparison as the API gives it."""
    return Answer(
        benchmark=compared.benchmark.id,
        alpha=ALPHA,
        evaluations=[
            Compared(
                id=run.id,
                label=label,
                model=run.model,
                revision=run.revision,
                precision=run.precision,
                weight_type=run.weight_type,
                chat_template=run.chat,
                average=run.average,
                scores=run.scores,
                result_path=run.path,
            )
            for run, label in zip(compared.runs, compared.labels, strict=True)
        ],
        differences=[
            Against(
                id=other.run.id,
                sentence=other.sentence,
                average=_difference(other.average),
                columns=[_difference(column) for column in other.columns],
            )
            for other in compared.others
        ],
        settings=[Setting(name=each.name, values=each.values, differs=each.differs) for each in compared.settings],
        tasks=tasks,
        missing=compared.missing,
    )


def _difference(judged: Judged) -> Difference:
    return Difference(
        column=judged.key,
        difference=judged.difference,
        uncut=judged.uncut,
        stderr=judged.stderr,
        test=judged.test.value,
        p=judged.p,
        adjusted_p=judged.adjusted,
        n=judged.n,
        ahead=judged.ahead,
        behind=judged.behind,
        verdict=judged.verdict.value,
        note=judged.note,
    )
