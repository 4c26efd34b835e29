"""`podium VERB`: one file a subject. Here, and only here, an error becomes a sentence and an exit code (`exits.py`).

A verb imports what it works with when it runs, so that `podium --help` is quick and needs no extra.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from typer.exceptions import TyperException

from leaderboard import __version__
from leaderboard.cli import (
    account,
    backup,
    benchmark,
    board,
    bundle,
    export,
    import_,
    init,
    package,
    programs,
    requests,
    sample,
    space,
    submit,
    validate,
)
from leaderboard.cli.exits import INTERRUPTED, WRONG_USE, ending_of
from leaderboard.cli.output import show_error
from leaderboard.errors import Interrupted, PodiumError, WrongUse

app = typer.Typer(name="podium", help="Work on a Podium leaderboard.", rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def podium(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    """Take part in a Podium leaderboard, or run one.

    Verbs that run a board take its settings: environment and podium.env.
    """
    if version:
        typer.echo(f"podium {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


app.command("login")(account.login)
app.command("logout")(account.logout)
app.command("whoami")(account.whoami)
app.command("submit")(submit.run)
app.command("watch")(requests.watch)
app.command("status")(requests.status)
app.command("logs")(requests.logs)
app.command("cancel")(requests.cancel)
app.command("list")(requests.list_mine)
app.command("board")(board.run)
app.command("export")(export.run)
app.command("import")(import_.run)
app.command("backup")(backup.backup)
app.command("restore")(backup.restore)
app.add_typer(benchmark.app, name="benchmark")
app.add_typer(bundle.app, name="bundle")
app.command("init")(init.run)
app.command("package")(package.run)
app.command("doctor")(programs.doctor)
app.command("serve")(programs.serve)
app.command("sample")(sample.sample)
app.command("space")(space.run)
app.command("validate")(validate.run)
app.command("worker")(programs.worker)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; its exit code."""
    words = sys.argv[1:] if argv is None else list(argv)
    as_json = "--json" in words
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal without UTF-8 shows what it can
    try:
        ended = app(args=words, prog_name="podium", standalone_mode=False)
    except TyperException as error:
        command = getattr(getattr(error, "ctx", None), "command_path", "podium")
        show_error(WrongUse(f"{error.format_message()} `{command} --help` tells how it is used."), as_json)
        return WRONG_USE.exit
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else 0
    except typer.Abort:  # a question that was not answered
        ended = INTERRUPTED.exit
    except PodiumError as error:
        show_error(error, as_json)
        return ending_of(error).exit
    if ended == INTERRUPTED.exit:
        show_error(Interrupted("Interrupted. What was submitted goes on."), as_json)
    return ended if isinstance(ended, int) else 0


if __name__ == "__main__":
    sys.exit(main())
