"""The doctor's lines for a person or a program; 1 when something failed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("HF_HUB_DISABLE_XET", "1")  # read when huggingface_hub is imported; only the real Hub has Xet

from rich.console import Console
from rich.text import Text

from backend.doctor.line import Line, State
from backend.doctor.participant import Account, check_participant

SIGNS = {State.OK: ("✓", "green"), State.WARNING: ("!", "yellow"), State.FAILED: ("✗", "red")}


def run(as_json: bool, server: str, token: str, trouble: str, *, whole: bool) -> int:
    """Look at everything and print what was found; the exit code.

    `server`, `token`: the board at which one takes part, and who one is there; empty where none is known, which
    `trouble` explains. `whole`: whether this machine may serve a board or run work; otherwise only what a participant
    needs is looked at.
    """
    lines: list[Line] = []
    console = Console(soft_wrap=True)
    for line in _examined(Account(server, token, trouble), whole):
        lines.append(line)
        if not as_json:
            show(line, console)
    if as_json:
        print(json.dumps([line.model_dump(mode="json") for line in lines], indent=2, ensure_ascii=False))
    return 1 if any(line.state is State.FAILED for line in lines) else 0


def _examined(account: Account, whole: bool) -> Iterator[Line]:
    if account.server or not whole:
        yield from check_participant(account)
    if whole:
        from backend.doctor.examination import examine  # needs packages that a participant does not have

        yield from examine()


def show(line: Line, console: Console) -> None:
    """One line, with the fix below it."""
    sign, colour = SIGNS[line.state]
    console.print(Text.assemble((sign, colour), f" {line.state.value:<7} ", (line.name, "bold"), f"  {line.sentence}"))
    if line.fix:
        console.print(Text(f"            Fix: {line.fix}"))
