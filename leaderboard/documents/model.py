"""One model: its facts, its evaluations, its scores beside the board's median, its examples, how to reproduce them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import pandas as pd

from leaderboard.api.board import Evaluation, Model, model_of
from leaderboard.benchmarks import Benchmark, Column
from leaderboard.board.rows import request_info
from leaderboard.board.submission_rule import competing
from leaderboard.columns import AVERAGE, COLUMNS, MODEL
from leaderboard.columns.column import Cell
from leaderboard.documents.community import flag_section
from leaderboard.documents.entry import said
from leaderboard.documents.examples import Example, read_example
from leaderboard.documents.local_scores import local_scores
from leaderboard.documents.private_results import private_part
from leaderboard.documents.render import render
from leaderboard.documents.visit import Visit
from leaderboard.errors import HubUnavailable, NotFound
from leaderboard.models.repositories import present_command
from leaderboard.records import ModelSummary, PodiumBlock, Request, Score, kind_of
from leaderboard.service import Service

TITLE = "Model"
EXAMPLES_SHOWN = 10
Z95 = 1.96


class Fact(NamedTuple):
    """One of the facts at the head of the page."""

    key: str
    """Of its column; the template may show it in a form of its own."""
    name: str
    value: Cell
    """None for unknown."""


@dataclass(frozen=True)
class Interval:
    """One line of the score table."""

    column: Column
    score: Score
    median: float | None
    """Of the board; None when nothing is measured."""
    parts: list[tuple[str, float | None, float | None]]
    """Subtasks of a column with several: harness task, raw score, its standard error."""

    @property
    def low(self) -> float:
        """Left end of the 95 % interval, cut at the scale's end."""
        return max(0.0, (self.score.normalised or 0.0) - Z95 * (self.score.stderr or 0.0))

    @property
    def high(self) -> float:
        """Right end."""
        return min(100.0, (self.score.normalised or 0.0) + Z95 * (self.score.stderr or 0.0))


class PublishedTasks:
    """Tells the tasks whose details were published; none while the Hub, where details may be, does not respond."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self.unknown = False
        """Whether the Hub did not respond."""

    def __call__(self, result: str) -> list[str]:
        """The tasks of the result at this path."""
        try:
            return self._service.results.tasks_at(result)
        except HubUnavailable:
            self.unknown = True
            return []


@dataclass(frozen=True)
class ExamplePage:
    """One page of examples, and what selects it."""

    tasks: list[str]
    task: str
    wrong: bool
    text: str
    page: int
    total: int
    rows: list[Example]
    unknown: bool = False
    """Whether they cannot be read because the Hub does not respond."""

    @property
    def pages(self) -> int:
        """Number of pages, at least one."""
        return max(1, -(-self.total // EXAMPLES_SHOWN))


def facts(request: Request | None, known: ModelSummary | None = None) -> list[Fact]:
    """The facts about the model, by its request and what is `known` of it, as its row on the board has them."""
    if request is None:
        return []
    info = request_info(request.model, request, known)
    columns = [column for column in COLUMNS if column.fact]
    return [Fact(column.key, column.fact, column.from_model(info)) for column in columns if column.from_model]


def intervals(
    benchmark: Benchmark, block: PodiumBlock, aggregated: dict[str, Any], frame: pd.DataFrame
) -> list[Interval]:
    """Each column's score with the board's median and its subtasks; the median of a challenge is of raw scores."""
    measured, ending = aggregated.get("results", {}), " Raw" if benchmark.on_scores else ""
    return [
        Interval(
            column,
            block.scores.get(column.key, Score(raw=None, normalised=None)),
            _median(frame, column.title + ending),
            _subtask_scores(column, measured),
        )
        for column in benchmark.columns
    ]


def _subtask_scores(column: Column, measured: dict[str, Any]) -> list[tuple[str, float | None, float | None]]:
    if len(column.parts) == 1:
        return []
    return [_subtask_score(part.task, part.metrics[0], measured) for part in column.parts]


def _subtask_score(task: str, metric: str, measured: dict[str, Any]) -> tuple[str, float | None, float | None]:
    name, _, filter_name = metric.partition(",")
    scores = measured.get(task, {})
    return task, _number(scores.get(metric)), _number(scores.get(f"{name}_stderr,{filter_name}"))


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _median(frame: pd.DataFrame, column: str) -> float | None:
    value = frame[column].median() if column in frame and len(frame) else float("nan")
    return None if pd.isna(value) else float(value)


def rank_of(frame: pd.DataFrame, request_id: str) -> tuple[int, int] | None:
    """Rank by average, and among how many; None when it is not on the board or has no average."""
    if "request_id" not in frame:
        return None
    own_average = frame.loc[frame["request_id"] == request_id, AVERAGE]
    averages = frame[AVERAGE].dropna()
    if own_average.empty or pd.isna(own_average.iloc[0]):
        return None
    return int((averages > own_average.iloc[0]).sum()) + 1, len(averages)


def neighbours(frame: pd.DataFrame, request_id: str, each_side: int = 2) -> list[tuple[int, str, float]]:
    """Rank, model and average of the rows next above and below; empty if it has no rank itself."""
    if rank_of(frame, request_id) is None:
        return []
    ranked = frame.dropna(subset=[AVERAGE]).sort_values(AVERAGE, ascending=False, kind="stable")
    own = int((ranked["request_id"] == request_id).to_numpy().argmax())
    near = ranked.iloc[max(0, own - each_side) : own + each_side + 1]
    averages = ranked[AVERAGE]
    rows = zip(near["request_id"], near[MODEL], near[AVERAGE], strict=True)
    return [
        (int((averages > average).sum()) + 1, str(name), float(average))
        for request, name, average in rows
        if request != request_id
    ]


def chosen_evaluation(model: Model, benchmark: str, run: str) -> Evaluation | None:
    """The evaluation to show: the one that `run` names, else the newest of the benchmark, else the newest."""
    runs = model.evaluations
    matches = [evaluation for evaluation in runs if run_name(evaluation.podium) == run]
    of_benchmark = [evaluation for evaluation in runs if evaluation.podium.benchmark == benchmark]
    return next(iter(matches + of_benchmark + runs), None)


def run_name(block: PodiumBlock) -> str:
    """Names an evaluation in an address."""
    return f"{block.request_id}-{block.attempt}"


def example_page(service: Service, evaluation: Evaluation, visit: Visit, unknown: bool) -> ExamplePage:
    """The examples that the address asks for; the first task when it names none.

    `unknown`: whether it is not known for which tasks there are some.
    """
    task = visit.query.get("task", "")
    wrong, text = visit.query.get("only") == "wrong", visit.query.get("text", "")
    if task not in evaluation.tasks:
        task = next(iter(evaluation.tasks), "")
    if not task:
        return ExamplePage([], "", wrong, text, 0, 0, [], unknown)
    try:
        details = service.results.details(evaluation.podium, task)
    except HubUnavailable:
        return ExamplePage([], "", wrong, text, 0, 0, [], unknown=True)
    total = details.count(wrong, text)
    page = min(visit.number("page"), max(0, -(-total // EXAMPLES_SHOWN) - 1))
    rows = details.rows(page * EXAMPLES_SHOWN, EXAMPLES_SHOWN, wrong, text)
    return ExamplePage(evaluation.tasks, task, wrong, text, page, total, [read_example(row) for row in rows])


def request_of(requests: Sequence[Request], evaluation: Evaluation | None) -> Request | None:
    """The request with the facts about the model: the shown evaluation's, else the newest."""
    own = [request for request in requests if evaluation is not None and request.id == evaluation.podium.request_id]
    return next(iter([*own, *requests]), None)


