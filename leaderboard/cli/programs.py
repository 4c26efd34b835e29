"""`podium serve` and `podium worker`: the programs `app.py` and `backend`, where Podium is installed."""

from __future__ import annotations

import runpy
from importlib import import_module
from importlib.util import find_spec
from typing import Annotated

import typer

from leaderboard.cli.client.options import Server
from leaderboard.errors import BadSettings

EXTRAS = {"board": "apscheduler", "server": "gradio", "worker": "lm_eval"}
"""Extra -> a module that is there when it is installed."""


def serve() -> None:
    """Serve pages and API, and run the scheduler too, unless PODIUM_EMBEDDED is false."""
    from leaderboard.settings import load_settings

    require("serve", "server", *(["worker"] if load_settings().embedded else []))
    runpy.run_module("app", run_name="__main__", alter_sys=True)


def worker() -> None:
    """Run the scheduler without pages: evaluate what is in the queue."""
    require("worker", "worker")
    runpy.run_module("backend", run_name="__main__", alter_sys=True)


def doctor(
    server: Server = "",
    as_json: Annotated[bool, typer.Option("--json", help="The lines as JSON, for programs.")] = False,
) -> None:
    """Look at the board where you take part, and at a machine that serves one: ok, or what to do."""
    from leaderboard.cli.client.accounts import Account, Accounts

    account, trouble = Account(""), ""
    try:
        account = Accounts().chosen(server)
    except BadSettings as error:
        trouble = str(error)
    whole = find_spec(EXTRAS["board"]) is not None
    doctor = import_module("backend.commands.doctor")
    raise typer.Exit(doctor.run(as_json, account.server, account.token, trouble, whole=whole))


def require(verb: str, *extras: str) -> None:
    """Raises BadSettings, with the command that installs them, where some of `extras` are not installed."""
    missing = [extra for extra in extras if find_spec(EXTRAS[extra]) is None]
    if not missing:
        return
    sentence = f"`podium {verb}` needs packages that are not installed. Run: pip install 'podium[{','.join(missing)}]'"
    if verb == "serve" and missing == ["worker"]:
        sentence += ", or set PODIUM_EMBEDDED=false to serve without a scheduler"
    raise BadSettings(f"{sentence}.")
