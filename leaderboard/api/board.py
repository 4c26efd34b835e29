"""What was measured: the board's rows, one model's evaluations, result files and details."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from leaderboard import records
from leaderboard.api.answers import Page, Rows, kept, kept_model
from leaderboard.api.guard import guarded_router
from leaderboard.api.queue import filtered
from leaderboard.benchmarks import Benchmark
from leaderboard.board.view import View
from leaderboard.errors import NotFound
from leaderboard.records import PodiumBlock
from leaderboard.results.every_eval_ever import ResultSource, export
from leaderboard.service import Service

EVERY_ROW = View(hide=())


class Evaluation(BaseModel):
    """One published evaluation."""

    podium: PodiumBlock
    result_path: str
    """Of its results file, for /results/{path}."""
    tasks: list[str]
    """Tasks whose details can be read."""


class Model(BaseModel):
    """Everything that this board knows of a model."""

    model: str
    """As it is called now, also when it was asked for by an earlier name."""
    earlier_names: list[str] = Field(default_factory=list)
    """What it was called before it was renamed on the Hub."""
    evaluations: list[Evaluation]
    """The newest first."""
    requests: list[records.Request]
    """The newest first."""


class Examples(Page):
    """Examples of one task's details."""

    rows: list[dict[str, Any]]


def board_routes(service: Service) -> APIRouter:
    """GET /benchmarks, /leaderboard, /models/{org}/{name}, /results/{path}, /details/..."""
    routes = guarded_router(service, tags=["results"])

    @routes.get("/benchmarks", response_model=list[Benchmark])
    def list_benchmarks() -> list[Benchmark]:
        """The benchmarks of this board, the first one shown first."""
        return list(service.benchmarks.values())

    @routes.get("/leaderboard", response_model=Rows)
    def get_leaderboard(
        request: Request,
        benchmark: str = "",
        offset: Annotated[int, Query(ge=0)] = 0,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> Response:
        """Rows of the contents table by descending average, missing averages last; flagged ones too."""
        window = service.boards.window(service.benchmark(benchmark).id, EVERY_ROW, offset, limit)
        frame = window.published.board.frame
        rows = json.loads(frame.iloc[window.rows].to_json(orient="records", date_format="iso"))
        return kept_model(request, Rows(total=len(frame), offset=offset, columns=list(frame.columns), rows=rows))

    @routes.get("/models/{org}/{name}", response_model=Model)
    def get_model(request: Request, org: str, name: str) -> Response:
        """A model's evaluations and requests, over all benchmarks."""
        return kept_model(request, _submitted(service, f"{org}/{name}"))

    @routes.get("/models/{name}", response_model=Model)
    def get_model_without_namespace(request: Request, name: str) -> Response:
        """The same of an old model whose name has one part, such as gpt2."""
        return kept_model(request, _submitted(service, name))

    @routes.get("/results/{path:path}", response_class=Response)
    def get_result(request: Request, path: str, format: Literal["harness", "every-eval-ever"] = "harness") -> Response:
        """A results file: the harness's aggregated JSON with the `podium` block, or in the Every Eval Ever schema."""
        result = service.results.read(path)
        if format == "every-eval-ever":
            result = exported(service, result)
        return kept(request, json.dumps(result, ensure_ascii=False).encode())

    @routes.get("/details/{task}/{path:path}", response_model=Examples)
    def get_details(
        request: Request,
        task: str,
        path: str,
        offset: Annotated[int, Query(ge=0)] = 0,
        limit: Annotated[int, Query(ge=1, le=100)] = 20,
        wrong_only: bool = False,
        text: str = "",
    ) -> Response:
        """Examples of one task of the results file at `path`."""
        block = PodiumBlock.model_validate(service.results.read(path)["podium"])
        details = service.results.details(block, task)
        total, rows = details.count(wrong_only, text), details.rows(offset, limit, wrong_only, text)
        return kept_model(request, Examples(total=total, offset=offset, rows=rows))

    return routes


def exported(service: Service, result: dict[str, Any]) -> dict[str, Any]:
    """A result in the Every Eval Ever schema. Raises NotFound where the benchmark does not offer that."""
    benchmark = service.benchmark(result["podium"]["benchmark"])
    if not benchmark.every_eval_ever:
        raise NotFound(f"The organisers of {benchmark.title} do not offer results in the Every Eval Ever schema.")
    return export(result, benchmark, ResultSource(service.settings.title, service.settings.address))


def _submitted(service: Service, name: str) -> Model:
    """What the board knows of a model. Raises NotFound for one that it does not know."""
    model = model_of(service, name)
    if not model.evaluations and not model.requests:
        raise NotFound(f"{name} was never submitted to this board.")
    return model


def model_of(service: Service, model: str, tasks_at: Callable[[str], list[str]] | None = None) -> Model:
    """What the board knows of `model`; both lists are empty when it knows nothing.

    `tasks_at` tells the tasks whose details were published with the result at a path. Raises HubUnavailable.
    """
    tasks_at = tasks_at or service.results.tasks_at
    names, view = service.models.names(model), service.queue.view()
    evaluations = [
        Evaluation(podium=block, result_path=path, tasks=tasks_at(path))
        for benchmark in service.benchmarks
        for name in {names.now, *names.earlier}
        for path, block in service.results.of_model(benchmark, name).items()
        if names.include(block.model, block.time, block.revision)
    ]
    return Model(
        model=names.now,
        earlier_names=sorted(names.earlier),
        evaluations=sorted(evaluations, key=lambda evaluation: evaluation.podium.time, reverse=True),
        requests=view.in_full(
            filtered(request for request in view if names.include(request.model, request.submitted_time))
        ),
    )
