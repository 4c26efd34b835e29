"""The table for programs and for keeping: windows of rows, and exports."""

from __future__ import annotations

import io
from typing import Literal

import orjson
import pandas as pd
from fastapi import APIRouter, Request, Response

from leaderboard.api.answers import kept
from leaderboard.api.guard import guarded_router
from leaderboard.board.view import View
from leaderboard.service import Service

Format = Literal["csv", "json", "parquet"]
MEDIA = {"csv": "text/csv; charset=utf-8", "json": "application/json", "parquet": "application/vnd.apache.parquet"}


def table_routes(service: Service) -> APIRouter:
    """GET /benchmarks/{benchmark}/rows and /benchmarks/{benchmark}/export.{csv,json,parquet}."""
    routes = guarded_router(service, tags=["leaderboard"])

    @routes.get("/benchmarks/{benchmark}/rows")
    async def get_rows(request: Request, benchmark: str) -> Response:
        """A window of the table. Query parameters are those of the page's address, with `offset`, `limit`, `facets`."""
        # An answer takes a few milliseconds, less than handing it to another thread where fifty readers ask at once.
        answer = service.boards.answer(benchmark, dict(request.query_params))
        return kept(request, orjson.dumps(answer))

    @routes.get("/benchmarks/{benchmark}/export.{form}", response_class=Response)
    def get_export(request: Request, benchmark: str, form: Format) -> Response:
        """Exactly what the page with the same address parameters shows, every row of it."""
        view, _ = View.from_params(dict(request.query_params))
        frame = service.boards.get(benchmark).board.export(view)
        name = f"{benchmark}.{form}"
        return Response(
            exported(frame, form),
            media_type=MEDIA[form],
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )

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
