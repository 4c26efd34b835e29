"""Evaluates a checkpoint with the harness. Light to import: the scheduler uses it too, and has no need of torch."""

from __future__ import annotations

import importlib
from pathlib import Path

from backend import Resources
from leaderboard.benchmarks import Benchmark
from leaderboard.records import Request


class CheckpointEvaluator:
    """Runs lm-eval on a checkpoint of the Hub; the work itself is in harness.py."""

    def resources(self, request: Request, benchmark: Benchmark) -> Resources:
        """No needs of its own: the operator's limits hold."""
        return Resources()

    def run(self, workdir: Path) -> None:
        """Evaluate, and write results and details. Imports torch and the harness, unless a forkserver has."""
        importlib.import_module("backend.evaluators.harness").evaluate(workdir)
