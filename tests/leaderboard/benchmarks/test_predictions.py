"""Rules for predictions that contradict themselves or the board's columns are refused, each with a sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from leaderboard.benchmarks import load_benchmark
from leaderboard.errors import BadBenchmark

GOOD: dict[str, Any] = {
    "id": "quiz",
    "version": "1",
    "title": "Quiz",
    "description": "",
    "kinds": ["predictions"],
    "columns": [{"key": "acc", "title": "Accuracy", "score": "acc"}],
    "predictions": {
        "columns": [
            {"name": "answer", "type": "choice", "choices": ["a", "b"]},
            {"name": "p", "type": "number", "range": [0, 1]},
        ],
        "labels": {"file": "labels.csv"},
        "metrics": {"acc": {"metric": "accuracy", "prediction": "answer", "label": "answer"}},
    },
}


def said(folder: Path, **changes: Any) -> list[str]:
    """The sentences about a benchmark whose rules are changed; none when it is good."""
    rules = {key: value for key, value in {**GOOD["predictions"], **changes}.items() if value is not None}
    return said_of(folder, {**GOOD, "predictions": rules})


def said_of(folder: Path, benchmark: dict[str, Any]) -> list[str]:
    (folder / "quiz.yaml").write_text(yaml.safe_dump(benchmark))
    try:
        load_benchmark(folder / "quiz.yaml")
    except BadBenchmark as error:
        return [line.split(": ", 1)[1] for line in error.lines]
    return []


def metric(**changes: Any) -> dict[str, Any]:
    return {"acc": {"metric": "accuracy", "prediction": "answer", "label": "answer", **changes}}


def column(**changes: Any) -> list[dict[str, Any]]:
    return [{**GOOD["predictions"]["columns"][0], **changes}, GOOD["predictions"]["columns"][1]]


CASES: list[tuple[dict[str, Any], str]] = [
    ({"labels": None}, "`predictions.labels` is missing. A file cannot be checked and scored without it."),
    ({"metrics": None}, "`predictions.metrics` is missing. A file cannot be checked and scored without it."),
    (
        {"labels": {"file": "labels.xlsx"}},
        "'labels.xlsx' is in none of the known formats. Its name ends in .csv, .jsonl or .parquet.",
    ),
    (
        {"labels": {"file": "../labels.csv"}},
        "`predictions.labels.file`: It has to be a relative path without `..` (got '../labels.csv').",
    ),
    ({"id": ["id", "id"]}, "The column 'id' is named twice. Keep one of them."),
    ({"columns": column(name="p")}, "The column 'p' is named twice. Keep one of them."),
    (
        {"columns": column(choices=[])},
        "'answer': a column of the type `choice` has `choices`, and no other one has.",
    ),
    (
        {"columns": column(range=[0, 1])},
        "'answer': only columns of the types `number` and `integer` have a `range`.",
    ),
    (
        {"columns": column(type="integer", choices=[], range=[2, 1])},
        "'answer': the first number of `range` is above the second. Exchange them.",
    ),
    ({"columns": column(empty=True)}, "accuracy reads 'answer': `empty` has to be false and `required` true there."),
    (
        {"columns": column(required=False)},
        "accuracy reads 'answer': `empty` has to be false and `required` true there.",
    ),
    (
        {"metrics": metric(prediction="answers")},
        "There is no column 'answers' in `predictions.columns`. There are: answer, p.",
    ),
    (
        {"metrics": metric(prediction="p")},
        "accuracy compares columns of the types choice, boolean, integer, string; 'p' is of the type number.",
    ),
    ({"metrics": metric(prediction=["answer", "answer"], classes=["a", "b"])}, "accuracy reads one column."),
    (
        {
            "columns": [{"name": "p", "type": "number"}],
            "metrics": {"acc": {"metric": "brier", "prediction": "p", "label": "y"}},
        },
        "brier is about probabilities: write `range: [0, 1]` in the column 'p'.",
    ),
    (
        {"metrics": {"acc": {"metric": "log_loss", "prediction": ["p", "p"], "label": "y", "classes": ["a"]}}},
        "`log_loss` over several columns needs `classes`: the label of each column, in their order.",
    ),
    (
        {"metrics": {"acc": {"metric": "ndcg", "prediction": "p", "label": "y"}}},
        "`ndcg` needs `group`: the labels' column that says which examples are ranked together.",
    ),
    (
        {"metrics": {"acc": {"metric": "brier", "prediction": "p", "label": "y"}}},
        "In brier lower is better. Write `higher_is_better: false`.",
    ),
    (
        {"metrics": {"other": GOOD["predictions"]["metrics"]["acc"]}},
        "No metric of `predictions.metrics` has the key 'acc'. There are: other.",
    ),
]


def test_a_good_one_is_taken(tmp_path: Path) -> None:
    assert said(tmp_path) == []


@pytest.mark.parametrize(("changes", "sentence"), CASES)
def test_contradictions_are_said(changes: dict[str, Any], sentence: str, tmp_path: Path) -> None:
    assert any(each.startswith(sentence) for each in said(tmp_path, **changes)), said(tmp_path, **changes)


def test_a_direction_that_is_declared_the_wrong_way_is_said(tmp_path: Path) -> None:
    downwards = {**GOOD, "columns": [{**GOOD["columns"][0], "higher_is_better": False}]}
    assert said_of(tmp_path, downwards) == ["In accuracy higher is better. Write `higher_is_better: true`."]


def test_the_kind_needs_its_rules(tmp_path: Path) -> None:
    bare = {key: value for key, value in GOOD.items() if key != "predictions"}
    sentence = "The kind 'predictions' needs `predictions`: what a file holds and how it is scored."
    assert said_of(tmp_path, bare) == [sentence]


def test_a_bundle_may_score_and_leave_the_rules_out(tmp_path: Path) -> None:
    task = {"index": 0, "name": "Pairs", "scoring_program": "scoring"}
    phase = {"track": "open", "name": "Only", "tasks": [0]}
    bundled = {**GOOD, "bundle": {"folder": "bundle", "tasks": [task], "phases": [phase]}}
    assert said_of(tmp_path, {**bundled, "predictions": {"max_bytes": 5}}) == []
    checked = {key: value for key, value in GOOD["predictions"].items() if key != "metrics"}
    assert said_of(tmp_path, {**bundled, "predictions": checked}) == []
    assert said_of(tmp_path, {**bundled, "predictions": {"labels": {"file": "labels.csv"}}}) == [
        "`predictions.columns` is missing. A file cannot be checked and scored without it."
    ]
