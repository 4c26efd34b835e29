"""A competition's rules and the rest of its benchmark: what would publish what they keep back is refused."""

from __future__ import annotations

from typing import Any

import pytest

from leaderboard.benchmarks import Benchmark
from leaderboard.benchmarks.competition_rules import competition_disagreements

PREDICTIONS: dict[str, Any] = {
    "columns": [{"name": "p", "type": "number"}],
    "labels": {"file": "labels.csv"},
    "metrics": {"mae": {"metric": "mae", "prediction": "p", "label": "y"}},
}
SCORED: dict[str, Any] = {
    "id": "b", "version": "1", "title": "B", "description": "", "kinds": ["predictions"], "predictions": PREDICTIONS,
    "columns": [{"key": "mae", "title": "MAE", "score": "mae", "higher_is_better": False}],
}  # fmt: skip
HARNESS: dict[str, Any] = SCORED | {
    "kinds": ["checkpoint"],
    "predictions": None,
    "columns": [{"key": "a", "title": "A", "run": ["a"], "parts": [{"task": "a", "metrics": ["acc,none"]}]}],
}
BUNDLE = SCORED | {
    "bundle": {
        "folder": "bundle",
        "tasks": [{"index": 0, "name": "Only", "scoring_program": "scoring"}],
        "phases": [{"track": "open", "name": "Main", "tasks": [0]}],
    }
}
OPEN_DETAILS = SCORED | {"predictions": PREDICTIONS | {"details": "public"}}


@pytest.mark.parametrize(
    ("benchmark", "competition", "sentences"),
    [
        (SCORED, {"split": {}, "hidden_sample": {"size": 5, "strata": "y"}, "published_decimals": 2}, []),
        (HARNESS, {"team_size": 3}, []),
        (HARNESS, {"split": {}}, ["`split` is possible for the kinds predictions and code only"]),
        (HARNESS, {"published_decimals": 2}, ["`published_decimals` is possible for the kinds predictions and code"]),
        (BUNDLE, {"hidden_sample": {"size": 5}}, ["`hidden_sample` needs scores that Podium computes"]),
        (OPEN_DETAILS, {"split": {}}, ["Public details show each example, and `split` keeps them back"]),
        (OPEN_DETAILS, {"published_decimals": 1}, ["and `published_decimals` keeps them back"]),
        (SCORED, {"split": {"column": "id"}}, ["'id' names an example"]),
        (SCORED, {"hidden_sample": {"size": 5, "strata": "id"}}, ["'id' is another one for each example"]),
        (
            SCORED,
            {"ends": "2026-05-02T00:00:00Z", "split": {"opens": "2026-05-01T00:00:00Z"}},
            ["The private board cannot open before the competition `ends`"],
        ),
        (SCORED, {"ends": "2026-05-02T00:00:00Z", "split": {"opens": "2026-05-02T00:00:00Z"}}, []),
    ],
)
def test_rules_and_fields_that_disagree(
    benchmark: dict[str, Any], competition: dict[str, Any], sentences: list[str]
) -> None:
    whole = Benchmark.model_validate(benchmark | {"competition": competition})
    said = [sentence for _, sentence in competition_disagreements(whole)]
    assert len(said) == len(sentences)
    assert all(words in sentence for words, sentence in zip(sentences, said, strict=True))
