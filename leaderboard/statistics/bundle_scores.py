"""From what a bundle's scoring programs wrote, task by task, to the scores that the columns of its benchmark name."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from leaderboard.benchmarks.bundle_rules import BundlePhase, BundleRules, Operation


def _sum(values: Sequence[float]) -> float:
    try:
        return math.fsum(values)
    except OverflowError:
        return math.inf


OPERATIONS: dict[Operation, Callable[[Sequence[float]], float]] = {
    "sum": _sum,
    "avg": lambda values: _sum(values) / len(values),
    "min": min,
    "max": max,
}


def board_scores(
    bundle: BundleRules, phase: BundlePhase, by_task: Mapping[int, Mapping[str, float]]
) -> dict[str, float]:
    """Scores by the keys that columns name, from the scores that the programs wrote, by task index.

    A key alone is the mean over the phase's tasks. Of what is missing or not finite in one of them, nothing is made.
    """
    written = {task: _finite(by_task.get(task, {})) for task in phase.tasks}
    everywhere = set.intersection(*(set(scores) for scores in written.values()))
    means = {key: OPERATIONS["avg"]([scores[key] for scores in written.values()]) for key in sorted(everywhere)}
    singles = {}
    for single in bundle.task_scores:
        own = computed_scores(bundle, written.get(single.task, {}))
        if single.of in own:
            singles[single.score] = own[single.of]
    return {**computed_scores(bundle, _finite(means)), **singles}


def computed_scores(bundle: BundleRules, scores: Mapping[str, float]) -> dict[str, float]:
    """`scores` and those that are computed from them; a computed score that a program wrote itself is left out."""
    computed = {made.score for made in bundle.computed}
    every = {key: value for key, value in _finite(scores).items() if key not in computed}
    for made in bundle.computed:
        values = [every[key] for key in made.of if key in every]
        if len(values) == len(made.of) and math.isfinite(value := OPERATIONS[made.operation](values)):
            every[made.score] = value
    return every


def _finite(scores: Mapping[str, float]) -> dict[str, float]:
    return {key: value for key, value in scores.items() if math.isfinite(value)}
