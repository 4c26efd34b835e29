"""Evaluates a hosted model with the harness. Light to import: the scheduler uses it too."""

from __future__ import annotations

import importlib
from pathlib import Path

from backend import Resources
from leaderboard.benchmarks import Benchmark
from leaderboard.records import Request


class EndpointEvaluator:
    """Evaluates a hosted model with the harness; the work itself is in backend/evaluators/hosted/."""

    def resources(self, request: Request, benchmark: Benchmark) -> Resources:
        """No needs of its own: the operator's limits hold."""
        return Resources()

    def run(self, workdir: Path) -> None:
        """Do the work."""
        importlib.import_module("backend.evaluators.hosted.run").evaluate(workdir)
