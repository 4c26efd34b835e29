"""Scores of a bundle's tasks become the scores of its columns."""

from __future__ import annotations

import math

import pytest

from leaderboard.benchmarks.bundle_rules import (
    BundlePhase,
    BundleRules,
    BundleTask,
    ComputedScore,
    Operation,
    TaskScore,
)
from leaderboard.statistics.bundle_scores import board_scores, computed_scores


def rules(*computed: ComputedScore, tasks: int = 1, single: list[TaskScore] | None = None) -> BundleRules:
    return BundleRules(
        folder="b",
        tasks=[BundleTask(index=index, name=f"Task {index}", scoring_program="p") for index in range(tasks)],
        phases=[BundlePhase(track="a", name="A", tasks=list(range(tasks)))],
        computed=list(computed),
        task_scores=single or [],
    )


def made(operation: Operation, *of: str, score: str = "made") -> ComputedScore:
    return ComputedScore(score=score, operation=operation, of=list(of))


@pytest.mark.parametrize(
    ("operation", "value"), [("sum", 6.0), ("avg", 2.0), ("min", 1.0), ("max", 3.0)]
)  # fmt: skip
def test_the_operations(operation: Operation, value: float) -> None:
    scores = {"a": 1.0, "b": 2.0, "c": 3.0}
    assert computed_scores(rules(made(operation, "a", "b", "c")), scores) == {**scores, "made": value}


@pytest.mark.parametrize("operation", ["sum", "avg", "min", "max"])
@pytest.mark.parametrize("missing", [{}, {"b": math.nan}, {"b": math.inf}])
def test_of_what_is_missing_nothing_is_made(operation: Operation, missing: dict[str, float]) -> None:
    assert computed_scores(rules(made(operation, "a", "b")), {"a": 1.0, **missing}) == {"a": 1.0}


def test_a_sum_that_is_too_large_is_no_score() -> None:
    assert computed_scores(rules(made("sum", "a", "b")), {"a": 1e308, "b": 1e308}) == {"a": 1e308, "b": 1e308}


def test_computed_from_computed_and_never_written_by_a_program() -> None:
    bundle = rules(made("sum", "a", "b", score="total"), made("max", "total", "a"))
    assert computed_scores(bundle, {"a": 1.0, "b": 2.0, "made": 99.0, "total": 99.0}) == {
        "a": 1.0, "b": 2.0, "total": 3.0, "made": 3.0,
    }  # fmt: skip


def test_one_task() -> None:
    bundle = rules(made("avg", "a", "b"))
    assert board_scores(bundle, bundle.phases[0], {0: {"a": 1.0, "b": 2.0, "c": math.nan}, 7: {"a": 9.0}}) == {
        "a": 1.0, "b": 2.0, "made": 1.5,
    }  # fmt: skip


def test_several_tasks_have_their_mean_and_their_own_scores() -> None:
    singles = [TaskScore(score=f"{key}@{task}", of=key, task=task) for task in (0, 1) for key in ("a", "made")]
    bundle = rules(made("max", "a", "b"), tasks=2, single=singles)
    assert board_scores(bundle, bundle.phases[0], {0: {"a": 1.0, "b": 4.0}, 1: {"a": 3.0, "b": 0.0}}) == {
        "a": 2.0, "b": 2.0, "made": 2.0, "a@0": 1.0, "made@0": 4.0, "a@1": 3.0, "made@1": 3.0,
    }  # fmt: skip


def test_a_score_that_one_task_lacks_has_no_mean() -> None:
    single = [TaskScore(score="a@0", of="a", task=0), TaskScore(score="a@1", of="a", task=1)]
    bundle = rules(tasks=2, single=single)
    assert board_scores(bundle, bundle.phases[0], {0: {"a": 1.0}, 1: {}}) == {"a@0": 1.0}
    assert board_scores(bundle, bundle.phases[0], {0: {"a": 1.0}}) == {"a@0": 1.0}
