"""The doctor's lines for a person or a program; 1 when something failed."""

from __future__ import annotations

import json
import os

os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("HF_HUB_DISABLE_XET", "1")  # read when huggingface_hub is imported; only the real Hub has Xet

from rich.console import Console
from rich.text import Text

from backend.doctor.examination import examine
from backend.doctor.line import Line, State

SIGNS = {State.OK: ("✓", "green"), State.WARNING: ("!", "yellow"), State.FAILED: ("✗", "red")}


def run(as_json: bool = False) -> int:
    """Look at everything and print what was found; the exit code."""
    lines: list[Line] = []
    console = Console(soft_wrap=True)
    for line in examine():
        lines.append(line)
        if not as_json:
            show(line, console)
    if as_json:
        print(json.dumps([line.model_dump(mode="json") for line in lines], indent=2, ensure_ascii=False))
    return 1 if any(line.state is State.FAILED for line in lines) else 0


def show(line: Line, console: Console) -> None:
    """One line, with the fix below it."""
    sign, colour = SIGNS[line.state]
    console.print(Text.assemble((sign, colour), f" {line.state.value:<7} ", (line.name, "bold"), f"  {line.sentence}"))
    if line.fix:
        console.print(Text(f"            Fix: {line.fix}"))
