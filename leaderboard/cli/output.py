"""What a verb tells: rich on a terminal, plain lines in a pipe, one JSON document with `--json`.

What was asked for goes to standard output; steps, questions and hints go to standard error.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from leaderboard.cli.exits import DONE, Ending, error_document
from leaderboard.errors import NotAccepted, PodiumError

if TYPE_CHECKING:
    from rich.console import Console

CONTROLS = [*range(0x00, 0x09), *range(0x0B, 0x20), *range(0x7F, 0xA0)]
DIRECTIONS = [0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
STEERING = dict.fromkeys([*CONTROLS, *DIRECTIONS], "�")
"""Characters that steer a terminal or turn the direction of its text."""


def printable(text: object) -> str:
    """`text`, which may come from anybody, such that a terminal only shows it."""
    return str(text).encode(errors="backslashreplace").decode().translate(STEERING)


class Output:
    """The voice of one run of a verb."""

    def __init__(self, as_json: bool = False) -> None:
        self.as_json = as_json

    @property
    def answers_questions(self) -> bool:
        """Whether somebody is at a terminal who can answer."""
        return not self.as_json and sys.stdin.isatty() and sys.stderr.isatty()

    @property
    def on_terminal(self) -> bool:
        """Whether steps are read on a terminal."""
        return not self.as_json and sys.stderr.isatty()

    def done(self, text: str) -> None:
        """A step that succeeded."""
        self._step("✓", "green", text)

    def warn(self, text: str) -> None:
        """What the person should know, though it stops nothing."""
        self._step("!", "yellow", text)

    def note(self, text: str) -> None:
        """What happens meanwhile."""
        self._step("·", "dim", text)

    def next(self, command: str) -> None:
        """What to do next."""
        if not self.as_json:
            console(error=True).print(f"Next: {printable(command)}", markup=False)

    def line(self, text: str = "") -> None:
        """A line of what was asked for."""
        if not self.as_json:
            console().print(printable(text), markup=False)

    def facts(self, facts: Sequence[tuple[str, str]]) -> None:
        """Names and values of what was asked for, one a line; what is empty is left out."""
        width = max((len(name) for name, value in facts if value), default=0)
        for name, value in facts:
            if value:
                self.line(f"{name:<{width}}  {value}")

    def table(self, headings: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[str] = ()) -> None:
        """A table: drawn on a terminal, tabs between cells in a pipe. `numbers`: headings that are right-aligned."""
        if self.as_json:
            return
        if not sys.stdout.isatty():
            for row in [headings, *rows]:
                print("\t".join(printable(cell).replace("\t", " ").replace("\n", " ") for cell in row))
            return
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False, header_style="bold")
        for heading in headings:
            justify = "right" if heading in numbers else "left"
            table.add_column(printable(heading), justify=justify, overflow="fold")  # type: ignore[arg-type]
        for row in rows:
            table.add_row(*(Text(printable(cell)) for cell in row))
        console().print(table)

    def ask(self, question: str, secret: bool = False) -> str:
        """What a person answers. Only where `answers_questions`."""
        import typer

        answer: str = typer.prompt(printable(question), hide_input=secret, err=True, default="", show_default=False)
        return answer.strip()

    def agree(self, question: str) -> bool:
        """Whether a person says yes. Only where `answers_questions`."""
        import typer

        return typer.confirm(printable(question), err=True)

    def end(self, ending: Ending = DONE, **document: Any) -> None:
        """Print the one JSON document of a verb that raised nothing, with `--json`."""
        if self.as_json:
            print(json.dumps({"code": ending.code, "exit": ending.exit, **document}, ensure_ascii=False, indent=2))

    def _step(self, sign: str, style: str, text: str) -> None:
        if not self.as_json:
            show_step(sign, style, text)


def console(error: bool = False) -> Console:
    """Where texts are printed; colour only on a terminal, lines never broken."""
    from rich.console import Console

    return Console(stderr=error, soft_wrap=True, highlight=False, emoji=False)


def show_step(sign: str, style: str, text: str) -> None:
    """A line with a sign before it, on standard error."""
    from rich.text import Text

    console(error=True).print(Text.assemble((sign, style), " ", printable(text)))


def show_error(error: PodiumError, as_json: bool) -> None:
    """An error as sentences with the next step, or as a JSON document."""
    if as_json:
        print(json.dumps(error_document(error), ensure_ascii=False, indent=2))
    elif isinstance(error, NotAccepted):
        for problem in error.problems:
            show_step("✗", "red", " ".join(part for part in (problem.message, problem.fix) if part))
    else:
        show_step("✗", "red", str(error))
