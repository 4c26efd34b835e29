"""What a job does, by kind of submission. Light to import: the scheduler uses it too."""

from __future__ import annotations

import importlib
from collections.abc import Iterable

from backend import Evaluator
from backend.evaluators.checkpoint import CheckpointEvaluator
from backend.evaluators.code import CodeEvaluator
from backend.evaluators.endpoint import EndpointEvaluator
from backend.evaluators.predictions import PredictionsEvaluator
from leaderboard.benchmarks import Benchmark
from leaderboard.records.submission import CODE

EVALUATORS: dict[str, type[Evaluator]] = {
    "checkpoint": CheckpointEvaluator,
    "predictions": PredictionsEvaluator,
    "code": CodeEvaluator,
    "endpoint": EndpointEvaluator,
}
"""Kind of submission -> what evaluates it. A worker claims requests of these kinds only."""
WARM = {
    "checkpoint": "backend.evaluators.warm",
    "predictions": "backend.evaluators.warm_scoring",
    "code": "backend.evaluators.warm_scoring",
    "endpoint": "backend.evaluators.warm",
}
"""Kind of submission -> the module that imports what its jobs need, once for all of them."""
NOT_ON = {"slurm": ("endpoint",)}
"""Executor -> kinds that it cannot run. The relay of an endpoint's job is a process beside it, on the worker."""
ABILITIES = "backend.abilities:AbilitiesProbe"
"""The job that finds out what a machine can do; named as in job.json, since importing it may take long."""
DATA_NEEDS = "backend.evaluators.needs:DataNeedsProbe"
"""The job that finds out which data a benchmark's tasks read."""


def starts_programs(kind: str, benchmark: Benchmark) -> bool:
    """Whether a job of this kind runs programs of strangers: submitted code, or what a competition bundle holds."""
    return kind == CODE or benchmark.bundle is not None


def kinds_on(executor: str) -> list[str]:
    """The kinds that a worker evaluates whose jobs run there (PODIUM_EXECUTOR)."""
    return [kind for kind in EVALUATORS if kind not in NOT_ON.get(executor, ())]


def preload(benchmarks: Iterable[Benchmark]) -> list[str]:
    """The modules to import once before jobs of these benchmarks: a board of uploads alone needs no torch."""
    return sorted({WARM[kind] for benchmark in benchmarks for kind in benchmark.kinds})


def evaluator_name(evaluator: type[Evaluator]) -> str:
    """How job.json names it: `module:Class`."""
    return f"{evaluator.__module__}:{evaluator.__qualname__}"


def load_evaluator(name: str) -> Evaluator:
    """The Evaluator that `module:Class` names."""
    module, _, attribute = name.partition(":")
    evaluator: Evaluator = getattr(importlib.import_module(module), attribute)()
    return evaluator
