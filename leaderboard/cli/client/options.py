"""Options that several verbs have."""

from __future__ import annotations

from typing import Annotated

import typer

from leaderboard.board.search_help import QUERY_HELP

Server = Annotated[
    str,
    typer.Option("--server", metavar="URL", envvar="PODIUM_SERVER", help="The board; else that of the last login."),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on standard output, for programs.")]
RequestId = Annotated[str, typer.Argument(metavar="ID", help="Id of a submission's request: 16 hexadecimal digits.")]
BenchmarkId = Annotated[str, typer.Argument(metavar="BENCHMARK", help="Id of a benchmark of the board.")]
Query = Annotated[list[str] | None, typer.Argument(metavar="[QUERY]...", help=QUERY_HELP)]
