"""The metrics of scikit-learn and SciPy over predictions and labels, each with its standard error.

A mean over examples has the error of a mean. Others have that of a bootstrap: of at most BOOTSTRAP_ROWS examples at a
time, which is scaled to the number of all (such errors fall with the root of the number).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import scipy.stats
import sklearn.metrics

from leaderboard.benchmarks.challenge import PredictionMetric
from leaderboard.statistics.scores import Measured

Values = np.ndarray[Any, np.dtype[Any]]

BOOTSTRAPS = 200
BOOTSTRAP_ROWS = 20_000
SEED = 0
SMALLEST_PROBABILITY = float(np.finfo(np.float64).eps)
"""A right answer is given at least this probability, as in scikit-learn, so that a log loss is finite."""


class Pairs(NamedTuple):
    """Predictions and labels of the same examples."""

    predicted: Values
    """Numbers, class numbers, or a column of probabilities for each class."""
    label: Values
    """Numbers, class numbers, or whether it is the positive class."""
    group: Values | None = None
    """Number of the group of each example, for rankings."""

    def rows(self, chosen: Values) -> Pairs:
        """Only some of the examples."""
        return Pairs(self.predicted[chosen], self.label[chosen], None if self.group is None else self.group[chosen])


Whole = Callable[[PredictionMetric, Pairs, int], float]
"""A score of all examples at once, given the number of the positive class."""


def measure(metric: PredictionMetric, pairs: Pairs, positive: int = 1) -> tuple[Measured, Values | None]:
    """The score with its error, and each example's where it is a mean of them. A score may be undefined: NaN.

    `positive`: the class number that binary metrics are about.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of undefined scores, which NaN or the metric's own convention says
        if metric.metric in EACH:
            each = np.asarray(EACH[metric.metric](metric, pairs), dtype=np.float64)
            return _of_mean(metric, each), each
        whole = WHOLE[metric.metric]
        value = _number(whole, metric, pairs, positive)
        error = _bootstrap(whole, metric, pairs, positive) if math.isfinite(value) else None
        return Measured(value, error, len(pairs.label)), None


def _of_mean(metric: PredictionMetric, each: Values) -> Measured:
    """The mean of examples (for rmse its root) and its error."""
    mean, number = float(each.mean()), len(each)
    error = float(each.std(ddof=1)) / math.sqrt(number) if number > 1 else None
    if metric.metric != "rmse":
        return Measured(mean, error, number)
    root = math.sqrt(mean)
    return Measured(root, error / (2 * root) if error is not None and root else error, number)


def _bootstrap(whole: Whole, metric: PredictionMetric, pairs: Pairs, positive: int) -> float | None:
    number = len(pairs.label)
    size = min(number, BOOTSTRAP_ROWS)
    generator = np.random.default_rng(SEED)
    draws = (pairs.rows(generator.integers(0, number, size)) for _ in range(BOOTSTRAPS))
    values = np.array([_number(whole, metric, draw, positive) for draw in draws])
    values = values[np.isfinite(values)]
    return float(values.std(ddof=1)) * math.sqrt(size / number) if len(values) > BOOTSTRAPS // 2 else None


def _number(whole: Whole, metric: PredictionMetric, pairs: Pairs, positive: int) -> float:
    """The score; NaN where it is not defined for these examples."""
    try:
        return float(whole(metric, pairs, positive))
    except ValueError:  # one class only, or a single example
        return math.nan


# --- scores of examples, whose mean is the score


def _equal(metric: PredictionMetric, pairs: Pairs) -> Values:
    return np.asarray(pairs.predicted == pairs.label)


def _log_loss(metric: PredictionMetric, pairs: Pairs) -> Values:
    if pairs.predicted.ndim == 1:
        right = np.where(pairs.label == 1, pairs.predicted, 1 - pairs.predicted)
    else:
        shares = np.clip(pairs.predicted, SMALLEST_PROBABILITY, None)
        right = shares[np.arange(len(shares)), pairs.label] / shares.sum(axis=1)
    return np.asarray(-np.log(np.clip(right, SMALLEST_PROBABILITY, 1)))


def _absolute(metric: PredictionMetric, pairs: Pairs) -> Values:
    return np.asarray(np.abs(pairs.predicted - pairs.label))


def _squared(metric: PredictionMetric, pairs: Pairs) -> Values:
    return np.asarray(np.square(pairs.predicted - pairs.label))


def _ndcg(metric: PredictionMetric, pairs: Pairs) -> Values:
    """A score for each group. One of a single example cannot be ranked wrongly."""
    assert pairs.group is not None
    order = np.argsort(pairs.group, kind="stable")
    bounds = np.flatnonzero(np.diff(pairs.group[order])) + 1
    return np.array(
        [
            1.0
            if len(rows) == 1
            else sklearn.metrics.ndcg_score([pairs.label[rows]], [pairs.predicted[rows]], k=metric.at)
            for rows in np.split(order, bounds)
        ]
    )


# --- scores of all examples at once


def _averaged(score: Callable[..., float]) -> Whole:
    def scored(metric: PredictionMetric, pairs: Pairs, positive: int) -> float:
        binary = metric.average == "binary"
        options = {"labels": [positive], "average": "macro"} if binary else {"average": metric.average}
        return score(pairs.label, pairs.predicted, zero_division=0, **options)

    return scored


def _plain(score: Callable[[Values, Values], float]) -> Whole:
    return lambda metric, pairs, positive: score(pairs.label, pairs.predicted)


def _statistic(test: Callable[[Values, Values], Any]) -> Whole:
    return lambda metric, pairs, positive: test(pairs.predicted, pairs.label).statistic


EACH: dict[str, Callable[[PredictionMetric, Pairs], Values]] = {
    "accuracy": _equal,
    "exact_match": _equal,
    "log_loss": _log_loss,
    "brier": _squared,
    "mae": _absolute,
    "mse": _squared,
    "rmse": _squared,
    "ndcg": _ndcg,
}
WHOLE: dict[str, Whole] = {
    "balanced_accuracy": _plain(sklearn.metrics.balanced_accuracy_score),
    "f1": _averaged(sklearn.metrics.f1_score),
    "precision": _averaged(sklearn.metrics.precision_score),
    "recall": _averaged(sklearn.metrics.recall_score),
    "roc_auc": _plain(sklearn.metrics.roc_auc_score),
    "average_precision": _plain(sklearn.metrics.average_precision_score),
    "r2": _plain(sklearn.metrics.r2_score),
    "pearson": _statistic(scipy.stats.pearsonr),
    "spearman": _statistic(scipy.stats.spearmanr),
    "kendall": _statistic(scipy.stats.kendalltau),
}
