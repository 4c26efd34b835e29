"""`podium VERB`: one file a verb. Here, and only here, an error becomes a sentence and an exit code.

0 done · 1 refused or not found · 2 wrong use or settings · 3 our side or the Hub's failed: try again

A verb imports what it works with when it runs, so that `podium --help` is quick and needs no extra.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from leaderboard import __version__
from leaderboard.cli import backup, bundle, import_, init, package, programs, space, validate
from leaderboard.errors import BadBenchmark, BadSettings, Conflict, Infrastructure, PodiumError, WrongUse

app = typer.Typer(name="podium", help="Work on a Podium leaderboard.", add_completion=False, rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def podium(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    """Work on a Podium leaderboard. The settings are those of the service: environment and podium.env."""
    if version:
        typer.echo(f"podium {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


app.command("import")(import_.run)
app.command("backup")(backup.backup)
app.command("restore")(backup.restore)
app.add_typer(bundle.app, name="bundle")
app.command("init")(init.run)
app.command("package")(package.run)
app.command("doctor")(programs.doctor)
app.command("serve")(programs.serve)
app.command("space")(space.run)
app.command("validate")(validate.run)
app.command("worker")(programs.worker)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; its exit code."""
    try:
        app(args=None if argv is None else list(argv))
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0
    except PodiumError as error:
        Console(stderr=True).print(f"[red]✗[/red] {escape(str(error))}", soft_wrap=True)
        return exit_code(error)
    return 0


def exit_code(error: PodiumError) -> int:
    """What a shell learns of `error`."""
    if isinstance(error, BadSettings | BadBenchmark | WrongUse):
        return 2
    return 3 if isinstance(error, Infrastructure | Conflict) else 1


if __name__ == "__main__":
    sys.exit(main())
