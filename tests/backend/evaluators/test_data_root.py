"""The harness's own definitions read local files, and what is missing is said by name."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from backend.evaluators.data_root import DataRoot, Need
from leaderboard.benchmarks import load_benchmarks
from leaderboard.errors import Infrastructure
from leaderboard.statistics.scores import score
from tests.shared import ROOT, shared_data

BBH = Need("task_bbh", "SaylorTwift/bbh", "navigate")
MMLU = [Need(f"task_{name}", "cais/mmlu", name) for name in ("anatomy", "virology")]


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def write(path: Path, *lines: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    write(folder / "bbh" / "navigate.jsonl", {"input": "Left?", "target": "No"})
    for split in ("dev", "test"):
        questions = [{"question": f"{split} {name}", "subject": name} for name in ("anatomy", "virology", "anatomy")]
        write(folder / "mmlu" / f"{split}.jsonl", *questions)
    return folder


def front_matter(folder: Path) -> Any:
    return yaml.safe_load((folder / "README.md").read_text().strip("-\n"))


def test_a_mirror_has_a_folder_named_like_each_dataset(root: Path, tmp_path: Path) -> None:
    mirror = DataRoot(root, tmp_path / "mirrors").prepare([BBH, *MMLU])
    bbh, mmlu = mirror / "SaylorTwift" / "bbh", mirror / "cais" / "mmlu"
    files = [{"split": "test", "path": "data/navigate/test.jsonl"}]
    assert front_matter(bbh) == {"configs": [{"config_name": "navigate", "data_files": files}]}
    assert rows(bbh / "data/navigate/test.jsonl") == [{"input": "Left?", "target": "No"}]
    assert [config["config_name"] for config in front_matter(mmlu)["configs"]] == ["anatomy", "virology"]
    assert [row["question"] for row in rows(mmlu / "data/anatomy/dev.jsonl")] == ["dev anatomy", "dev anatomy"]


def test_a_mirror_is_used_again_until_a_file_changes(root: Path, tmp_path: Path) -> None:
    data = DataRoot(root, tmp_path / "mirrors")
    first = data.prepare([BBH])
    assert data.prepare([BBH]) == first == DataRoot(root, tmp_path / "mirrors").prepare([BBH])
    assert data.prepare([BBH, *MMLU]) != first
    write(root / "bbh" / "navigate.jsonl", {"input": "Right?", "target": "Yes"})
    assert data.prepare([BBH]) != first
    assert [path.name for path in (tmp_path / "mirrors").iterdir() if path.name.startswith(".")] == []


def test_a_folder_named_like_the_dataset_comes_first(root: Path, tmp_path: Path) -> None:
    write(root / "SaylorTwift" / "bbh" / "navigate" / "test.jsonl", {"input": "mine", "target": "Yes"})
    mirror = DataRoot(root, tmp_path / "mirrors").prepare([BBH, *MMLU])
    assert rows(mirror / "SaylorTwift/bbh/navigate/test.jsonl")[0]["input"] == "mine"


def test_everything_that_is_missing_is_said_at_once(root: Path, tmp_path: Path) -> None:
    needs = [
        BBH,
        BBH._replace(task="task_snarks", config="snarks"),
        Need("task_pro", "TIGER-Lab/MMLU-Pro", "default"),
        Need("task_if", "wis-k/instruction-following-eval", "default"),
        *(Need(f"gpqa_{at}", "Idavidrein/gpqa", f"c{at}") for at in range(5)),
    ]
    with pytest.raises(Infrastructure) as caught:
        DataRoot(root, tmp_path / "mirrors").prepare(needs)
    said = str(caught.value)
    assert "SaylorTwift/bbh (snarks), for task_bbh, task_snarks" in said
    assert "TIGER-Lab/MMLU-Pro (no folder of that name), for task_pro" in said
    assert "wis-k/instruction-following-eval (nltk_data/tokenizers/punkt_tab, default), for task_if" in said
    assert "Idavidrein/gpqa (no folder of that name), for gpqa_0, gpqa_1, gpqa_2 and 2 more" in said
    assert "openai" not in said and not (tmp_path / "mirrors").exists()


def test_rows_that_a_config_lacks_are_missing_too(root: Path, tmp_path: Path) -> None:
    with pytest.raises(Infrastructure, match="no rows whose 'subject' is 'astronomy'"):
        DataRoot(root, tmp_path / "mirrors").prepare([Need("t", "cais/mmlu", "astronomy")])
    assert list((tmp_path / "mirrors").iterdir()) == []


def test_the_data_root_may_describe_its_own_layout(root: Path, tmp_path: Path) -> None:
    write(root / "mine" / "b.jsonl", {"n": 1})
    text = "datasets:\n  owner/mine:\n    configs:\n      default:\n        test: [mine/a.jsonl, mine/b.jsonl]\n"
    (root / "data_root.yaml").write_text(text)
    mirror = DataRoot(root, tmp_path / "mirrors").prepare([BBH, Need("t", "owner/mine", "default")])
    assert rows(mirror / "owner/mine/data/default/test.jsonl") == [{"n": 1}]
    (root / "data_root.yaml").write_text(text.replace("configs:", "config:"))
    with pytest.raises(Infrastructure, match=r"data_root\.yaml:3: .*Allowed here: also, configs"):
        DataRoot(root, tmp_path / "mirrors").prepare([BBH])


def test_the_current_directory_comes_back(root: Path, tmp_path: Path) -> None:
    before = Path.cwd()
    with pytest.raises(KeyError), DataRoot(root, tmp_path / "mirrors").inside([BBH]) as mirror:
        assert Path.cwd() == mirror.resolve() and Path("SaylorTwift/bbh").is_dir()
        raise KeyError
    assert Path.cwd() == before


# The harness, off line

SCRIPT = """
import hashlib, json, sys
from pathlib import Path
import lm_eval.evaluator
from lm_eval import simple_evaluate
from backend.evaluators.tasks import local_data, task_manager
from leaderboard.benchmarks import load_benchmarks

