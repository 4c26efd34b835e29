"""Evaluates a checkpoint with the harness. Light to import: the scheduler uses it too, and has no need of torch."""

from __future__ import annotations

import importlib
from pathlib import Path

from backend import Resources
from leaderboard.benchmarks import Benchmark
from leaderboard.records import Precision, Problem, Request, Submission, WeightType

QUANTISED = (Precision.INT8, Precision.INT4, Precision.GPTQ)


class CheckpointEvaluator:
    """Runs lm-eval on a checkpoint of the Hub; the work itself is in harness.py."""

    def check(self, submission: Submission, benchmark: Benchmark) -> list[Problem]:
        """Combinations that cannot be evaluated anywhere. What a worker's hardware refuses is in its Abilities."""
        if submission.weight_type is WeightType.DELTA and submission.precision in QUANTISED:
            return [
                Problem(
                    code="delta_quantised",
                    field="precision",
                    message=f"A delta cannot be added to its base model in {submission.precision.value}.",
                    fix="Choose float16, bfloat16 or float32.",
                )
            ]
        return []

    def resources(self, request: Request, benchmark: Benchmark) -> Resources:
        """No needs of its own: the operator's limits hold."""
        return Resources()

    def run(self, workdir: Path) -> None:
        """Evaluate, and write results and details. Imports torch and the harness, unless a forkserver has."""
        importlib.import_module("backend.evaluators.harness").evaluate(workdir)
