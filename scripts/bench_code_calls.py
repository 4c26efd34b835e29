"""Calls of submitted code with large inputs: what the private pipe and the sandbox add, against other ways to call.

The package returns one number of its input, so all but a few microseconds of a call is protocol. One peer calls the
same class in this process; the other writes numbers as JSON lines to a plain process, as estimator challenges do.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from backend.evaluators.code_run.data import Item
from backend.evaluators.code_run.items import ItemRun
from backend.evaluators.code_run.output import Output
from backend.evaluators.code_run.process import SUBMISSION, Confinement
from backend.sandbox.programs import Mount, missing
from leaderboard.benchmarks.challenge import CodeRules
from scripts.figures import Figure, Sections, at_most, reading


class Size(NamedTuple):
    """How much is measured."""

    calls: int
    json_calls: int
    numbers: int
    """In each input, eight bytes each."""
    limit_s: float | None
    rows: tuple[str, ...] = ()


FULL = Size(calls=1000, json_calls=20, numbers=131_072, limit_s=5.0)
TINY = Size(calls=10, json_calls=2, numbers=131_072, limit_s=None)
PACKAGE = """
class Estimator:
    def predict(self, item):
        return float(item[-1])
"""
JSON_WORKER = """
import json, sys
for line in sys.stdin:
    print(json.dumps(float(json.loads(line)[-1])), flush=True)
"""


class Direct:
    """The package's class in this process."""

    def predict(self, item: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
        """One number of the input."""
        return float(item[-1])


def sections(size: Size) -> Sections:
    """Measure the calls in the sandbox, and those of the peers."""
    if reason := missing():
        raise SystemExit(reason)
    yield f"{size.calls:,} calls with {8 * size.numbers / 1e6:.2g} MB each", list(_figures(size))


def _figures(size: Size) -> Iterator[Figure]:
    array = np.random.default_rng(0).random(size.numbers)
    items = [Item(str(number), lambda: array, float(array[-1])) for number in range(size.calls)]
    with tempfile.TemporaryDirectory() as folder:
        seconds = sandboxed(items, Path(folder))
    yield at_most(f"{size.calls:,} calls in the sandbox", sum(seconds), "s", size.limit_s)
    yield reading("one call in the sandbox, median", 1000 * float(np.median(seconds)), "ms")
    yield reading("one call in the sandbox, slowest", 1000 * max(seconds), "ms")
    direct = Direct()
    begin = time.perf_counter()
    for item in items:
        direct.predict(item.read())
    yield reading(f"{size.calls:,} calls in this process", time.perf_counter() - begin, "s")
    each = json_lines(array.tolist(), size.json_calls)
    yield reading(f"{size.calls:,} calls over JSON lines, from {size.json_calls}", size.calls * each, "s")


def sandboxed(items: list[Item], folder: Path) -> list[float]:
    """Seconds of each call, through everything that a submission's calls go through."""
    package = folder / "package"
    package.mkdir(mode=0o755)
    (package / "estimator.py").write_text(PACKAGE)
    rules = CodeRules(interface="item", entry="estimator.py", items="items", wall_seconds=600)
    mounts = (Mount(package, SUBMISSION),)
    confinement = Confinement(
        mounts, {}, int(rules.memory_gb * 1e9), 64 << 20, frozenset(), folder, time.monotonic() + 600
    )
    calls = ItemRun(rules, confinement, {}, Output(show=False)).run(items, lambda done: None)
    if calls.failed or calls.answers != [item.label for item in items]:
        raise RuntimeError(f"calls of the measured package failed: {calls.worst()}")
    return calls.seconds


def json_lines(numbers: list[float], calls: int) -> float:
    """Seconds of one call over JSON lines on standard input and output, without a sandbox."""
    command = [sys.executable, "-u", "-c", JSON_WORKER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as worker:
        assert worker.stdin is not None
        assert worker.stdout is not None
        begin = time.perf_counter()
        for _ in range(calls):
            worker.stdin.write(json.dumps(numbers).encode() + b"\n")
            worker.stdin.flush()
            json.loads(worker.stdout.readline())
        seconds = time.perf_counter() - begin
        worker.stdin.close()
    return seconds / calls
