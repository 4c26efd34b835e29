"""Scores reproduce the Open LLM Leaderboard's published ones, and claim no more precision than they have."""

from __future__ import annotations

import ast
import csv
import importlib.util
import math
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from leaderboard.benchmarks import Benchmark, Column, Part, load_benchmarks
from leaderboard.benchmarks.harness_tasks import leaves, task_names
from leaderboard.benchmarks.scale import normalise
from leaderboard.documents.about import worked_row
from leaderboard.documents.render import render
from leaderboard.records import PodiumBlock
from leaderboard.statistics.scores import score
from tests.shared import ROOT, shared_data

BENCHMARKS = load_benchmarks(ROOT / "benchmarks")
V2 = BENCHMARKS["open-llm-v2"]
V1 = BENCHMARKS["open-llm-v1"]
BBH_SIZES = {"causal_judgement": 187, "penguins_in_a_table": 146, "snarks": 178}
SIZES_OF_BBH = [250] * 21 + list(BBH_SIZES.values())
SIZES = {
    "leaderboard_ifeval": 541,
    "leaderboard_mmlu_pro": 12032,
    "leaderboard_gpqa_diamond": 198,
    "leaderboard_gpqa_extended": 546,
    "leaderboard_gpqa_main": 448,
    "leaderboard_musr_murder_mysteries": 250,
    "leaderboard_musr_object_placements": 256,
    "leaderboard_musr_team_allocation": 250,
    "leaderboard_math_algebra_hard": 307,
    "leaderboard_math_counting_and_prob_hard": 123,
    "leaderboard_math_geometry_hard": 132,
    "leaderboard_math_intermediate_algebra_hard": 280,
    "leaderboard_math_num_theory_hard": 154,
    "leaderboard_math_prealgebra_hard": 193,
    "leaderboard_math_precalculus_hard": 135,
}


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def harness(values: dict[str, dict[str, Any]], sizes: dict[str, int] | None = None) -> dict[str, Any]:
    """The part of a harness result that scores are made from."""
    better = {task: {key.split(",")[0]: True for key in row} for task, row in values.items()}
    sizes = sizes or {}
    counts = {task: {"original": sizes[task], "effective": sizes[task]} for task in values if task in sizes}
    return {"results": values, "n-samples": counts, "higher_is_better": better}


def one(*parts: Part, combine: str = "mean", **more: Any) -> Benchmark:
    """A benchmark of one column."""
    tasks = [part.task for part in parts]
    column = Column.model_validate({"key": "c", "title": "C", "run": tasks, "parts": parts, "combine": combine, **more})
    return Benchmark(id="b", version="1", title="B", description="", columns=[column])


def everywhere(benchmark: Benchmark, columns: dict[str, float]) -> dict[str, Any]:
    """A harness result in which every task of a column has the same score."""
    values = {
        part.task: dict.fromkeys(part.metrics, columns[column.title])
        for column in benchmark.columns
        for part in column.parts
    }
    return harness(values, {task: SIZES.get(task, 100) for task in values})


# the published scores


@pytest.mark.parametrize("title", ["IFEval", "MATH Lvl 5", "GPQA", "MMLU-PRO"])
def test_published_normalised_scores_follow_from_the_raw_ones(title: str) -> None:
    for row in rows(shared_data("open_llm/contents_sample.csv")):
        raw = {column.title: float(row[f"{column.title} Raw"]) for column in V2.columns}
        scores, _ = score(V2, everywhere(V2, raw))
        result = next(scores[column.key] for column in V2.columns if column.title == title)
        assert result.normalised == pytest.approx(float(row[title]), abs=1e-9), row["fullname"]
        assert result.raw == pytest.approx(float(row[f"{title} Raw"]), abs=1e-12)


def test_published_averages_follow_from_the_columns() -> None:
    titles = [column.title for column in V2.columns]
    plain = one(*[Part(task=title, metrics=["m,none"]) for title in titles])
    for row in rows(shared_data("open_llm/contents_sample.csv")):
        published = {title: float(row[title]) for title in titles}
        scores, average = score(plain, harness({title: {"m,none": value / 100} for title, value in published.items()}))
        assert average == scores["c"].normalised == pytest.approx(float(row["Average ⬆️"]), abs=1e-9), row["fullname"]


def test_musr_follows_from_the_solved_questions() -> None:
    tasks = ("murder_mysteries", "object_placements", "team_allocation")
    result = rows(shared_data("open_llm/ground_truth_rows.csv"))
    assert result
    for row in result:
        solutions = ast.literal_eval(row["musr (mm/250,op/256,ta/250)"])
        for solved in solutions[:1]:
            values = {
                f"leaderboard_musr_{task}": {"acc_norm,none": right / SIZES[f"leaderboard_musr_{task}"]}
                for task, right in zip(tasks, solved, strict=True)
            }
            scores, _ = score(V2, harness(values, SIZES))
            assert scores["musr"].normalised == pytest.approx(float(row["MUSR"]), abs=1e-9), row["fullname"]
            assert scores["musr"].raw == pytest.approx(float(row["MUSR Raw"]), abs=1e-12)
            assert scores["musr"].n == 756


