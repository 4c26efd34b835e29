"""What the organiser says: benchmarks, read from YAML files and checked as a whole."""

from leaderboard.benchmarks.load import load_benchmark, load_benchmarks
from leaderboard.benchmarks.schema import (
    Benchmark,
    Column,
    Harness,
    Limits,
    ModelReport,
    Part,
    Policy,
    Quota,
    Refused,
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
    "Refused",
    "Track",
    "load_benchmark",
    "load_benchmarks",
]
