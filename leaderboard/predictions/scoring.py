"""Scores of checked predictions against the labels, by the benchmark's metrics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from leaderboard.benchmarks.challenge import PredictionColumn, PredictionMetric, PredictionsRules
from leaderboard.errors import Unreadable
from leaderboard.predictions.labels import Labels
from leaderboard.predictions.metrics import Pairs, Values, measure
from leaderboard.predictions.values import check
from leaderboard.statistics.scores import Measured

CLASSIFYING = ("accuracy", "balanced_accuracy", "exact_match", "f1", "precision", "recall")
PROBABLE = ("log_loss", "brier", "roc_auc", "average_precision")
NUMERIC = PredictionColumn(name="label", type="number")


class Scored(NamedTuple):
    """One metric's score."""

    metric: PredictionMetric
    measured: Measured
    each: Values | None
    """The score of each example; None where the score is no mean of them."""


def scores(
    rules: PredictionsRules, predictions: Mapping[str, pa.Array], labels: Labels
) -> Iterator[tuple[str, Scored]]:
    """Each metric's key and score. Both sides are in the order of `labels.ids`.

    Raises Unreadable for labels that a metric cannot use; it names no label.
    """
    assert rules.labels is not None
    columns = {column.name: column for column in rules.columns}
    for key, metric in rules.metrics.items():
        try:
            pairs, positive = _pairs(metric, columns, predictions, labels)
        except ValueError as error:
            raise Unreadable(rules.labels.file, f"the metric {key} cannot be computed: {error}") from None
        yield key, Scored(metric, *measure(metric, pairs, positive))


def _pairs(
    metric: PredictionMetric,
    columns: Mapping[str, PredictionColumn],
    predictions: Mapping[str, pa.Array],
    labels: Labels,
) -> tuple[Pairs, int]:
    """What the metric compares, as numbers, and the number of the positive class. Raises ValueError."""
    label = labels.columns[metric.label]
    if label.null_count:
        raise ValueError(f"a label in {metric.label} is empty")
    if isinstance(metric.prediction, list):
        matrix = np.column_stack([_numbers(predictions[name]) for name in metric.prediction])
        return Pairs(matrix, _classes(label, metric.classes, metric.label)), 1
    predicted = predictions[metric.prediction]
    if metric.metric in CLASSIFYING:
        return _class_numbers(metric, columns[metric.prediction], predicted, label)
    if metric.metric in PROBABLE:
        positive = _is_positive(metric, label)
        return Pairs(_numbers(predicted), positive), 1
    group = None
    if metric.group:
        group = np.asarray(pc.fill_null(labels.columns[metric.group].dictionary_encode().indices, -1))
    return Pairs(_numbers(predicted), _checked(NUMERIC, label, metric.label), group), 1


def _class_numbers(
    metric: PredictionMetric, column: PredictionColumn, predicted: pa.Array, label: pa.Array
) -> tuple[Pairs, int]:
    """Predicted and right classes as numbers of one list of classes."""
    right = check(column.model_copy(update={"range": None}), label)
    if any(found.any() for found in right.wrong.values()):
        raise ValueError(f"a label in {metric.label} is no value of the column {column.name}")
    both = pa.concat_arrays([predicted.cast(pa.string()), right.values.cast(pa.string())]).dictionary_encode()
    numbers = np.asarray(both.indices)
    classes = both.dictionary.to_pylist()
    if metric.average == "binary" and metric.positive not in classes:
        raise ValueError(f"no label in {metric.label} is the positive class")
    positive = classes.index(metric.positive) if metric.positive in classes else -1
    return Pairs(numbers[: len(predicted)], numbers[len(predicted) :]), positive


def _classes(label: pa.Array, classes: list[str], name: str) -> Values:
    places = pc.index_in(label, value_set=pa.array(classes, pa.string()))
    if places.null_count:
        raise ValueError(f"a label in {name} is none of the metric's classes")
    return np.asarray(places)


def _is_positive(metric: PredictionMetric, label: pa.Array) -> Values:
    positive = np.asarray(pc.equal(label, metric.positive).to_numpy(zero_copy_only=False), dtype=np.int64)
    if not positive.any():
        raise ValueError(f"no label in {metric.label} is the positive class")
    return positive


def _checked(column: PredictionColumn, values: pa.Array, name: str) -> Values:
    checked = check(column, values)
    if any(found.any() for found in checked.wrong.values()):
        raise ValueError(f"a label in {name} is not a finite number")
    return _numbers(checked.values)


def _numbers(values: pa.Array) -> Values:
    return np.asarray(values.to_numpy(zero_copy_only=False), dtype=np.float64)
