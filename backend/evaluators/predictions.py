"""Scores a file of predictions. Light to import: the scheduler uses it too."""

from __future__ import annotations

import importlib
from pathlib import Path

from backend import Resources
from backend.workdir import Workdir
from leaderboard.benchmarks import Benchmark
from leaderboard.records import Request


class PredictionsEvaluator:
    """Scores a file of predictions; the work itself is in predictions_run.py."""

    def resources(self, request: Request, benchmark: Benchmark) -> Resources:
        """No needs of its own: the operator's limits hold."""
        return Resources()

    def run(self, workdir: Path) -> None:
        """Do the work."""
        name = "bundle_run" if Workdir(workdir).benchmark().bundle else "predictions_run"
        importlib.import_module(f"backend.evaluators.{name}").evaluate(workdir)