def subtasks(row: dict[str, str], group: str) -> dict[str, dict[str, float]]:
    prefix, suffix = f"leaderboard_{group}_", "_acc_norm_none"
    values = {key.removesuffix(suffix): value for key, value in row.items() if key.startswith(prefix)}
    return {task: {"acc_norm,none": float(value)} for task, value in values.items() if task != f"leaderboard_{group}"}


def test_bbh_is_the_unweighted_mean_and_the_harness_group_is_size_weighted() -> None:
    result = rows(shared_data("open_llm/subtask_scores_sample.csv"))
    bbh = V2.column("bbh")
    weighted = Benchmark(
        id="b", version="1", title="B", description="", columns=[bbh.model_copy(update={"combine": "weighted"})]
    )
    differ = 0
    for row in result:
        values = {
            task: cells for task, cells in subtasks(row, "bbh").items() if task != "leaderboard_bbh_acc_norm_none"
        }
        sizes = {task: BBH_SIZES.get(task.removeprefix("leaderboard_bbh_"), 250) for task in values}
        assert set(values) >= {part.task for part in bbh.parts}
        pooled, _ = score(weighted, harness(values, sizes))
        assert pooled["bbh"].raw == pytest.approx(float(row["leaderboard_bbh_acc_norm_none"]), abs=1e-9)
        scores, _ = score(V2, harness(values, sizes))
        by_hand = [normalise(values[part.task]["acc_norm,none"], part.lower) for part in bbh.parts]
        assert scores["bbh"].normalised == pytest.approx(sum(by_hand) / 24, abs=1e-9)
        differ += not math.isclose(scores["bbh"].raw or 0, pooled["bbh"].raw or 0, abs_tol=1e-6)
    assert differ > len(result) * 0.9


def test_bbh_of_the_board_is_an_unweighted_mean_of_24_counts() -> None:
    """21 subtasks have 250 questions, three have others: the mean of 24 shares is then a sum of few fractions."""
    others = [np.arange(size + 1) / size for size in BBH_SIZES.values()]
    sums = (others[0][:, None, None] + others[1][None, :, None] + others[2][None, None, :]).ravel() * 250
    for row in rows(shared_data("open_llm/ground_truth_rows.csv"))[:6]:
        rest = float(row["BBH Raw"]) * 24 * 250 - sums
        assert np.abs(rest - np.round(rest)).min() < 1e-9, row["fullname"]
        pooled = float(row["BBH Raw"]) * sum(SIZES_OF_BBH)
        assert abs(pooled - round(pooled)) > 1e-6, row["fullname"]


def test_the_first_boards_scores_are_raw_ones_times_100() -> None:
    names = {"arc": "arc", "hellaswag": "hellaswag", "mmlu": "mmlu", "truthfulqa": "truthfulqa"}
    names |= {"winogrande": "winogrande", "gsm8k": "gsm8k"}
    for row in rows(shared_data("open_llm/v1_results_sample.csv")):
        raw = {V1.column(key).title: float(row[name]) / 100 for key, name in names.items()}
        scores, average = score(V1, everywhere(V1, raw))
        assert average == pytest.approx(float(row["avg"]), abs=1e-9), row["name"]
        assert scores["arc"].normalised == pytest.approx(float(row["arc"]), abs=1e-9)


# the rules


@given(st.floats(0, 1), st.integers(2, 20))
def test_normalised_scores_run_from_chance_to_perfect(x: float, choices: int) -> None:
    lower = 1 / choices
    value = normalise(x, lower)
    assert 0 <= value <= 100 + 1e-9
    assert (value == 0) == (x <= lower)
    assert normalise(1, lower) == pytest.approx(100)


def test_below_chance_is_zero_part_by_part_in_a_mean_and_once_in_a_pool() -> None:
    parts = [Part(task="a", metrics=["acc,none"], choices=2), Part(task="b", metrics=["acc,none"], choices=2)]
    results = harness({"a": {"acc,none": 0.25}, "b": {"acc,none": 1.0}}, {"a": 100, "b": 300})
    assert score(one(*parts), results)[0]["c"].normalised == pytest.approx(50)
    pooled = score(one(*parts, combine="weighted"), results)[0]["c"]
    assert (pooled.raw, pooled.n) == (pytest.approx(0.8125), 400)
    assert pooled.normalised == pytest.approx(62.5)


