"""Benchmarks of Podium; each figure is compared with its limit: `python scripts/bench.py jobs harness submit`.

A subcommand is a module `scripts/bench_NAME.py` with `sections(size)`, and the sizes `FULL` and `TINY`. Ratios compare
with the named peer, measured in the same run. Prints each section when it is measured, as a table and as JSON on one
line; with --json the sections go to stderr, and one line `{"figures": [...]}` to stdout. Exits 1 when a figure misses
its limit.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts.figures import Figure, Sections, show

SUBCOMMANDS = {
    "jobs": "a small job from claim to published, against the lm_eval command",
    "harness": "the time of evaluation, against the lm_eval command",
    "slurm": "jobs through Slurm, against the same job by hand",
    "sandbox": "a program of strangers in its sandbox, against the bare process",
    "submit": "from submission to the request file on disk",
    "hub": "ten thousand request files in a Hub store, against lm-eval's tracker",
    "queue": "a hundred thousand request files in either store, against reading every file",
    "table": "the leaderboard page, against gr.Dataframe and gradio_leaderboard",
    "predictions": "checking a file of a million predictions, against reading it with pandas",
    "prefix": "the shared-prefix engine, against the hf backend",
    "cli": "the start of the command `podium`",
    "code_calls": "calls of submitted code with 1 MB of input, against JSON lines and calls in process",
}


def measure(name: str, tiny: bool, only: Sequence[str] = ()) -> Sections:
    """Run one subcommand, or only its sections in `only`."""
    module = importlib.import_module(f"scripts.bench_{name}")
    size = module.TINY if tiny else module.FULL
    sections: Sections = module.sections(size._replace(rows=tuple(only)) if only else size)
    return sections


def parsed(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line; exits with a message when it is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="+", choices=[*SUBCOMMANDS, "all"], metavar="NAME", help=", ".join(SUBCOMMANDS))
    parser.add_argument("--only", metavar="ROWS", default="", help="rows of `prefix`, separated by commas: bbh,musr")
    parser.add_argument(
        "--tiny", action="store_true", help="a quick check (seconds per benchmark) without limits of time and size"
    )
    parser.add_argument(
        "--json", action="store_true", help="one JSON object on one line of stdout, everything else on stderr"
    )
    options = parser.parse_args(argv)
    options.only = [name for name in options.only.split(",") if name]
    if options.only and options.names != ["prefix"]:
        parser.error("--only chooses rows of `prefix`; run it as `bench.py prefix --only ROWS`")
    if options.only and (problem := unknown_rows(options.only)):
        parser.error(problem)
    return options


def unknown_rows(only: Sequence[str]) -> str:
    """A message about the names in `only` that are no rows of `prefix`; empty when all are."""
    rows = importlib.import_module("scripts.bench_prefix").FULL.rows
    unknown = [name for name in only if name not in rows]
    return f"unknown row {', '.join(unknown)}; choose from {', '.join(rows)}" if unknown else ""


def main(argv: Sequence[str] | None = None) -> int:
    """Parse the command line, measure, print; 0 when every figure is within its limit."""
    options = parsed(argv)
    figures: list[Figure] = []
    for name in SUBCOMMANDS if "all" in options.names else options.names:
        for title, section in measure(name, options.tiny, options.only):
            figures += section
            show(f"{name}: {title or SUBCOMMANDS[name]}", section, sys.stderr if options.json else sys.stdout)
    if options.json:
        print(json.dumps({"figures": figures}))
    return 0 if all(figure["ok"] for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
