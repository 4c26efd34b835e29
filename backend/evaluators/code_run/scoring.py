"""Scores of a package: what the benchmark's metrics say of its answers, and whether it answered at all differently."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from backend.evaluators.code_run.answers import Answer
from backend.failures import JobFailed
from leaderboard.benchmarks.challenge import CodeMetric, CodeRules
from leaderboard.records import Fault
from leaderboard.statistics.scores import Measured

Numbers = npt.NDArray[np.float64]
EPSILON = 1e-7
"""Probabilities are kept this far from 0 and 1 for `log_loss`."""
NEARLY_ALL = 0.99
FEWEST = 10
"""Answers below which nothing is said about their being alike."""
SAME_DIGITS = 6


class Alike(NamedTuple):
    """Answers that are nearly all the same."""

    share: float
    """Of the most frequent answer."""
    answers: int


def measured(rules: CodeRules, labels: Sequence[Answer], answers: Sequence[Answer]) -> dict[str, Measured]:
    """Every metric of the benchmark by its key. Arrays count number by number. Raises JobFailed."""
    try:
        return {key: _measured(metric, labels, answers) for key, metric in rules.metrics.items()}
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


def _rounded(answer: Answer) -> Any:
    if isinstance(answer, str):
        return answer
    if isinstance(answer, np.ndarray):
        return (answer.shape, np.round(answer, SAME_DIGITS).tobytes())
    return round(answer, SAME_DIGITS)


def _measured(metric: CodeMetric, labels: Sequence[Answer], answers: Sequence[Answer]) -> Measured:
    if metric == "accuracy":
        return _mean(np.array([_is_right(label, answer) for label, answer in zip(labels, answers, strict=True)], float))
    right, given = _numbers(labels), _numbers(answers)
    if metric == "roc_auc":
        return Measured(_roc_auc(right, given), None, len(right))
    if metric == "rmse":
        squares = _mean((given - right) ** 2)
        root = math.sqrt(squares.raw)
        error = squares.stderr / (2 * root) if squares.stderr is not None and root else None
        return Measured(root, error, squares.n)
    return _mean(EACH[metric](right, given))


def _is_right(label: Answer, answer: Answer) -> bool:
    if isinstance(label, np.ndarray):
        return bool(np.array_equal(label, answer))
    return label == answer


def _numbers(values: Sequence[Answer]) -> Numbers:
    """All numbers in one row. Raises ValueError where there are texts or none at all."""
    rows = [np.asarray(value, np.float64).reshape(-1) for value in values]
    numbers = np.concatenate(rows)
    if not numbers.size:
        raise ValueError("there is nothing to score")
    return numbers


def _mean(each: Numbers) -> Measured:
    if not each.size:
        raise ValueError("there is nothing to score")
    error = float(each.std(ddof=1) / math.sqrt(each.size)) if each.size > 1 else None
    return Measured(float(each.mean()), error, each.size)


def _log_losses(right: Numbers, given: Numbers) -> Numbers:
    chance = np.clip(given, EPSILON, 1 - EPSILON)
    losses: Numbers = -(right * np.log(chance) + (1 - right) * np.log1p(-chance))
    return losses


def _roc_auc(right: Numbers, given: Numbers) -> float:
    """The share of pairs of a 1 and a 0 that are in the right order, ties counted half; 0.5 with one class only."""
    positive = right > 0.5
    ones, zeros = int(positive.sum()), int((~positive).sum())
    if not ones or not zeros:
        return 0.5
    _, places, counts = np.unique(given, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]
    return float((ranks[positive].sum() - ones * (ones + 1) / 2) / (ones * zeros))


EACH: dict[str, Callable[[Numbers, Numbers], Numbers]] = {
    "brier": lambda right, given: (given - right) ** 2,
    "log_loss": _log_losses,
    "mae": lambda right, given: np.abs(given - right),
    "mse": lambda right, given: (given - right) ** 2,
}
"""Metrics that are the mean of one number for each answer."""
