"""How long `podium` takes to start: what a person waits for before a verb does anything."""

from __future__ import annotations

import subprocess
import sys
import time
from statistics import median
from typing import NamedTuple

from leaderboard.settings import PROJECT
from scripts.figures import Sections, at_most, reading

COMMANDS = (["--help"], ["submit", "--help"], ["--version"])


class Size(NamedTuple):
    """How much is measured."""

    starts: int
    limit_ms: float | None


FULL = Size(starts=15, limit_ms=400.0)
TINY = Size(starts=1, limit_ms=None)


def started(words: list[str]) -> float:
    """Seconds from starting the process to its end."""
    begin = time.perf_counter()
    command = [sys.executable, "-m", "leaderboard.cli", *words]
    subprocess.run(command, cwd=PROJECT, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - begin


def sections(size: Size) -> Sections:
    """The median of each command, and of Python alone."""
    figures = []
    for words in COMMANDS:
        started(words)  # the first one reads the files from the disk, and compiles them
        milliseconds = 1000 * median(started(words) for _ in range(size.starts))
        figures.append(at_most(f"podium {' '.join(words)}", milliseconds, "ms", size.limit_ms))
    alone = [sys.executable, "-c", ""]
    begin = time.perf_counter()
    for _ in range(size.starts):
        subprocess.run(alone, check=True)
    figures.append(reading("python alone", 1000 * (time.perf_counter() - begin) / size.starts, "ms"))
    yield "", figures