root, names = Path(sys.argv[1]), json.loads(sys.argv[2])
found, evaluated = {}, {}
lm_eval.evaluator.add_env_info = lambda results: None
for benchmark, runs in names.items():
    manager = task_manager(load_benchmarks(Path(sys.argv[3]), [benchmark])[benchmark])
    with local_data(manager, runs, root):
        tasks = manager.load(runs)["tasks"]
        made = simple_evaluate(
            model="dummy", tasks=runs, task_manager=manager, limit=2, bootstrap_iters=10, log_samples=False
        )
    evaluated[benchmark] = {key: made[key] for key in ("results", "n-samples", "higher_is_better")}
    for name, task in tasks.items():
        task.set_fewshot_seed(1234)
        task.build_all_requests(limit=2, rank=0, world_size=1, cache_requests=False)
        prompts = [[str(part) for part in instance.args] for instance in task.instances]
        digest = hashlib.sha256(json.dumps(prompts).encode()).hexdigest()
        found[name] = {"docs": len(task.eval_docs), "doc": task.eval_docs[0], "prompt": prompts[0][0], "hash": digest}
print("FOUND", json.dumps({"tasks": found, "evaluated": evaluated}))
"""
RUNS = {
    "open-llm-v2": [
        "leaderboard_bbh_boolean_expressions",
        "leaderboard_bbh_navigate",
        "leaderboard_bbh_object_counting",
        "leaderboard_ifeval",
        "leaderboard_musr",
        "leaderboard_mmlu_pro",
    ],
    "open-llm-v1": ["gsm8k", "mmlu_anatomy", "mmlu_virology", "arc_challenge"],
}


def load_off_line(root: Path, home: Path) -> dict[str, Any]:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "HF_HOME": str(home / "hub"),
        "HF_HUB_OFFLINE": "1",
        "HF_ENDPOINT": "http://127.0.0.1:9",
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-c", SCRIPT, str(root), json.dumps(RUNS), str(ROOT / "benchmarks")]
    done = subprocess.run(command, env=environment, cwd=home, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-3000:]
    result: dict[str, Any] = json.loads(done.stdout.split("FOUND ")[1])
    return result


def with_mmlu_pro(folder: Path) -> Path:
    """A data root with all of the real data, and a dataset of our own in a folder named like the Hub's."""
    folder.mkdir()
    for path in shared_data("benchmarks").iterdir():
        (folder / path.name).symlink_to(path)
    for split, count in (("test", 3), ("validation", 6)):
        questions = [
            {"question": f"{split} {at}?", "options": ["a", "b"], "answer": "A", "answer_index": 0, "category": "x"}
            for at in range(count)
        ]
        write(folder / "TIGER-Lab" / "MMLU-Pro" / f"{split}.jsonl", *questions)
    return folder


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    home = tmp_path_factory.mktemp("home")
    return load_off_line(with_mmlu_pro(home / "data"), home)


