"""Scores of a package: what the benchmark's metrics say of its answers, and whether nearly all of them are the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from backend.evaluators.code_run.answers import Answer
from backend.failures import JobFailed
from leaderboard.benchmarks.challenge import CodeRules, PredictionMetric
from leaderboard.predictions.metrics import Pairs, measure
from leaderboard.records import Fault
from leaderboard.statistics.scores import Measured

NEARLY_ALL = 0.99
FEWEST = 10
"""Answers below which nothing is said about their being the same."""
SAME_DIGITS = 6


class Alike(NamedTuple):
    """Answers that are nearly all the same."""

    share: float
    """Of the most frequent answer."""
    answers: int


def measured(rules: CodeRules, labels: Sequence[Answer], answers: Sequence[Answer]) -> dict[str, Measured]:
    """Every metric of the benchmark by its key. Arrays count number by number. Raises JobFailed."""
    try:
        pairs = Pairs(_row(answers), _row(labels))
        return {key: measure(_metric(rules, name), pairs)[0] for key, name in rules.metrics.items()}
    except (ValueError, TypeError) as error:
        raise JobFailed(
            "benchmark_data",
            "The benchmark's metrics do not fit its labels. Nothing is wrong with the submission.",
            Fault.INFRASTRUCTURE,
        ) from error


def alike(answers: Sequence[Answer]) -> Alike | None:
    """Whether nearly all answers are the same; None when they are not, or too few to say."""
    if len(answers) < FEWEST:
        return None
    [(_, most)] = Counter(map(_rounded, answers)).most_common(1)
    return Alike(most / len(answers), len(answers)) if most >= NEARLY_ALL * len(answers) else None


def _metric(rules: CodeRules, name: str) -> PredictionMetric:
    return PredictionMetric.model_validate({"metric": name, "prediction": rules.prediction, "label": rules.label})


def _row(values: Sequence[Answer]) -> npt.NDArray[Any]:
    """Texts, or all numbers in one row. Raises ValueError where there is nothing."""
    if not values:
        raise ValueError("there is nothing to score")
    if isinstance(values[0], str):
        return np.array(values)
    return np.concatenate([np.asarray(value, np.float64).reshape(-1) for value in values])


def _rounded(answer: Answer) -> Any:
    """Equal for answers that count as the same."""
    if isinstance(answer, str):
        return answer
    if isinstance(answer, np.ndarray):
        return (answer.shape, np.round(answer, SAME_DIGITS).tobytes())
    return round(answer, SAME_DIGITS)
