"""What a benchmark's file says of code: problems with their lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from leaderboard.benchmarks import load_benchmark
from leaderboard.errors import BadBenchmark

HEAD = """id: mine
version: "1"
title: Mine
description: Mine.
kinds: [code]
columns:
  - {key: a, title: A, score: loss}
"""


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("", "mine.yaml:5: The benchmark takes code; `code` has to say how it is called, with `metrics`."),
        ("code: {train: a, test: b}\n", "mine.yaml:5: The benchmark takes code"),
        ("code: {train: a, test: b, metrics: {auc: roc_auc}}\n", "'loss' is no key of `code.metrics`. There are: auc."),
        (
            "code: {train: a, test: b, label_budget: 2, metrics: {auc: roc_auc}}\n",
            "'loss' is no key of `code.metrics`. There are: auc, random.auc.",
        ),
        ("code: {metrics: {loss: mse}}\n", "The interface `train-predict` needs `train` and `test`"),
        ("code: {interface: item, metrics: {loss: mse}}\n", "The interface `item` needs `items`"),
        ("code: {interface: item, items: a, id: [a, b], metrics: {loss: mse}}\n", "names an item by one column"),
        ("code: {train: ../a, test: /b, metrics: {loss: mse}}\n", "It has to be a relative path without `..`"),
        ("code: {train: a, test: b, entry: a/b.py, metrics: {loss: mse}}\n", "`code.entry`"),
        ("code: {train: a, test: b, metrics: {loss: best}}\n", "`code.metrics.loss`"),
    ],
)
def test_problems_of_rules_for_code(tmp_path: Path, code: str, words: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(HEAD + code)
    with pytest.raises(BadBenchmark) as refused:
        load_benchmark(file)
    assert words in str(refused.value)


def test_good_rules_are_taken(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(HEAD + "code: {train: a, test: b, metrics: {loss: log_loss}, max_models: 2}\n")
    rules = load_benchmark(file).code
    assert rules is not None and rules.max_models == 2 and ".pkl" in rules.refused_files