@pytest.fixture
def loaded(said: dict[str, Any]) -> Any:
    return said["tasks"]


@pytest.mark.soak
@pytest.mark.parametrize(
    ("task", "file", "docs", "field"),
    [
        ("leaderboard_bbh_boolean_expressions", "bbh/boolean_expressions.jsonl", 250, "input"),
        ("leaderboard_bbh_navigate", "bbh/navigate.jsonl", 250, "input"),
        ("leaderboard_bbh_object_counting", "bbh/object_counting.jsonl", 250, "input"),
        ("leaderboard_ifeval", "ifeval/input_data.jsonl", 541, "prompt"),
        ("leaderboard_musr_murder_mysteries", "musr/murder_mysteries.jsonl", 5, "narrative"),
        ("leaderboard_musr_object_placements", "musr/object_placements.jsonl", 20, "narrative"),
        ("leaderboard_musr_team_allocation", "musr/team_allocation.jsonl", 5, "narrative"),
        ("gsm8k", "gsm8k/test.jsonl", 1319, "question"),
        ("mmlu_anatomy", "mmlu/test.jsonl", 10, "question"),
        ("arc_challenge", "arc_challenge/test.jsonl", 1150, "question"),
    ],
)
def test_the_harness_reads_the_files_as_they_are(
    loaded: dict[str, Any], task: str, file: str, docs: int, field: str
) -> None:
    first = next(row for row in rows(shared_data(f"benchmarks/{file}")) if row.get("subject") in (None, "anatomy"))
    assert loaded[task]["docs"] == docs
    assert loaded[task]["doc"][field] == first[field]
    assert first[field].strip() in loaded[task]["prompt"]


def test_the_harness_reads_a_folder_named_like_the_dataset(loaded: dict[str, Any]) -> None:
    assert loaded["leaderboard_mmlu_pro"]["docs"] == 3
    assert loaded["leaderboard_mmlu_pro"]["doc"]["question"] == "test 0?"
    assert loaded["leaderboard_mmlu_pro"]["prompt"].startswith("validation 0?\nA. a")


def test_prompts_are_the_same_from_another_folder(loaded: dict[str, Any], tmp_path: Path) -> None:
    again = load_off_line(with_mmlu_pro(tmp_path / "other"), tmp_path)["tasks"]
    assert {name: result["hash"] for name, result in again.items()} == {
        name: result["hash"] for name, result in loaded.items()
    }
    assert len(loaded) == 12


@pytest.mark.parametrize(
    ("benchmark", "key", "n"),
    [
        ("open-llm-v2", "ifeval", 2),
        ("open-llm-v2", "musr", 6),
        ("open-llm-v2", "mmlu_pro", 2),
        ("open-llm-v1", "arc", 2),
        ("open-llm-v1", "gsm8k", 2),
    ],
)
def test_columns_are_made_of_what_the_harness_reports(said: dict[str, Any], benchmark: str, key: str, n: int) -> None:
    scores, _ = score(load_benchmarks(ROOT / "benchmarks")[benchmark], said["evaluated"][benchmark])
    result = scores[key]
    assert result.raw is not None and result.normalised is not None and result.stderr is not None
    assert result.n == n


def test_metrics_of_parts_have_the_names_that_the_harness_writes(said: dict[str, Any]) -> None:
    for benchmark, made in said["evaluated"].items():
        parts = {
            part.task: part
            for column in load_benchmarks(ROOT / "benchmarks")[benchmark].columns
            for part in column.parts
        }
        for task, row in made["results"].items():
            assert task not in parts or set(parts[task].metrics) <= row.keys(), task
