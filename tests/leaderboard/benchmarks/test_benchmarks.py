"""Benchmarks are read whole or refused whole, with the line of every problem."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel

from leaderboard.benchmarks import Benchmark, Column, Harness, Limits, Part, Track, load_benchmark, load_benchmarks
from leaderboard.benchmarks.agreement import RESERVED_IDS
from leaderboard.benchmarks.schema import HARNESS_SEEDS
from leaderboard.benchmarks.yaml_lines import MAX_VALUES
from leaderboard.errors import BadBenchmark
from leaderboard.records import Precision
from tests.shared import ROOT

GOOD = """\
id: small
version: "1"
title: Small
description: Two columns.
columns:
  - key: one
    title: One
    run: [task_one]
    parts:
      - {task: task_one, metrics: ["acc,none"], choices: 4}
  - key: two
    title: Two
    run: [task_two]
    parts:
      - {task: task_two, metrics: ["exact_match,none"]}
"""


def write(folder: Path, text: str, name: str = "small") -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(text)
    return path


def problems(folder: Path, text: str, name: str = "small") -> list[str]:
    """What is said of `text`, without the file's name: `line: sentence`."""
    path = write(folder, text, name)
    with pytest.raises(BadBenchmark) as caught:
        load_benchmark(path)
    assert all(line.startswith(f"{path}:") for line in caught.value.lines)
    return [line.removeprefix(f"{path}:") for line in caught.value.lines]


def test_reads_what_the_file_says(tmp_path: Path) -> None:
    benchmark = load_benchmark(write(tmp_path, GOOD))
    assert [column.title for column in benchmark.columns] == ["One", "Two"]
    assert [column.scale(column.parts[0]) for column in benchmark.columns] == [(0.25, 1), (0, 1)]
    assert benchmark.harness.seeds == HARNESS_SEEDS
    assert benchmark.limits.precisions == list(Precision)
    assert benchmark.include_path is None
    assert Benchmark.model_validate_json(benchmark.model_dump_json()) == benchmark.model_copy(update={"folder": Path()})


def test_seeds_that_are_not_named_keep_the_harness_defaults(tmp_path: Path) -> None:
    benchmark = load_benchmark(write(tmp_path, GOOD + "harness: {seeds: {random_seed: 7}}\n"))
    assert benchmark.harness.seeds == {**HARNESS_SEEDS, "random_seed": 7}


def test_every_problem_is_said_at_once_with_its_line(tmp_path: Path) -> None:
    text = (
        GOOD.replace('version: "1"', "version: 1")
        .replace("choices: 4", "choices: 1, chance: 0.25")
        .replace("title: Two", "heading: Two")
        .replace('"exact_match,none"', "exact_match")
        + "limits:\n  precisions: [fp16]\n  max_params_b:\n    bf16: 3\n"
    )
    answer = problems(tmp_path, text)
    assert [line.split(":")[0] for line in answer] == ["2", "10", "10", "11", "12", "15", "17", "19"]
    assert "in quotes" in answer[0]
    assert any(
        "`columns[0].parts[0].choices`: Input should be greater than or equal to 2 (got 1)" in entry for entry in answer
    )
    assert any("chance" in item and "Allowed here: choices, metrics, task." in item for item in answer)
    assert "`columns[1].title` is missing" in answer[3]
    assert "Allowed here: combine, decimals, description, fewshot" in answer[4]
    assert "'float16', 'bfloat16'" in answer[6]


def test_fields_that_disagree_are_said_together(tmp_path: Path) -> None:
    text = GOOD.replace("key: two", "key: one").replace("title: Two", "title: one")
    answer = problems(tmp_path, text, "other")
    assert [line.split(":")[0] for line in answer] == ["1", "6", "7", "11", "12"]
    assert "other.yaml" in answer[0]


def test_a_task_may_count_once_in_a_column(tmp_path: Path) -> None:
    text = GOOD + '      - {task: task_two, metrics: ["acc,none"]}\n'
    assert [line.split(":")[0] for line in problems(tmp_path, text)] == ["15", "16"]


