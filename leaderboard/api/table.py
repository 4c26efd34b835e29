"""The table for programs and for keeping: windows of rows, and exports."""

from __future__ import annotations

import io
import json
from functools import partial
from typing import Annotated, Literal

import orjson
import pandas as pd
from fastapi import APIRouter, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from leaderboard.api.answers import kept
from leaderboard.api.guard import guarded_router
from leaderboard.api.parameters import VIEW_PARAMETERS, view_of
from leaderboard.board.boards import MAX_ROWS, Part
from leaderboard.board.view import View
from leaderboard.errors import NotAccepted
from leaderboard.service import Service

Format = Literal["csv", "json", "parquet"]
MEDIA = {"csv": "text/csv; charset=utf-8", "json": "application/json", "parquet": "application/vnd.apache.parquet"}

LONG_SEARCH = 200
"""Characters."""
WARNINGS = "Podium-Warnings"
"""Header of an export: what a file of rows has no place for."""


def table_routes(service: Service) -> APIRouter:
    """GET /benchmarks/{benchmark}/rows and /benchmarks/{benchmark}/export.{csv,json,parquet}."""
    routes = guarded_router(service, tags=["leaderboard"])

    @routes.get("/benchmarks/{benchmark}/rows", openapi_extra=VIEW_PARAMETERS)
    async def get_rows(
        request: Request,
        benchmark: str,
        offset: Annotated[int, Query(ge=0, lt=10**9)] = 0,
        limit: Annotated[int, Query(ge=0, le=MAX_ROWS)] = 100,
        facets: bool = False,
        about: bool = False,
    ) -> Response:
        """A window of the table. Other query parameters are those of the page's address."""
        view, part = known_view(service, request, benchmark), Part(offset, limit, facets, about)
        # An answer takes a few milliseconds, less than handing it to another thread where fifty readers ask at once.
        # A long search may take seconds, in which the others are answered.
        ask = partial(service.boards.answer_view, benchmark, view, part)
        answer = await run_in_threadpool(ask) if len(view.search) > LONG_SEARCH else ask()
        return kept(request, orjson.dumps(answer))

    @routes.get("/benchmarks/{benchmark}/export.{form}", response_class=Response, openapi_extra=VIEW_PARAMETERS)
    def get_export(request: Request, benchmark: str, form: Format) -> Response:
        """Exactly what the page with the same address parameters shows, every row of it.

        The header `Podium-Warnings` is a JSON list of sentences about what the search could not use.
        """
        view, board = known_view(service, request, benchmark), service.boards.get(benchmark).board
        frame, warnings = board.export(view), board.select(view).warnings
        headers = {"Content-Disposition": f'attachment; filename="{benchmark}.{form}"'}
        if warnings:
            headers[WARNINGS] = json.dumps(warnings)  # in ASCII, which headers have to be
        return Response(exported(frame, form), media_type=MEDIA[form], headers=headers)

    @routes.get("/benchmarks/{benchmark}/contents.{form}", response_class=Response)
    def get_contents(benchmark: str, form: Format) -> Response:
        """The whole contents table: every row and every column, flagged ones too."""
        frame = service.boards.get(benchmark).board.frame
        return Response(
            exported(frame, form),
            media_type=MEDIA[form],
            headers={"Content-Disposition": f'attachment; filename="{benchmark}-contents.{form}"'},
        )

    return routes


def known_view(service: Service, request: Request, benchmark: str) -> View:
    """The view that the query asks for. Raises NotAccepted for what it cannot mean on this board, and NotFound."""
    service.boards.get(benchmark)
    view, problems = service.boards.known_columns(benchmark, view_of(request))
    if problems:
        raise NotAccepted(problems)
    return view


def exported(frame: pd.DataFrame, form: Format) -> bytes:
    """The frame as a file. In CSV a text that a spreadsheet would take for a formula gets a quote before it."""
    if form == "parquet":
        buffer = io.BytesIO()
        frame.to_parquet(buffer, index=False, compression="zstd")
        return buffer.getvalue()
    if form == "json":
        return str(frame.to_json(orient="records", date_format="iso", force_ascii=False)).encode()
    texts = frame.select_dtypes(include=["object", "string"]).columns
    safe = frame.assign(**{name: frame[name].map(_no_formula) for name in texts})
    return str(safe.to_csv(index=False)).encode()


def _no_formula(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value[:1] in {"=", "+", "-", "@", "\t", "\r"} else value
