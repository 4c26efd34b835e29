"""Runs submitted code. Light to import: the scheduler uses it too."""

from __future__ import annotations

import importlib
from pathlib import Path

from backend import Resources
from backend.workdir import Workdir
from leaderboard.benchmarks import Benchmark
from leaderboard.records import Request

OWN_BYTES = 2 << 30
"""Memory for our own process: labels, items, scores."""
OWN_SECONDS = 300
"""Time for unpacking, reading the data, and scoring."""


class CodeEvaluator:
    """Runs submitted code; the work itself is in code_run/."""

    def resources(self, request: Request, benchmark: Benchmark) -> Resources:
        """What the benchmark gives to packages, and what our own process beside them takes.

        Accelerators follow from the size of the models that it loads (backend/resources.py).
        """
        if benchmark.code is None:
            return Resources()
        return Resources(
            memory_bytes=int(benchmark.code.memory_gb * 1e9) + OWN_BYTES,
            wall_seconds=benchmark.code.wall_seconds + OWN_SECONDS,
        )

    def run(self, workdir: Path) -> None:
        """Do the work."""
        name = "bundle_run" if Workdir(workdir).benchmark().bundle else "code_run"
        importlib.import_module(f"backend.evaluators.{name}").evaluate(workdir)
