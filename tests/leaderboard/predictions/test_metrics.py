"""Scores equal scikit-learn's and SciPy's own; standard errors are those of repeated sampling."""

from __future__ import annotations

import math
from typing import Any, get_args

import numpy as np
import pyarrow as pa
import pytest
import scipy.stats
import sklearn.metrics as sk

from leaderboard.benchmarks.challenge import LabelsFile, Metric, PredictionsRules
from leaderboard.benchmarks.predictions import TYPES
from leaderboard.errors import Unreadable
from leaderboard.predictions.labels import Labels
from leaderboard.predictions.metrics import EACH, WHOLE
from leaderboard.predictions.scoring import Scored, scores

N = 400
GENERATOR = np.random.default_rng(7)
CLASSES = ["cat", "dog", "owl"]
TRUE_CLASS = GENERATOR.choice(CLASSES, N)
SAID_CLASS = np.where(GENERATOR.random(N) < 0.6, TRUE_CLASS, GENERATOR.choice(CLASSES, N))
TRUE_NUMBER = GENERATOR.normal(size=N)
SAID_NUMBER = TRUE_NUMBER + GENERATOR.normal(size=N)
RIGHT = (TRUE_NUMBER > 0.3).astype(int)
CHANCE = 1 / (1 + np.exp(-SAID_NUMBER))
SHARES = GENERATOR.dirichlet([1, 1, 1], N)
GROUP = np.sort(GENERATOR.integers(0, 60, N))
RELEVANCE = GENERATOR.integers(0, 4, N)
COLUMNS = [
    {"name": "class", "type": "choice", "choices": CLASSES},
    {"name": "number", "type": "number"},
    {"name": "chance", "type": "number", "range": [0, 1]},
    *({"name": name, "type": "number", "range": [0, 1]} for name in CLASSES),
]
PREDICTIONS = {
    "class": pa.array(SAID_CLASS),
    "number": pa.array(SAID_NUMBER),
    "chance": pa.array(CHANCE),
    **{name: pa.array(SHARES[:, at]) for at, name in enumerate(CLASSES)},
}
LABELS = Labels(
    pa.array([f"{number}" for number in range(N)]),
    {
        "class": pa.array(TRUE_CLASS),
        "number": pa.array([repr(float(number)) for number in TRUE_NUMBER]),
        "right": pa.array([str(number) for number in RIGHT]),
        "group": pa.array([f"g{number}" for number in GROUP]),
        "relevance": pa.array([str(number) for number in RELEVANCE]),
    },
)


def ndcg(at: int | None) -> float:
    """The mean over groups; a group of one is always in order."""
    return float(
        np.mean(
            [
                sk.ndcg_score([RELEVANCE[rows]], [SAID_NUMBER[rows]], k=at) if len(rows) > 1 else 1.0
                for rows in (np.flatnonzero(group == GROUP) for group in np.unique(GROUP))
            ]
        )
    )


CLASSIFIED = {"prediction": "class", "label": "class"}
PROBABLE = {"prediction": "chance", "label": "right"}
NUMERIC = {"prediction": "number", "label": "number"}
RANKED = {"metric": "ndcg", "prediction": "number", "label": "relevance", "group": "group"}
OWL = {"average": "binary", "positive": "owl"}
EXPECTED: list[tuple[dict[str, Any], float]] = [
    ({"metric": "accuracy", **CLASSIFIED}, sk.accuracy_score(TRUE_CLASS, SAID_CLASS)),
    ({"metric": "exact_match", **CLASSIFIED}, sk.accuracy_score(TRUE_CLASS, SAID_CLASS)),
    ({"metric": "balanced_accuracy", **CLASSIFIED}, sk.balanced_accuracy_score(TRUE_CLASS, SAID_CLASS)),
    *(
        ({"metric": "f1", "average": average, **CLASSIFIED}, sk.f1_score(TRUE_CLASS, SAID_CLASS, average=average))
        for average in ("micro", "macro", "weighted")
    ),
    ({"metric": "f1", **OWL, **CLASSIFIED}, sk.f1_score(TRUE_CLASS == "owl", SAID_CLASS == "owl")),
    ({"metric": "precision", **OWL, **CLASSIFIED}, sk.precision_score(TRUE_CLASS == "owl", SAID_CLASS == "owl")),
    ({"metric": "recall", **CLASSIFIED}, sk.recall_score(TRUE_CLASS, SAID_CLASS, average="macro")),
    ({"metric": "log_loss", **PROBABLE}, sk.log_loss(RIGHT, CHANCE)),
    (
        {"metric": "log_loss", "prediction": CLASSES, "classes": CLASSES, "label": "class"},
        sk.log_loss(TRUE_CLASS, SHARES, labels=CLASSES),
    ),
    ({"metric": "brier", **PROBABLE}, sk.brier_score_loss(RIGHT, CHANCE)),
    ({"metric": "roc_auc", **PROBABLE}, sk.roc_auc_score(RIGHT, CHANCE)),
    ({"metric": "roc_auc", **PROBABLE, "positive": "0"}, sk.roc_auc_score(RIGHT == 0, CHANCE)),
    ({"metric": "average_precision", **PROBABLE}, sk.average_precision_score(RIGHT, CHANCE)),
    ({"metric": "mae", **NUMERIC}, sk.mean_absolute_error(TRUE_NUMBER, SAID_NUMBER)),
    ({"metric": "mse", **NUMERIC}, sk.mean_squared_error(TRUE_NUMBER, SAID_NUMBER)),
    ({"metric": "rmse", **NUMERIC}, sk.root_mean_squared_error(TRUE_NUMBER, SAID_NUMBER)),
    ({"metric": "r2", **NUMERIC}, sk.r2_score(TRUE_NUMBER, SAID_NUMBER)),
    ({"metric": "pearson", **NUMERIC}, scipy.stats.pearsonr(SAID_NUMBER, TRUE_NUMBER).statistic),
    ({"metric": "spearman", **NUMERIC}, scipy.stats.spearmanr(SAID_NUMBER, TRUE_NUMBER).statistic),
    ({"metric": "kendall", **NUMERIC}, scipy.stats.kendalltau(SAID_NUMBER, TRUE_NUMBER).statistic),
    (RANKED, ndcg(None)),
    ({**RANKED, "at": 3}, ndcg(3)),
]


