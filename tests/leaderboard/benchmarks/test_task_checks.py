"""What is wrong with tasks is found when a benchmark is read: metrics, choices, YAML, fields and data files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from leaderboard.benchmarks import agreement, load_benchmark
from leaderboard.benchmarks.harness_tasks import written_in
from leaderboard.benchmarks.task_checks import unread_texts
from leaderboard.benchmarks.task_data import outside_places
from leaderboard.errors import BadBenchmark

BENCHMARK = """\
id: school
version: "1"
title: School
description: Questions of a school.
harness: {include_path: tasks}
columns:
  - key: capitals
    title: Capitals
    run: [capitals]
    parts:
      - {task: capitals, metrics: ["acc,none"], choices: 4}
"""
TASK = """\
task: capitals
dataset_path: json
dataset_kwargs:
  data_files:
    test: capitals.jsonl
output_type: multiple_choice
test_split: test
doc_to_text: "{{question}}"
doc_to_choice: options
doc_to_target: answer
metric_list:
  - metric: acc
  - metric: acc_norm
"""
ROW = {"question": "Capital of France?", "options": ["Paris", "Rome", "Bern", "Oslo"], "answer": 0}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tasks").mkdir()
    (tmp_path / "school.yaml").write_text(BENCHMARK)
    (tmp_path / "tasks" / "capitals.yaml").write_text(TASK)
    (tmp_path / "tasks" / "capitals.jsonl").write_text(json.dumps(ROW) + "\n")
    return tmp_path


def change(folder: Path, file: str, old: str, new: str) -> None:
    path = folder / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def problems(folder: Path) -> list[str]:
    """Everything that is said, without the folder's name."""
    with pytest.raises(BadBenchmark) as caught:
        load_benchmark(folder / "school.yaml")
    return [line.removeprefix(f"{folder}/") for line in caught.value.lines]


def test_a_right_benchmark_has_no_problems(folder: Path) -> None:
    assert load_benchmark(folder / "school.yaml").id == "school"


def test_a_metric_that_the_task_does_not_compute_is_told_with_those_that_it_does(folder: Path) -> None:
    change(folder, "school.yaml", "acc,none", "exact_match,strict")
    answer = "'capitals' does not compute 'exact_match,strict'. It computes: acc,none, acc_norm,none."
    assert problems(folder) == [f"school.yaml:11: {answer}"]
    change(folder, "tasks/capitals.yaml", "  - metric: acc\n  - metric: acc_norm\n", "  - metric: bleu\n")
    assert problems(folder)[0].endswith("It computes: nothing."), "the harness makes no such metric of choices"


def test_names_of_filters_are_part_of_a_metric(folder: Path) -> None:
    change(folder, "tasks/capitals.yaml", "output_type: multiple_choice", "filter_list: [{name: strict}, {name: any}]")
    assert "It computes: acc,strict, acc_norm,strict, acc,any, acc_norm,any." in problems(folder)[0]


def test_a_metric_of_a_built_in_task_is_looked_up_too(folder: Path) -> None:
    change(folder, "school.yaml", "harness: {include_path: tasks}\n", "")
    change(folder, "school.yaml", "[capitals]", "[arc_easy]")
    change(
        folder, "school.yaml", 'task: capitals, metrics: ["acc,none"]', 'task: arc_easy, metrics: ["exact_match,none"]'
    )
    answer = "'arc_easy' does not compute 'exact_match,none'. It computes: acc,none, acc_norm,none."
    assert problems(folder) == [f"school.yaml:10: {answer}"]


@pytest.mark.parametrize(
    "definition",
    ["doc_to_choice: options", "doc_to_choice: '{{options}}'", "doc_to_choice: [A, B, C, D]"],
)
def test_choices_that_are_not_the_datas_are_told(folder: Path, definition: str) -> None:
    change(folder, "tasks/capitals.yaml", "doc_to_choice: options", definition)
    change(folder, "school.yaml", "choices: 4", "choices: 5")
    answer = "`choices` is 5, and the questions of 'capitals' have 4. Write `choices: 4`."
    assert problems(folder) == [f"school.yaml:11: {answer}"]


def test_choices_between_the_fewest_and_the_most_of_the_data_are_taken(folder: Path) -> None:
    more = {**ROW, "options": [*ROW["options"], "Wien", "Riga"]}  # type: ignore[misc]
    (folder / "tasks" / "capitals.jsonl").write_text(json.dumps(ROW) + "\n" + json.dumps(more) + "\n")
    change(folder, "school.yaml", "choices: 4", "choices: 5")
    load_benchmark(folder / "school.yaml")
    change(folder, "school.yaml", "choices: 5", "choices: 7")
    assert "have from 4 to 6. Write a number between them." in problems(folder)[0]


def test_malformed_yaml_is_told_with_its_own_line_and_nothing_follows_from_it(folder: Path) -> None:
    (folder / "tasks" / "capitals.yaml").write_text("task: capitals\nmetric_list: [\n  - metric: acc\n")
    (answer,) = problems(folder)
    assert answer.startswith("tasks/capitals.yaml:3: This is not YAML: ")


