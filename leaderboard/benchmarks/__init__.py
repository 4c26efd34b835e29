"""What the organiser says: benchmarks, read from YAML files and checked as a whole."""

from leaderboard.benchmarks.load import as_shown, choose_benchmark, load_benchmark, load_benchmarks
from leaderboard.benchmarks.schema import (
    Benchmark,
    Column,
    Harness,
    Limits,
    ModelReport,
    Part,
    Policy,
    Quota,
    RefusedModel,
    Track,
)

__all__ = [
    "Benchmark",
    "Column",
    "Harness",
    "Limits",
    "ModelReport",
    "Part",
    "Policy",
    "Quota",
    "RefusedModel",
    "Track",
    "as_shown",
    "choose_benchmark",
    "load_benchmark",
    "load_benchmarks",
]