def with_metric(metric: str, column: str = "", part: str = "") -> str:
    """GOOD with another metric in its second column, in line 15, and more fields for that column and its part."""
    text = GOOD.replace("run: [task_two]", f"run: [task_two]{column}")
    return text.replace('metrics: ["exact_match,none"]', f'metrics: ["{metric},none"]{part}')


@pytest.mark.parametrize("metric", ["word_perplexity", "byte_perplexity", "bits_per_byte", "brier_score", "ter"])
def test_a_metric_in_which_lower_is_better_needs_a_direction_and_a_range(tmp_path: Path, metric: str) -> None:
    answer = [
        f"15: Lower is better in '{metric}'. Write `higher_is_better: false` and `range: [lowest, highest]` in the "
        "column, such as `range: [1, 100]`: the lowest value then gets 100 points and the highest 0."
    ]
    assert problems(tmp_path, with_metric(metric)) == answer
    declared = with_metric(metric, "\n    range: [1, 60]\n    higher_is_better: false")
    column = load_benchmark(write(tmp_path, declared)).column("two")
    assert column.scale(column.parts[0]) == (60, 1)


@pytest.mark.parametrize("metric", ["bleu", "mcc", "f1", "my_points"])
def test_a_metric_whose_range_is_not_known_needs_one(tmp_path: Path, metric: str) -> None:
    (answer,) = problems(tmp_path, with_metric(metric))
    assert answer.startswith(f"15: Nothing says between which values '{metric}' lies. Write `range: [lowest, highest]`")
    column = load_benchmark(write(tmp_path, with_metric(metric, "\n    range: [-1, 1]"))).column("two")
    assert column.scale(column.parts[0]) == (-1, 1)


def test_a_direction_needs_a_range_and_a_range_has_two_ends(tmp_path: Path) -> None:
    lower = with_metric("acc", "\n    higher_is_better: false")
    assert problems(tmp_path, lower)[0].startswith("16: Nothing says between which values 'acc' lies.")
    for wrong in ("[1, 1]", "[2, 1]", "[1]", "[0, .inf]", "5"):
        answer = problems(tmp_path, with_metric("acc", f"\n    range: {wrong}"))
        assert answer and all(line.startswith("14: `columns[1].range") for line in answer), wrong
    both = problems(tmp_path, with_metric("acc", "\n    range: [0, 1]", ", choices: 4"))
    assert both == ["16: `choices` says where a share begins, and the column has a `range` of its own. Keep one."]


def test_what_an_own_definition_says_of_its_metric_counts(tmp_path: Path) -> None:
    tasks = tmp_path / "tasks"
    tasks.mkdir()
    (tasks / "base").write_text("metric_list: [{metric: acc, higher_is_better: false}]\n")
    (tasks / "one.yaml").write_text("task: task_one\noutput_type: multiple_choice\n")
    (tasks / "two.yaml").write_text("task: task_two\noutput_type: multiple_choice\ninclude: base\n")
    text = with_metric("acc") + "harness: {include_path: tasks}\n"
    assert [line[:26] for line in problems(tmp_path, text)] == ["15: Lower is better in 'acc"[:26]]


def test_something_must_count_towards_the_average(tmp_path: Path) -> None:
    text = GOOD.replace("    run:", "    in_average: false\n    run:")
    assert problems(tmp_path, text) == [
        "5: No column counts towards the average. Leave `in_average` out for one of them."
    ]


def test_a_key_written_twice_is_a_problem(tmp_path: Path) -> None:
    assert problems(tmp_path, GOOD + "title: Again\n") == [
        "16: `title` is written twice, first in line 3. Keep one of them."
    ]


@pytest.mark.parametrize("name", [*sorted(RESERVED_IDS), "a..b"])
def test_folder_names_of_the_stores_are_no_ids(tmp_path: Path, name: str) -> None:
    assert [line.split(":")[0] for line in problems(tmp_path, GOOD.replace("id: small", f"id: {name}"), name)] == ["1"]