@pytest.mark.parametrize("value", [None, "N/A", math.nan, math.inf, True])
def test_what_was_not_measured_is_unknown_and_so_is_the_average(value: Any) -> None:
    parts = [Part(task="a", metrics=["acc,none"]), Part(task="b", metrics=["acc,none"])]
    scores, average = score(one(*parts), harness({"a": {"acc,none": value}, "b": {"acc,none": 1.0}}, {"b": 5}))
    assert scores["c"].raw is scores["c"].normalised is scores["c"].stderr is average is None


def test_an_empty_result_has_every_column_and_no_score() -> None:
    scores, average = score(V2, {})
    assert list(scores) == [column.key for column in V2.columns]
    assert average is None and all(result.normalised is None for result in scores.values())


def test_a_column_may_stay_out_of_the_average() -> None:
    column = one(Part(task="a", metrics=["acc,none"])).columns[0]
    extra = column.model_copy(
        update={"key": "d", "title": "D", "in_average": False, "parts": [Part(task="b", metrics=["acc,none"])]}
    )
    benchmark = Benchmark(id="b", version="1", title="B", description="", columns=[column, extra])
    scores, average = score(benchmark, harness({"a": {"acc,none": 0.5}}, {"a": 10}))
    assert average == 50 and scores["d"].normalised is None


def test_standard_errors_of_a_mean_are_those_of_independent_questions() -> None:
    parts = [Part(task="a", metrics=["acc,none"], choices=2), Part(task="b", metrics=["acc,none"], choices=5)]
    values = {"a": {"acc,none": 0.8, "acc_stderr,none": 0.03}, "b": {"acc,none": 0.1, "acc_stderr,none": 0.04}}
    result = score(one(*parts), harness(values, {"a": 100, "b": 100}))[0]["c"]
    assert result.stderr == pytest.approx(math.hypot(0.03 * 200, 0.04 * 125) / 2)
    assert result.n == 200


def test_the_standard_error_of_a_pool_weighs_its_parts() -> None:
    parts = [Part(task="a", metrics=["acc,none"], choices=4), Part(task="b", metrics=["acc,none"], choices=4)]
    values = {"a": {"acc,none": 0.8, "acc_stderr,none": 0.03}, "b": {"acc,none": 0.5, "acc_stderr,none": 0.04}}
    result = score(one(*parts, combine="weighted"), harness(values, {"a": 100, "b": 300}))[0]["c"]
    assert result.stderr == pytest.approx(math.hypot(0.25 * 0.03, 0.75 * 0.04) * 100 / 0.75)


def test_a_missing_standard_error_is_bounded_from_above_for_a_share_of_right_answers() -> None:
    """Prompts with one to three instructions each, answered at random: the harness gives no error for the second."""
    rng = random.Random(5)
    draws = []
    for _ in range(400):
        ability = [rng.betavariate(0.6, 0.6) for _ in range(541)]
        answers = [[rng.random() < p for _ in range(1 + index % 3)] for index, p in enumerate(ability)]
        draws.append(sum(map(sum, answers)) / sum(map(len, answers)))
    mean = sum(draws) / len(draws)
    spread = math.sqrt(sum((value - mean) ** 2 for value in draws) / (len(draws) - 1))
    part = Part(task="leaderboard_ifeval", metrics=["inst_level_strict_acc,none"])
    values = {"leaderboard_ifeval": {"inst_level_strict_acc,none": mean, "inst_level_strict_acc_stderr,none": "N/A"}}
    result = score(one(part), harness(values, SIZES))[0]["c"]
    assert result.stderr is not None and spread * 100 < result.stderr < 3 * spread * 100


def test_metrics_of_one_task_are_taken_to_err_together() -> None:
    part = Part(task="a", metrics=["x,none", "y,none"])
    values = {"a": {"x,none": 0.4, "x_stderr,none": 0.02, "y,none": 0.6, "y_stderr,none": 0.04}}
    result = score(one(part), harness(values, {"a": 50}))[0]["c"]
    assert (result.raw, result.stderr) == (pytest.approx(0.5), pytest.approx(3.0))


