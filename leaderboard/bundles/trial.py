"""A bundle's sample solutions, run on a copy of the benchmark that it would become."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from leaderboard.benchmarks import Benchmark
from leaderboard.bundles.adding import add_bundle
from leaderboard.bundles.reading import BundleReading
from leaderboard.errors import BadBenchmark

SolutionRunner = Callable[[Benchmark, Path], list[str]]
"""Runs the sample solutions of a benchmark with its private folder, and says what is wrong with them."""


def try_solutions(reading: BundleReading, benchmark_id: str, run: SolutionRunner) -> int:
    """How many solutions were run, each with a score. Raises BadBenchmark with a sentence for every one without."""
    if reading.bundle is None or not reading.bundle.rules.solutions:
        return 0
    with tempfile.TemporaryDirectory(prefix="podium-trial-") as folder:
        benchmarks, private = Path(folder) / "benchmarks", Path(folder) / "private"
        benchmarks.mkdir()
        problems = run(add_bundle(reading, benchmark_id, benchmarks, private), private)
    if problems:
        raise BadBenchmark(problems)
    return len(reading.bundle.rules.solutions)
