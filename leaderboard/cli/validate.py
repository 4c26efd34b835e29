"""`podium validate`: the server's own checks here, the sandboxed smoke test, and the local score."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from leaderboard.cli.package import Kit, chosen_challenge

if TYPE_CHECKING:
    from leaderboard.packaging.challenge import Challenge
    from leaderboard.packaging.validation import Validation

VALID, REFUSED, NOT_CHECKED = 0, 1, 2
"""Exit codes."""


def run(
    place: Annotated[
        Path, typer.Argument(metavar="[FOLDER|FILE]", help="A folder with code, a package, or a file of predictions.")
    ] = Path(),
    no_run: Annotated[bool, typer.Option("--no-run", help="Only read: no smoke test and no local score.")] = False,
    kit: Kit = None,
    as_json: Annotated[bool, typer.Option("--json", help="The answer as JSON, for programs.")] = False,
) -> None:
    """Check a submission as the server does, run its code on the kit's public data, and score it."""
    from leaderboard.packaging.validate import validate

    challenge = chosen_challenge(kit, place)
    validation = validate(place, challenge, run=not no_run)
    code = _exit_code(validation, no_run)
    if as_json:
        document = validation.model_dump(mode="json") | {"valid": validation.valid, "exit": code}
        typer.echo(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        _show(validation, challenge, place)
    raise typer.Exit(code)


def _exit_code(validation: Validation, no_run: bool) -> int:
    """What a shell learns. A check that only the server makes is none that is missing here."""
    if not validation.valid:
        return REFUSED
    return NOT_CHECKED if any(each.fix for each in validation.unchecked) and not no_run else VALID


def _show(validation: Validation, challenge: Challenge, place: Path) -> None:
    console, errors = Console(soft_wrap=True), Console(stderr=True, soft_wrap=True)
    if validation.output:
        errors.print(Text(validation.output.rstrip("\n")))
    for problem in validation.problems:
        sign = ("✗", "red") if problem.severity == "error" else ("!", "yellow")
        errors.print(Text.assemble(sign, " ", " ".join(filter(None, (problem.message, problem.fix)))))
    for each in validation.unchecked:
        sentences = " ".join(filter(None, (f"Not checked: {each.what}.", each.why, each.fix)))
        errors.print(Text.assemble(("!", "yellow"), " ", sentences))
    titles = {column.score: column.title for column in challenge.benchmark.columns}
    for key, score in validation.scores.items():
        console.print(Text(f"  {titles.get(key, key)}: {score:.10g} on the kit's public data"))
    if validation.valid:
        console.print(Text.assemble(("✓", "green"), f" {validation.filename}: nothing is wrong with it"))
        console.print(Text(f"Next: podium submit {place}"))
    else:
        count = sum(problem.severity == "error" for problem in validation.problems)
        errors.print(Text(f"{count:,} {'problem' if count == 1 else 'problems'} to fix. Next: podium validate {place}"))