@pytest.mark.parametrize(
    ("metric", "declared", "raw", "stderr", "points", "error"),
    [
        ("word_perplexity", {"higher_is_better": False, "range": (1, 61)}, 16.0, 0.6, 75.0, 1.0),
        ("word_perplexity", {"higher_is_better": False, "range": (1, 61)}, 60_026_480_842.0, 0.6, 0.0, 1.0),
        ("bits_per_byte", {"higher_is_better": False, "range": (0, 8)}, 0.0, "N/A", 100.0, None),
        ("bleu", {"range": (0, 100)}, 34.5, 1.25, 34.5, 1.25),
        ("bleu", {"range": (0, 100)}, 0.5, "N/A", 0.5, None),
        ("mcc", {"range": (-1, 1)}, 0.2, 0.05, 60.0, 2.5),
        ("mcc", {"range": (0, 1)}, -0.2, 0.05, 0.0, 5.0),
    ],
)
def test_a_declared_range_runs_from_worst_to_best(
    metric: str, declared: dict[str, Any], raw: float, stderr: Any, points: float, error: float | None
) -> None:
    benchmark = one(Part(task="a", metrics=[f"{metric},none"]), **declared)
    results = harness({"a": {f"{metric},none": raw, f"{metric}_stderr,none": stderr}}, {"a": 50})
    scores, average = score(benchmark, results)
    assert (scores["c"].raw, scores["c"].normalised, average) == (raw, pytest.approx(points), pytest.approx(points))
    assert scores["c"].stderr == (None if error is None else pytest.approx(error))


def test_the_about_page_works_a_declared_range_out() -> None:
    part = Part(task="a", metrics=["word_perplexity,none"])
    benchmark = one(part, higher_is_better=False, range=(1, 61))
    for raw, shown in ((16.0, "100 · (16.0000 − 61.0000) / (1.0000 − 61.0000)"), (99.0, "end of its range, so 0")):
        scores, average = score(benchmark, harness({"a": {"word_perplexity,none": raw}}))
        block = PodiumBlock.model_validate(
            {"request_id": "1", "attempt": 1, "benchmark": "b", "benchmark_version": "1", "model": "org/m"}
            | {"revision": "a" * 40, "precision": "float32", "weight_type": "Original", "use_chat_template": False}
            | {"time": "2026-11-20T10:00:00Z", "scores": scores, "average": average, "provenance": {}}
        )
        page = render(
            "about", title="T", benchmark=benchmark, block=block, worked=worked_row(benchmark, block), types=[],
            rules=None, tracks=[], command="", refused=[], decisions=[],
        )  # fmt: skip
        assert shown in page and "range 1.0 to 61.0, lower is better" in page and "(best − worst)" in page


@pytest.mark.parametrize("combine", ["mean", "weighted"])
def test_parts_of_a_declared_range_are_combined_in_their_direction(combine: str) -> None:
    parts = [Part(task=name, metrics=["word_perplexity,none"]) for name in ("a", "b")]
    benchmark = one(*parts, combine=combine, higher_is_better=False, range=(0, 50))
    values = {"a": {"word_perplexity,none": 10.0}, "b": {"word_perplexity,none": 60.0}}
    result = score(benchmark, harness(values, {"a": 300, "b": 100}))[0]["c"]
    assert result.normalised == pytest.approx({"mean": (80 + 0) / 2, "weighted": 100 * (50 - 22.5) / 50}[combine])


def test_a_standard_error_that_cannot_be_known_is_unknown() -> None:
    part = Part(task="a", metrics=["perplexity,none"])
    results = harness({"a": {"perplexity,none": 0.9, "perplexity_stderr,none": "N/A"}}, {"a": 50})
    results["higher_is_better"]["a"]["perplexity"] = False
    assert score(one(part), results)[0]["c"].stderr is None


# the YAML files against the installed harness


HARNESS = Path(importlib.util.find_spec("lm_eval").submodule_search_locations[0]) / "tasks"


def test_choices_of_the_second_boards_subtasks_are_those_of_the_harness() -> None:
    choices = {part.task: part.choices for part in V2.column("bbh").parts}
    result = {}
    for path in (HARNESS / "leaderboard" / "bbh_mc").glob("[!_]*.yaml"):
        fields = yaml.safe_load(path.read_text())
        result[fields["task"]] = len(fields["doc_to_choice"])
    assert choices == result


@pytest.mark.parametrize(
    ("benchmark", "folders"),
    [(V2, ["leaderboard"]), (V1, ["arc", "hellaswag", "mmlu/default", "truthfulqa", "winogrande", "gsm8k"])],
)
def test_parts_are_what_the_harness_makes_of_run(benchmark: Benchmark, folders: list[str]) -> None:
    names: dict[str, list[str]] = {}
    for folder in folders:
        names |= task_names(HARNESS / folder)
    for column in benchmark.columns:
        made, unknown = leaves(names, column.run)
        assert not unknown
        assert made == {part.task for part in column.parts}


def test_parts_of_the_tiny_benchmark_are_what_its_tasks_make() -> None:
    tiny = BENCHMARKS["tiny"]
    assert tiny.include_path is not None
    names = task_names(tiny.include_path)
    for column in tiny.columns:
        assert leaves(names, column.run) == ({part.task for part in column.parts}, set())
