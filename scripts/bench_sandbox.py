"""What the sandbox of programs costs: from the order to the end of a program that does nothing, against it bare."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from backend.sandbox.programs import Mount, Program, missing, run
from scripts.figures import Figure, Sections, at_most, reading

NOTHING = ("-I", "-S", "-c", "")


class Size(NamedTuple):
    """How much is measured."""

    runs: int
    over_s: float | None
    """What the sandbox may take beyond the bare process."""
    rows: tuple[str, ...] = ()


FULL = Size(runs=30, over_s=0.3)
TINY = Size(runs=3, over_s=None)


def sections(size: Size) -> Sections:
    """One section. Raises RuntimeError where programs cannot be confined."""
    if why := missing():
        raise RuntimeError(why)
    with tempfile.TemporaryDirectory() as folder:
        yield "", figures(Path(folder), size)


def figures(folder: Path, size: Size) -> list[Figure]:
    """The medians of both, measured in turn, and their difference."""
    folder.chmod(0o755)
    for name in ("input", "output"):
        (folder / name).mkdir()
    mounts = (Mount(folder / "input", "/app/input"), Mount(folder / "output", "/app/output", write=True))
    program = Program(("python", *NOTHING), mounts, "/app/input", {}, 60, 1 << 30, folder / "log")
    bare, confined = [], []
    for _ in range(size.runs):
        bare.append(seconds(lambda: subprocess.run([sys.executable, *NOTHING], check=True)))
        confined.append(seconds(lambda: _run(program)))
    over = statistics.median(confined) - statistics.median(bare)
    return [
        at_most("sandbox start over the bare process", over, "s", size.over_s),
        reading("the program in the sandbox", statistics.median(confined), "s"),
        reading("the program in the sandbox, slowest", max(confined), "s"),
        reading("the bare process", statistics.median(bare), "s"),
    ]


def seconds(work: Callable[[], object]) -> float:
    """How long `work` takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _run(program: Program) -> None:
    ended = run(program)
    if ended.code != 0 or ended.reason:
        raise RuntimeError(f"The program did not do its work: {ended}")