def test_malformed_files_that_are_included_are_told(folder: Path) -> None:
    change(folder, "tasks/capitals.yaml", "task: capitals", "include: base\ntask: capitals")
    assert problems(folder) == ["tasks/capitals.yaml:1: `include`: There is no file 'base' beside this one."]
    (folder / "tasks" / "base").write_text('description: "open\n')
    (answer,) = problems(folder)
    assert answer.startswith("tasks/base:") and "This is not YAML" in answer
    (folder / "tasks" / "base").write_text("- a\n")
    assert problems(folder)[0].startswith("tasks/base:1: This is no task definition.")


def test_fields_that_the_harness_does_not_know_are_told(folder: Path) -> None:
    change(folder, "tasks/capitals.yaml", "doc_to_text", "doc_to_txt")
    change(folder, "tasks/capitals.yaml", "test_split: test", "test_split: tests")
    change(folder, "tasks/capitals.yaml", "output_type: multiple_choice", "output_type: choices")
    field, kind, split = sorted(problems(folder), key=lambda line: line.split(": ")[1])
    assert field.startswith(
        "tasks/capitals.yaml:8: `doc_to_txt` is no field of a task. Did you mean `doc_to_text`? All"
    )
    assert kind.startswith("tasks/capitals.yaml:6: `output_type`: 'choices' is none. Allowed are: generate_until, ")
    assert split == "tasks/capitals.yaml:7: `test_split`: 'tests' is no split of `data_files`. Allowed are: test."


@pytest.mark.parametrize(
    ("content", "answer"),
    [
        ("", "capitals.jsonl is empty. Write at least one question into it, one JSON object a line."),
        ("\n\n", "capitals.jsonl is empty. Write at least one question into it, one JSON object a line."),
        ('{"a": 1}\n{"a": 2\n', "capitals.jsonl cannot be read: line 2 is not JSON: "),
        ("[1]\n", "capitals.jsonl cannot be read: line 1 is list, not an object with named values. It needs one JSON"),
        (None, "There is no file capitals.jsonl. A relative path is meant from the folder of this file."),
    ],
)
def test_data_files_without_questions_are_told(folder: Path, content: str | None, answer: str) -> None:
    path = folder / "tasks" / "capitals.jsonl"
    path.unlink()
    if content is not None:
        path.write_text(content)
    (line,) = problems(folder)
    assert line.startswith(f"tasks/capitals.yaml:5: `dataset_kwargs.data_files`: {answer}")


def test_the_form_of_a_metric_is_told_in_words(folder: Path) -> None:
    change(folder, "school.yaml", "acc,none", "acc")
    (line,) = problems(folder)
    assert line.startswith(
        "school.yaml:11: `columns[0].parts[0].metrics[0]`: Write a metric and the filter of its answers"
    )
    assert "'acc,none' where a task has no filters of its own (got 'acc')." in line and "pattern" not in line


def test_definitions_are_read_as_texts_only_to_look_for_a_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[Path] = []

    def noting(tasks: Path) -> list[str]:
        looked_at.append(tasks)
        return unread_texts(tasks)

    monkeypatch.setattr(agreement, "unread_texts", noting)
    load_benchmark(folder / "school.yaml")
    assert looked_at == []
    change(folder, "school.yaml", "run: [capitals]", "run: [capitals, elsewhere]")
    assert any("'elsewhere' is not defined" in line for line in problems(folder))
    assert looked_at == [folder / "tasks"]


def test_all_is_told_at_once(folder: Path) -> None:
    change(folder, "school.yaml", 'metrics: ["acc,none"], choices: 4', 'metrics: ["f1,none"], choices: 3')
    change(folder, "tasks/capitals.yaml", "test_split: test", "test_splt: test\nvalidation_split: test")
    (folder / "tasks" / "other.yaml").write_text("task: [\n")
    assert [line.split(": ")[0] for line in problems(folder)] == [
        "school.yaml:11", "school.yaml:11", "tasks/capitals.yaml:7", "tasks/other.yaml:2",
    ]  # fmt: skip


def test_a_path_is_meant_from_the_file_that_names_it(folder: Path) -> None:
    shared = folder / "tasks" / "shared"
    shared.mkdir()
    (shared / "base").write_text("dataset_path: json\ndataset_kwargs: {data_files: {test: ../../elsewhere/q.jsonl}}\n")
    (folder / "tasks" / "capitals.yaml").write_text("include: shared/base\ntask: capitals\ntest_split: test\n")
    assert written_in(folder / "tasks" / "capitals.yaml", "dataset_kwargs") == shared / "base"
    assert outside_places(folder / "tasks") == []
    (folder / "elsewhere").mkdir()
    (folder / "elsewhere" / "q.jsonl").write_text(json.dumps(ROW) + "\n")
    assert outside_places(folder / "tasks") == [folder / "elsewhere" / "q.jsonl"]
    (shared / "base").write_text("dataset_path: json\ndataset_kwargs: {data_files: {test: ../../elsewhere/*.jsonl}}\n")
    assert outside_places(folder / "tasks") == [folder / "elsewhere", folder / "elsewhere" / "q.jsonl"]
    (folder / "tasks" / "linked.jsonl").symlink_to(folder / "elsewhere" / "q.jsonl")
    (shared / "base").write_text("dataset_path: json\ndataset_kwargs: {data_files: {test: ../linked.jsonl}}\n")
    assert outside_places(folder / "tasks") == [folder / "elsewhere" / "q.jsonl"], "jobs see what a link leads to"
