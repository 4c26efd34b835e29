"""What is wrong between the fields of a benchmark's rules for predictions that are right one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import get_args

from leaderboard.benchmarks.challenge import Format, PredictionColumn, PredictionMetric, PredictionsRules
from leaderboard.benchmarks.schema import Benchmark
from leaderboard.benchmarks.yaml_lines import Place

CLASSES = ("choice", "boolean", "integer", "string")
NUMBERS = ("number", "integer")
TYPES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("accuracy", "balanced_accuracy", "exact_match", "f1", "precision", "recall"), CLASSES),
    **dict.fromkeys(("log_loss", "brier", "roc_auc", "average_precision"), NUMBERS),
    **dict.fromkeys(("mae", "mse", "rmse", "r2", "pearson", "spearman", "kendall", "ndcg"), NUMBERS),
}
"""Metric -> types of the columns that it compares."""
PROBABILITIES = ("log_loss", "brier")
"""Metrics of numbers from 0 to 1."""
LOWER_IS_BETTER = ("log_loss", "brier", "mae", "mse", "rmse")


def predictions_disagree(benchmark: Benchmark) -> Iterator[tuple[Place, str]]:
    """What is wrong in `predictions`, and between it and the board's columns."""
    rules = benchmark.predictions
    if rules is None:
        if "predictions" in benchmark.kinds:
            yield ("kinds",), "The kind 'predictions' needs `predictions`: what a file holds and how it is scored."
        return
    yield from _parts_missing(rules, benchmark.bundle is not None)
    if rules.labels is not None and PurePosixPath(rules.labels.file).suffix[1:] not in get_args(Format):
        yield (
            ("predictions", "labels", "file"),
            f"{rules.labels.file!r} is in none of the known formats. Its name ends in .csv, .jsonl or .parquet.",
        )
    yield from _columns_disagree(rules)
    for key, metric in rules.metrics.items():
        for sentence in _metric_disagrees(metric, {column.name: column for column in rules.columns}):
            yield ("predictions", "metrics", key), sentence
    if rules.metrics:
        yield from _scores_disagree(benchmark, rules)


def _parts_missing(rules: PredictionsRules, has_bundle: bool) -> Iterator[tuple[Place, str]]:
    """Rules that say only half of what scoring needs."""
    parts = {"labels": rules.labels is not None, "columns": bool(rules.columns), "metrics": bool(rules.metrics)}
    if has_bundle and not rules.metrics:
        parts.pop("metrics")  # the bundle's program scores
    if has_bundle and not any(parts.values()):
        return
    for name, given in parts.items():
        if not given:
            yield (
                ("predictions",),
                f"`predictions.{name}` is missing. A file cannot be checked and scored without it.",
            )


def _columns_disagree(rules: PredictionsRules) -> Iterator[tuple[Place, str]]:
    names = Counter([*rules.id, *(column.name for column in rules.columns)])
    for index, name in enumerate(rules.id):
        if names[name] > 1:
            yield ("predictions", "id", index), f"The column {name!r} is named twice. Keep one of them."
    for index, column in enumerate(rules.columns):
        where: Place = ("predictions", "columns", index)
        if names[column.name] > 1 and column.name not in rules.id:
            yield where, f"The column {column.name!r} is named twice. Keep one of them."
        if (column.type == "choice") != bool(column.choices):
            yield where, f"{column.name!r}: a column of the type `choice` has `choices`, and no other one has."
        if column.range is not None and column.type not in NUMBERS:
            yield where, f"{column.name!r}: only columns of the types `number` and `integer` have a `range`."
        if column.range is not None and column.range[0] > column.range[1]:
            yield where, f"{column.name!r}: the first number of `range` is above the second. Exchange them."


def _metric_disagrees(metric: PredictionMetric, columns: dict[str, PredictionColumn]) -> Iterator[str]:
    """What is wrong with one metric."""
    names = [metric.prediction] if isinstance(metric.prediction, str) else metric.prediction
    for name in names:
        column = columns.get(name)
        if column is None:
            yield f"There is no column {name!r} in `predictions.columns`. There are: {', '.join(columns) or 'none'}."
            continue
        if column.type not in TYPES[metric.metric]:
            yield (
                f"{metric.metric} compares columns of the types {', '.join(TYPES[metric.metric])}; {name!r} is of the "
                f"type {column.type}."
            )
        if column.empty or not column.required:
            yield f"{metric.metric} reads {name!r}: `empty` has to be false and `required` true there."
        low, high = column.range or (-1.0, 2.0)
        if metric.metric in PROBABILITIES and not 0 <= low <= high <= 1:
            yield f"{metric.metric} is about probabilities: write `range: [0, 1]` in the column {name!r}."
    if not isinstance(metric.prediction, str) and metric.metric != "log_loss":
        yield f"{metric.metric} reads one column. Only `log_loss` reads several."
    if (not isinstance(metric.prediction, str) or metric.classes) and len(names) != len(metric.classes):
        yield "`log_loss` over several columns needs `classes`: the label of each column, in their order."
    if metric.metric == "ndcg" and not metric.group:
        yield "`ndcg` needs `group`: the labels' column that says which examples are ranked together."


def _scores_disagree(benchmark: Benchmark, rules: PredictionsRules) -> Iterator[tuple[Place, str]]:
    """Columns of the board whose score no metric makes, or that rank it the wrong way round."""
    for index, column in enumerate(benchmark.columns):
        metric = rules.metrics.get(column.score)
        if metric is None and column.score and benchmark.kinds == ["predictions"]:
            known = ", ".join(rules.metrics)
            yield (
                ("columns", index, "score"),
                f"No metric of `predictions.metrics` has the key {column.score!r}. There are: {known}.",
            )
        if metric is not None and column.higher_is_better == (metric.metric in LOWER_IS_BETTER):
            yield (
                ("columns", index),
                f"In {metric.metric} {'lower' if column.higher_is_better else 'higher'} is better. "
                f"Write `higher_is_better: {str(not column.higher_is_better).lower()}`.",
            )