def scored(metric: dict[str, Any], predictions: dict[str, pa.Array] = PREDICTIONS, labels: Labels = LABELS) -> Scored:
    """The score of one metric."""
    rules = PredictionsRules.model_validate(
        {"columns": COLUMNS, "labels": LabelsFile(file="labels.csv"), "metrics": {"it": metric}}
    )
    return dict(scores(rules, predictions, labels))["it"]


@pytest.mark.parametrize(("metric", "value"), EXPECTED, ids=[str(metric["metric"]) for metric, _ in EXPECTED])
def test_scores_are_those_of_the_libraries(metric: dict[str, Any], value: float) -> None:
    measured = scored(metric).measured
    assert measured.raw == pytest.approx(value, abs=1e-12)
    assert measured.n == (len(np.unique(GROUP)) if metric["metric"] == "ndcg" else N)
    assert measured.stderr is not None and 0 < measured.stderr < 0.3


def test_the_list_of_metrics_is_covered() -> None:
    assert {metric["metric"] for metric, _ in EXPECTED} == set(get_args(Metric)) == TYPES.keys()
    assert EACH.keys() | WHOLE.keys() == TYPES.keys() and not EACH.keys() & WHOLE.keys()


def test_errors_are_those_of_a_mean_or_of_a_bootstrap() -> None:
    equal = TRUE_CLASS == SAID_CLASS
    accuracy = scored({"metric": "accuracy", **CLASSIFIED}).measured.stderr
    assert accuracy == pytest.approx(equal.std(ddof=1) / math.sqrt(N))
    mse, rmse = (scored({"metric": name, **NUMERIC}).measured for name in ("mse", "rmse"))
    assert rmse.stderr == pytest.approx(mse.stderr / (2 * rmse.raw))
    generator = np.random.default_rng(1)
    draws = (generator.integers(0, N, N) for _ in range(500))
    spread = np.std([sk.roc_auc_score(RIGHT[draw], CHANCE[draw]) for draw in draws], ddof=1)
    assert scored({"metric": "roc_auc", **PROBABLE}).measured.stderr == pytest.approx(spread, rel=0.2)


def test_errors_of_many_examples_are_scaled(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = scored({"metric": "pearson", **NUMERIC}).measured.stderr
    monkeypatch.setattr("leaderboard.predictions.metrics.BOOTSTRAP_ROWS", 100)
    assert scored({"metric": "pearson", **NUMERIC}).measured.stderr == pytest.approx(whole, rel=0.3)


def test_what_is_not_defined_is_not_a_number() -> None:
    constant = {**PREDICTIONS, "number": pa.array(np.zeros(N))}
    measured = scored({"metric": "pearson", **NUMERIC}, constant).measured
    assert math.isnan(measured.raw) and measured.stderr is None
    assert scored({"metric": "f1", **OWL, **CLASSIFIED}, {"class": pa.array(["cat"] * N)}).measured.raw == 0


@pytest.mark.parametrize(
    ("metric", "column", "values", "reason"),
    [
        ({"metric": "accuracy", **CLASSIFIED}, "class", ["secret"], "a label in class is no value of the column class"),
        ({"metric": "accuracy", **CLASSIFIED}, "class", [None], "a label in class is empty"),
        ({"metric": "mae", **NUMERIC}, "number", ["secret"], "a label in number is not a finite number"),
        ({"metric": "roc_auc", **PROBABLE}, "right", ["secret"], "no label in right is the positive class"),
        ({"metric": "f1", **OWL, **CLASSIFIED}, "class", ["cat"], "no label in class is the positive class"),
        (
            {"metric": "log_loss", "prediction": CLASSES, "classes": CLASSES, "label": "class"},
            "class",
            ["secret"],
            "a label in class is none of the metric's classes",
        ),
    ],
)
def test_labels_that_cannot_be_used_are_named_without_their_values(
    metric: dict[str, Any], column: str, values: list[str | None], reason: str
) -> None:
    labels = Labels(pa.array(["0"]), {**LABELS.columns, column: pa.array(values, pa.string())})
    one = {name: array[:1] for name, array in PREDICTIONS.items()} | {"class": pa.array(["cat"])}
    with pytest.raises(Unreadable) as raised:
        scored(metric, one, labels)
    assert str(raised.value) == f"labels.csv cannot be read: the metric it cannot be computed: {reason}"
    assert raised.value.__cause__ is None and "secret" not in str(raised.value)


def test_labels_are_compared_in_the_type_of_the_predictions() -> None:
    rules = {"columns": [{"name": "v", "type": "integer", "range": [0, 1]}], "labels": {"file": "labels.csv"}}
    metrics = {"it": {"metric": "accuracy", "prediction": "v", "label": "y"}}
    labels = Labels(pa.array(["a", "b"]), {"y": pa.array(["+1", "007"])})
    [(_, result)] = scores(
        PredictionsRules.model_validate(rules | {"metrics": metrics}), {"v": pa.array([1, 7])}, labels
    )
    assert result.measured.raw == 1
