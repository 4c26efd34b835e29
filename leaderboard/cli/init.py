"""`podium init`: the starting kit of a challenge in a folder of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from leaderboard.cli.client.options import Server
from leaderboard.errors import WrongUse


def run(
    benchmark: Annotated[str, typer.Argument(help="Id of the benchmark, as --list shows it.")] = "",
    folder: Annotated[Path | None, typer.Argument(help="The folder to make; by default ./BENCHMARK.")] = None,
    server: Server = "",
    listed: Annotated[bool, typer.Option("--list", help="Show the benchmarks of the board, and which have a kit.")] = (
        False
    ),
    as_json: Annotated[bool, typer.Option("--json", help="The answer as JSON, for programs.")] = False,
) -> None:
    """Fetch the starting kit of a challenge into a new folder."""
    from leaderboard.cli.client.accounts import Accounts

    if not listed and not benchmark:
        raise WrongUse("Name a benchmark: podium init BENCHMARK. `podium init --list` shows which there are.")
    address = Accounts().chosen(server).server
    if listed:
        _list(address, as_json)
    else:
        _fetch(address, benchmark, folder or Path(benchmark), as_json)


def _fetch(server: str, benchmark: str, folder: Path, as_json: bool) -> None:
    from leaderboard.packaging.challenge import FILE, read_challenge
    from leaderboard.packaging.fetching import fetch_kit

    files = fetch_kit(server, benchmark, folder)
    if as_json:
        document = {"benchmark": benchmark, "folder": str(folder), "files": files}
        typer.echo(json.dumps(document, indent=2, ensure_ascii=False))
        return
    console = Console(soft_wrap=True)
    console.print(Text.assemble(("✓", "green"), f" {folder}: the starting kit of {benchmark}, {len(files):,} files"))
    if FILE in files:
        described = read_challenge(folder / FILE).described
        console.print(Text(f"  Your submission is {folder / described.submission}; it is valid as it is."))
        console.print(Text(f"Next: podium validate {folder}"))
    else:
        console.print(Text("Next: read what its files say."))


def _list(server: str, as_json: bool) -> None:
    from leaderboard.packaging.fetching import offered_kits
    from leaderboard.records.sentences import shown

    offered = offered_kits(server)
    if as_json:
        typer.echo(json.dumps([kit._asdict() for kit in offered], indent=2, ensure_ascii=False))
        return
    console = Console(soft_wrap=True)
    width = max((len(shown(kit.benchmark)) for kit in offered), default=0)
    for kit in offered:
        note = "" if kit.has_kit else "  (no starting kit)"
        console.print(
            Text(f"  {shown(kit.benchmark):<{width}}  {shown(kit.title)}: {shown(', '.join(kit.kinds))}{note}")
        )
    first = next((kit.benchmark for kit in offered if kit.has_kit), "")
    console.print(Text(f"Next: podium init {shown(first)}" if first else "None of them has a starting kit."))
