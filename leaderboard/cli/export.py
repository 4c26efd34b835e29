"""`podium export BENCHMARK [QUERY]`: every row of the leaderboard that fits, in a file."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer

from leaderboard.cli.client.options import AsJson, BenchmarkId, Query, Server
from leaderboard.cli.client.session import open_session
from leaderboard.errors import WrongUse


class Form(StrEnum):
    """How the rows are written."""

    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


def run(
    benchmark: BenchmarkId,
    query: Query = None,
    form: Annotated[Form, typer.Option("--format", help="How the rows are written.")] = Form.CSV,
    to: Annotated[Path | None, typer.Option("--to", help="The file to write; by default BENCHMARK.FORMAT.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Write over a file that is there.")] = False,
    server: Server = "",
    as_json: AsJson = False,
) -> None:
    """Write the rows of a leaderboard to a file: all of them, or those that a query finds."""
    file = to or Path(f"{Path(benchmark).name}.{form.value}")
    if file.exists() and not replace:
        raise WrongUse(f"There is a {file} already. Name another file with --to, or add --replace.")
    with open_session(server, as_json) as session:
        path = f"/benchmarks/{quote(benchmark, safe='')}/export.{form.value}"
        answer = session.api.call("GET", path, params={"search": " ".join(query or ())})
        content, warnings = answer.content, json.loads(answer.headers.get("podium-warnings", "[]"))
        for warning in warnings:
            session.out.warn(warning)
        file.write_bytes(content)
        session.out.done(f"{file}: {len(content):,} bytes")
        session.out.next(f"podium board {benchmark}")
        session.out.end(file=str(file), bytes=len(content), warnings=warnings)