def made_from(service: Service, model: str) -> list[str]:
    """Models on this board that say they were made from `model`."""
    return sorted({request.model for request in service.queue.view() if request.base_model == model != request.model})


def has_page(service: Service, model: str) -> bool:
    """Whether the board has a page for `model`."""
    return any(request.model == model for request in service.queue.view())


def standing(service: Service, benchmark: Benchmark, frame: pd.DataFrame, request_id: str) -> dict[str, Any]:
    """Where a row stands: by the averages with its neighbours, or on a challenge by the board's own order."""
    if benchmark.on_scores:
        return {"place": service.boards.get(benchmark.id).board.place(request_id)}
    frame = frame[[MODEL, AVERAGE, "request_id"]][competing(frame)]  # of a large board a copy takes 100 MB
    return {"rank_and_total": rank_of(frame, request_id), "neighbours": neighbours(frame, request_id)}


def draw(service: Service, visit: Visit) -> str:
    """The page of the model that the address names. Raises NotFound."""
    name = "/".join(visit.rest)
    tasks_at = PublishedTasks(service)
    model = model_of(service, name, tasks_at)
    if not model.evaluations and not model.requests:
        raise NotFound(f"{name or 'This model'} was never submitted to this board.")
    benchmark_id = service.benchmark(visit.benchmark).id
    shown = chosen_evaluation(model, benchmark_id, visit.query.get("run", ""))
    request = request_of(model.requests, shown)
    values: dict[str, Any] = {
        "model": model,
        "request": request,
        "facts": facts(request, service.models.get(model.model)),
        "said": said(service, request),
        "base_has_page": request is not None and has_page(service, request.base_model),
        "children": made_from(service, name),
        "shown": shown,
        "scored_with": any(evaluation.podium.provenance.scoring for evaluation in model.evaluations),
        "run_name": run_name,
        "hub": service.settings.hub_endpoint,
        "on_hub": all(kind_of(record).on_hub for record in (request, shown.podium if shown else None) if record),
        "query": visit.query,
        "flag_section": flag_section(service, visit, model.model),
    }
    if shown is not None and shown.podium.benchmark in service.benchmarks:
        benchmark = service.benchmarks[shown.podium.benchmark]
        frame = service.contents.frame(benchmark.id)
        aggregated = service.results.read(shown.result_path)
        values |= {
            "benchmark": benchmark,
            "block": shown.podium,
            "command": present_command(shown.podium, service.models.repositories()),
            "intervals": intervals(benchmark, shown.podium, aggregated, frame),
            **standing(service, benchmark, frame, shown.podium.request_id),
            "examples": example_page(service, shown, visit, tasks_at.unknown),
            "local": local_scores(request, shown.podium, benchmark),
            "decided": service.competitions.standings.of(benchmark.id).get(shown.podium.request_id),
            "private": private_part(service, visit, shown.podium),
        }
    return render("model", **({"block": None} | values))