@pytest.mark.parametrize("title", ["Model", "average", "licence", "One Raw", "One stderr"])
def test_headings_of_the_board_are_no_titles(tmp_path: Path, title: str) -> None:
    assert problems(tmp_path, GOOD.replace("title: Two", f"title: {title}"))[0].startswith("12: The board uses")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("id: [\n", 2),
        ("id: small\n\ttitle: x\n", 2),
        ("", 1),
        ("- a\n", 1),
        ("a: !!python/object:os.system {}\n", 1),
        ("a: &a [*a]\n", 1),
        ("a: 2024-13-45\n", 1),
    ],
)
def test_what_is_no_benchmark_at_all_is_refused(tmp_path: Path, text: str, line: int) -> None:
    assert problems(tmp_path, text)[0].startswith(f"{line}: ")


def test_a_small_file_cannot_grow(tmp_path: Path) -> None:
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    assert f"more than {MAX_VALUES} values" in problems(tmp_path, "\n".join(levels))[0]


def test_own_tasks_are_looked_up_in_their_folder(tmp_path: Path) -> None:
    tasks = tmp_path / "tasks"
    tasks.mkdir()
    (tasks / "one.yaml").write_text(
        "task: task_one\ncustom_dataset: !function data.load\nmetric_list: [{metric: acc}, {metric: exact_match}]\n"
    )
    (tasks / "group.yaml").write_text("group: both\ntask: [task_one, {task: task_three}]\n")
    (tasks / "three.yaml").write_text("task: task_three\ntag: [threes]\n")
    text = GOOD + "harness:\n  include_path: tasks\n"
    answer = problems(tmp_path, text)
    assert answer == ["13: 'task_two' is not defined in 'tasks', which defines both, task_one, task_three, threes."]
    load_benchmark(
        write(tmp_path, text.replace("run: [task_two]", "run: [both]").replace("task: task_two", "task: task_one"))
    )
    load_benchmark(
        write(tmp_path, text.replace("run: [task_two]", "run: [threes]").replace("task: task_two", "task: task_three"))
    )
    answer = problems(tmp_path, text.replace("run: [task_two]", "run: [threes]"))
    assert answer == ["15: `run` does not make 'task_two'. It makes task_three."]
    assert problems(tmp_path, text.replace("include_path: tasks", "include_path: elsewhere"))[0].startswith("17: ")


def test_a_folder_is_read_in_the_order_asked_for(tmp_path: Path) -> None:
    for name in ("round-10", "a", "round-2"):
        write(tmp_path, GOOD.replace("id: small", f"id: {name}"), name)
    assert list(load_benchmarks(tmp_path)) == ["a", "round-2", "round-10"]
    assert list(load_benchmarks(tmp_path, ["round-10", "a"])) == ["round-10", "a"]


def test_without_an_order_names_with_numbers_come_as_people_count(tmp_path: Path) -> None:
    for name in ("q10", "q2", "q1", "a", "q2b"):
        write(tmp_path, GOOD.replace("id: small", f"id: {name}"), name)
    assert list(load_benchmarks(tmp_path)) == ["a", "q1", "q2", "q2b", "q10"]


def test_problems_of_all_files_come_together(tmp_path: Path) -> None:
    write(tmp_path, GOOD.replace("id: small", "id: other"))
    write(tmp_path, GOOD.replace("version", "edition"), "second")
    with pytest.raises(BadBenchmark) as caught:
        load_benchmarks(tmp_path, ["small", "second", "third"])
    answer = str(caught.value)
    assert "small.yaml:1:" in answer
    assert "second.yaml:2:" in answer
    assert "There is no benchmark third.yaml. There are: second, small." in answer


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadBenchmark, match="Put one NAME"):
        load_benchmarks(tmp_path)


def test_the_benchmarks_of_the_project_load() -> None:
    assert set(load_benchmarks(ROOT / "benchmarks")) >= {"tiny", "open-llm-v1", "open-llm-v2"}


@pytest.mark.parametrize("model", [Benchmark, Column, Part, Harness, Limits, Track])
def test_every_field_is_explained_to_organisers(model: type[BaseModel]) -> None:
    text = (ROOT / "docs" / "benchmarks.md").read_text()
    assert [name for name in model.model_fields if f"`{name}`" not in text and name != "folder"] == []
