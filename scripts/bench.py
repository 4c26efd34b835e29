"""Measure what Podium promises, each figure against its limit: `python scripts/bench.py jobs harness submit`.

A subcommand is a module `scripts/bench_NAME.py` with `figures() -> list[Figure]`. Ratios compare with the named peer,
measured in the same run. Prints a table, or with --json one object `{"figures": [...]}`; exits 1 when a figure misses
its limit.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts.figures import Figure

SUBCOMMANDS = {
    "jobs": "a small job through the queue, against the lm_eval command",
    "harness": "evaluation itself, against the lm_eval command",
    "submit": "from submission to the request file on disk",
    "hub": "ten thousand request files in a Hub store, against lm-eval's tracker",
    "table": "the leaderboard page, against gr.Dataframe and gradio_leaderboard",
    "prefix": "the shared-prefix engine, against the hf backend",
}


def measure(name: str) -> list[Figure]:
    """Run one subcommand."""
    figures: list[Figure] = importlib.import_module(f"scripts.bench_{name}").figures()
    return figures


def show(name: str, figures: Sequence[Figure]) -> None:
    """Print one subcommand's figures as a table."""
    table = Table(title=f"{name}: {SUBCOMMANDS[name]}", title_justify="left")
    for heading in ("figure", "value", "limit", ""):
        table.add_column(heading, justify="left" if heading in {"figure", ""} else "right")
    for figure in figures:
        limit = "" if figure["limit"] is None else f"{figure['limit']:g} {figure['unit']}"
        table.add_row(figure["name"], f"{figure['value']:.4g} {figure['unit']}", limit, "✓" if figure["ok"] else "✗")
    Console().print(table)


def main(argv: Sequence[str] | None = None) -> int:
    """Parse the command line, measure, print; 0 when every figure holds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="+", choices=[*SUBCOMMANDS, "all"], metavar="NAME", help=", ".join(SUBCOMMANDS))
    parser.add_argument("--json", action="store_true", help="one JSON object instead of tables")
    options = parser.parse_args(argv)
    names = list(SUBCOMMANDS) if "all" in options.names else options.names
    every: list[Figure] = []
    for name in names:
        figures = measure(name)
        every += figures
        if not options.json:
            show(name, figures)
    if options.json:
        print(json.dumps({"figures": every}, indent=2))
    return 0 if all(figure["ok"] for figure in every) else 1


if __name__ == "__main__":
    sys.exit(main())
