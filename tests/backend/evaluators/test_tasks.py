"""A benchmark's tasks are found without reading all of the harness's definitions."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import lm_eval.evaluator
import pytest
from datasets import packaged_modules
from lm_eval.api.registry import DEFAULT_METRIC_REGISTRY
from lm_eval.config.task import TaskConfig

from backend import Resources
from backend.evaluators.harness import fewshot_groups, load_tasks
from backend.evaluators.resume.keys import folders_of, task_configuration, task_keys
from backend.evaluators.tasks import BUILT_IN, harness_folders, local_data, needs, task_manager
from backend.scheduler.launch import Launcher
from backend.workdir import JobOptions, Workdir
from leaderboard.benchmarks import Benchmark, load_benchmarks
from leaderboard.benchmarks.task_answers import OUTPUT_TYPES
from leaderboard.benchmarks.task_checks import TASK_FIELDS
from leaderboard.benchmarks.task_data import FORMATS
from leaderboard.errors import BadBenchmark, Infrastructure
from leaderboard.settings import Settings
from leaderboard.statistics.scores import score
from tests.shared import ROOT

BENCHMARKS = load_benchmarks(ROOT / "benchmarks")


def runs(benchmark: Benchmark) -> list[str]:
    return [name for column in benchmark.columns for name in column.run]


@pytest.mark.parametrize("benchmark", BENCHMARKS.values(), ids=list(BENCHMARKS))
def test_all_that_a_benchmark_runs_and_counts_is_known(benchmark: Benchmark) -> None:
    known = set(task_manager(benchmark).all_tasks)
    assert set(runs(benchmark)) <= known
    assert {part.task for column in benchmark.columns for part in column.parts} <= known
    assert len(known) < 200


def test_a_tag_is_found_though_no_folder_has_its_name() -> None:
    assert harness_folders("b", None, ["ai2_arc"]) == [BUILT_IN / "arc"]


def test_a_tag_that_is_spread_over_folders_takes_the_whole_harness() -> None:
    assert harness_folders("b", None, ["chain_of_thought", "gsm8k"]) == [BUILT_IN]


def test_names_that_the_harness_lacks_are_said_together() -> None:
    with pytest.raises(BadBenchmark) as caught:
        harness_folders("mine", None, ["gsm8k", "leaderboard_nothing", "arc_challange"])
    assert [line.split("'")[1] for line in caught.value.lines] == ["arc_challange", "leaderboard_nothing"]


def test_an_own_group_may_list_the_harness_tasks(tmp_path: Path) -> None:
    (tmp_path / "group.yaml").write_text("group: mine\ntask: [gsm8k, own]\n")
    (tmp_path / "own.yaml").write_text("task: own\ndataset_path: json\n")
    assert harness_folders("b", tmp_path, ["mine"]) == [BUILT_IN / "gsm8k", tmp_path]


def test_needs_name_every_hub_dataset_and_config_once() -> None:
    v1, v2 = BENCHMARKS["open-llm-v1"], BENCHMARKS["open-llm-v2"]
    result = {(need.dataset, need.config) for need in needs(task_manager(v1), runs(v1))}
    assert len(result) == 57 + 5
    assert ("openai/gsm8k", "main") in result and ("Rowan/hellaswag", "default") in result
    result = {(need.dataset, need.config) for need in needs(task_manager(v2), runs(v2))}
    assert len(result) == 24 + 7 + 3 + 3
    assert ("TAUR-Lab/MuSR", "default") in result and ("SaylorTwift/bbh", "navigate") in result
    assert needs(task_manager(BENCHMARKS["tiny"]), runs(BENCHMARKS["tiny"])) == []


def test_a_data_root_without_the_data_says_so_before_anything_is_read(tmp_path: Path) -> None:
    benchmark = BENCHMARKS["open-llm-v2"]
    with (
        pytest.raises(Infrastructure, match=r"TIGER-Lab/MMLU-Pro \(no folder of that name\)"),
        local_data(task_manager(benchmark), runs(benchmark), tmp_path, tmp_path / "mirrors"),
    ):
        pass


def test_without_a_data_root_nothing_changes() -> None:
    before = Path.cwd()
    with local_data(task_manager(BENCHMARKS["tiny"]), [], None):
        assert Path.cwd() == before


def test_every_column_of_the_tiny_benchmark_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    benchmark = BENCHMARKS["tiny"]
    monkeypatch.setattr(lm_eval.evaluator, "add_env_info", lambda results: None)
    monkeypatch.setattr(lm_eval.evaluator, "add_tokenizer_info", lambda results, lm: None)
    monkeypatch.setenv("DISABLE_MULTIPROC", "1")
    made = lm_eval.evaluator.simple_evaluate(
        model="dummy", tasks=runs(benchmark), task_manager=task_manager(benchmark), limit=3, bootstrap_iters=10
    )
    scores, average = score(benchmark, made)
    assert {key: result.n for key, result in scores.items()} == {
        column.key: 3 * len(column.parts) for column in benchmark.columns
    }
    assert all(result.stderr is not None for result in scores.values()) and average is not None


QUESTIONS = """\
task: questions
dataset_path: json
dataset_kwargs: {data_files: {test: data/*.jsonl}}
output_type: multiple_choice
test_split: test
doc_to_text: "{{question}}"
doc_to_choice: choices
doc_to_target: answer
metric_list: [{metric: acc, aggregation: mean, higher_is_better: true}]
"""


def questions(folder: Path, outside: bool = False) -> Benchmark:
    """A benchmark whose task reads a file beside its definition, or beside the benchmarks' folder."""
    data = folder / ("elsewhere" if outside else "benchmarks/tasks/data")
    data.mkdir(parents=True)
    (folder / "benchmarks" / "tasks").mkdir(parents=True, exist_ok=True)
    (data / "q.jsonl").write_text('{"question": "1 + 1?", "choices": ["2", "3"], "answer": 0}\n')
    text = QUESTIONS.replace("data/*", "../../elsewhere/*") if outside else QUESTIONS
    (folder / "benchmarks" / "tasks" / "questions.yaml").write_text(text)
    return Benchmark.model_validate(
        {
            "id": "q", "version": "1", "title": "Q", "description": "", "harness": {"include_path": "tasks"},
            "columns": [{"key": "q", "title": "Q", "run": ["questions"],
                         "parts": [{"task": "questions", "metrics": ["acc,none"]}]}],
        }
    ).model_copy(update={"folder": folder / "benchmarks"})  # fmt: skip


@pytest.mark.parametrize("outside", [False, True])
def test_relative_data_files_are_read_from_wherever_a_job_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, outside: bool
) -> None:
    benchmark = questions(tmp_path, outside)
    (tmp_path / "scratch").mkdir()
    monkeypatch.chdir(tmp_path / "scratch")
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    task = load_tasks(benchmark, fewshot_groups(benchmark), None)[None].leaves["questions"]
    assert [row["question"] for row in task.eval_docs] == ["1 + 1?"]


@pytest.mark.parametrize("outside", [False, True])
def test_what_is_kept_for_resuming_depends_on_the_data_and_not_on_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, outside: bool
) -> None:
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    keys = []
    for place in ("here", "there", "changed"):
        benchmark = questions(tmp_path / place, outside)
        if place == "changed":
            (file,) = (tmp_path / place).rglob("q.jsonl")
            file.write_text(file.read_text().replace('"answer": 0', '"answer": 1'))
        workdir = Workdir(tmp_path / place / "job")
        workdir.prepare(JobOptions(evaluator=""))
        folders = folders_of(workdir, benchmark)
        task = load_tasks(benchmark, fewshot_groups(benchmark), None)[None].leaves["questions"]
        assert str(tmp_path) not in task_configuration(task, folders), "results name no place of this machine"
        keys.append(task_keys({}, {None: {"questions": task}}, folders)["questions"])
    assert keys[0] == keys[1] != keys[2]


def test_a_job_sees_the_data_files_of_its_tasks(tmp_path: Path) -> None:
    benchmark = questions(tmp_path, outside=True)
    launcher = Launcher(Settings(work_dir=tmp_path / "work"), {"q": benchmark}, tmp_path / "jobs")
    view = launcher.options("any", Resources(), benchmark).view
    assert {tmp_path / "benchmarks" / "tasks", tmp_path / "elsewhere" / "q.jsonl"} <= set(view.read)


def test_the_tables_of_the_checks_are_the_harness_s() -> None:
    structure = {"class", "group", "include", "tag", "task_list"}
    assert {field.name for field in fields(TaskConfig)} | structure == TASK_FIELDS
    assert packaged_modules._PACKAGED_DATASETS_MODULES.keys() >= FORMATS
    assert {kind: set(names) for kind, names in OUTPUT_TYPES.items()} == {
        kind: set(names) for kind, names in DEFAULT_METRIC_REGISTRY.items()
    }


@pytest.mark.soak
@pytest.mark.slow
def test_the_definitions_are_those_that_the_whole_harness_would_take() -> None:
    from lm_eval.tasks import TaskManager

    whole = TaskManager()
    for names in (runs(BENCHMARKS["open-llm-v1"]), runs(BENCHMARKS["open-llm-v2"])):
        narrow = TaskManager(
            include_path=[str(folder) for folder in harness_folders("b", None, names)], include_defaults=False
        )
        assert needs(narrow, names) == needs(whole, names) != []
        for need in needs(narrow, names):
            result, expected = narrow.task_index[need.task], whole.task_index[need.task]
            assert (result.yaml_path, result.cfg) == (expected.yaml_path, expected.cfg)
