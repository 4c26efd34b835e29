"""`podium board BENCHMARK [QUERY]`: the leaderboard as a table in the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import quote

import typer

from leaderboard.cli.client.options import AsJson, BenchmarkId, Query, Server
from leaderboard.cli.client.session import open_session


def run(
    benchmark: BenchmarkId,
    query: Query = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=500, help="At most so many rows.")] = 20,
    sort: Annotated[
        str, typer.Option("--sort", metavar="COLUMN", help="Order by this column; -COLUMN the other way.")
    ] = "",
    server: Server = "",
    as_json: AsJson = False,
) -> None:
    """Show a benchmark's leaderboard: a table on a terminal, tabs in a pipe."""
    with open_session(server, as_json) as session:
        params: dict[str, Any] = {"search": " ".join(query or ()), "limit": limit, "facets": "1", "about": "1"}
        if sort:
            params |= {"sort": sort.lstrip("-"), "ascending": "true" if sort.startswith("-") else "false"}
        answer = session.api.get(f"/benchmarks/{quote(benchmark, safe='')}/rows", params)
        for warning in answer["warnings"]:
            session.out.warn(warning)
        columns = columns_of(answer)
        rows = [[cell(row, column) for column in columns] for row in answer["rows"]]
        if rows:
            numbers = [str(column["title"]) for column in columns if column["kind"] in ("score", "number")]
            session.out.table([str(column["title"]) for column in columns], rows, numbers)
        session.out.note(f"{len(rows):,} of {answer['total']:,} rows that fit, {answer['of']:,} in all")
        page = session.page(f"/?benchmark={quote(benchmark)}")
        session.out.next(f"see {page}" if query else f"podium board {benchmark} QUERY")
        session.out.end(**{name: answer[name] for name in ("total", "of", "columns", "rows", "hidden", "warnings")})


def columns_of(answer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The columns of the table: rank, name, average where there is one, and what the board shows."""
    noun = str(answer["about"]["noun"])
    first = [
        {"key": "rank", "title": "rank", "kind": "number", "decimals": 0},
        {"key": "model", "title": noun, "kind": "text"},
    ]
    if answer["about"]["average"]:
        first.append({"key": "average", "title": "average", "kind": "number", "decimals": 2})
    return [*first, *answer["columns"]]


def cell(row: Mapping[str, Any], column: Mapping[str, Any]) -> str:
    """A cell as text; empty for what is unknown."""
    value = row.get(column["key"])
    decimals = column.get("decimals")
    if column["kind"] == "score":
        score = row["scores"].get(column["key"]) or {}
        value = score.get("value" if column.get("points") else "raw")
        decimals = 2 if decimals is None and column.get("points") else 4 if decimals is None else decimals
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return f"{value:,.{decimals}f}" if isinstance(decimals, int) else f"{value:.6g}"
    return str(value)
