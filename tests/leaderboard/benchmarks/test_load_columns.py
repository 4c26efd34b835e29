"""Columns of behaviour under load beside columns of the harness."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from leaderboard.benchmarks import load_benchmark
from leaderboard.benchmarks.load_scores import LOAD_METRICS, LoadScore, load_score
from leaderboard.errors import BadBenchmark
from leaderboard.settings import PROJECT
from leaderboard.statistics.scores import score

RULES = {"kinds": ["checkpoint", "endpoint"], "endpoint": {"load": {"concurrencies": [1, 4]}}}
COLUMN = {
    "key": "p95", "title": "p95", "score": "latency_p95_ms@4", "higher_is_better": False, "in_average": False,
}  # fmt: skip


def written(folder: Path, column: dict[str, Any], **rules: Any) -> Path:
    shutil.copytree(PROJECT / "benchmarks" / "tasks", folder / "tasks")
    tiny = yaml.safe_load((PROJECT / "benchmarks" / "tiny.yaml").read_text())
    file = folder / "tiny.yaml"
    file.write_text(yaml.safe_dump({**tiny, **RULES, **rules, "columns": [*tiny["columns"], column]}))
    return file


def test_a_board_may_have_both(tmp_path: Path) -> None:
    benchmark = load_benchmark(written(tmp_path, COLUMN))
    scores, average = score(benchmark, {"results": {}})
    assert scores["p95"].raw is None and average is None
    assert load_score("latency_p95_ms@4") == LoadScore("latency_p95_ms", 4)
    assert all(load_score(f"{name}@64") for name in LOAD_METRICS)
    for other in ("accuracy", "latency_p95_ms", "latency_p95_ms@0", "latency_p95_ms@x", "latency@4", "@4"):
        assert load_score(other) is None


@pytest.mark.parametrize(
    ("column", "rules", "words"),
    [
        ({"score": "accuracy"}, {}, "`score` may name behaviour under load of the kind 'endpoint'"),
        ({}, {"kinds": ["checkpoint"]}, "`score` may name behaviour under load of the kind 'endpoint'"),
        ({"score": "latency_p95_ms@8"}, {}, "`endpoint.load.concurrencies` does not have 8"),
        ({}, {"endpoint": {}}, "`endpoint.load.concurrencies` does not have 4"),
        ({"in_average": True}, {}, "cannot count towards the average"),
        ({"higher_is_better": True}, {}, "Of latency_p95_ms it has to be false"),
        ({"score": "tokens_per_second@4"}, {}, "Of tokens_per_second it has to be true"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(
    tmp_path: Path, column: dict[str, Any], rules: dict[str, Any], words: str
) -> None:
    with pytest.raises(BadBenchmark) as told:
        load_benchmark(written(tmp_path, {**COLUMN, **column}, **rules))
    [line] = told.value.lines
    assert words in line and re.search(r"tiny\.yaml:\d+: ", line)
