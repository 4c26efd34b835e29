"""Bringing old boards: three layouts, from folders and from the Hub, again and again without duplicates."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from huggingface_hub import HfApi

import localhub
from leaderboard.benchmarks import Benchmark, load_benchmarks
from leaderboard.board.contents import Contents
from leaderboard.cli.__main__ import main
from leaderboard.errors import AlreadyRequested
from leaderboard.importer import Importer, Report
from leaderboard.importer.sources import BoardFolder, open_source
from leaderboard.queue.queue import Queue
from leaderboard.queue.request_files import is_foreign
from leaderboard.records import Request, Status
from leaderboard.results.results import Results
from leaderboard.settings import Settings
from leaderboard.stores.local import LocalStore
from tests.leaderboard.old_boards import SHA, V1_TASKS, measures, request, requests_v2, result_v1, result_v2, write
from tests.shared import ROOT, shared_data

BENCHMARKS = load_benchmarks(ROOT / "benchmarks", ["tiny", "open-llm-v1"])
TINY, V1 = BENCHMARKS["tiny"], BENCHMARKS["open-llm-v1"]
NAME = "{}_eval_request_False_bfloat16_Original.json"


class Board:
    """A Podium to import into."""

    def __init__(self, root: Path) -> None:
        self.queue = Queue(LocalStore(root / "requests"))
        self.store = LocalStore(root / "results")
        self.results = Results(self.store)
        self.contents = Contents(self.store, self.queue, BENCHMARKS)

    def take(self, *folders: Path, benchmark: Benchmark = TINY, write: bool = True) -> Report:
        made = Importer(self.queue, self.results, self.store, benchmark, write)
        return made.run([BoardFolder(folder) for folder in folders])

    def files(self) -> dict[str, str]:
        return self.queue.store.list() | self.store.list()


@pytest.fixture
def board(tmp_path: Path) -> Board:
    return Board(tmp_path / "board")


def counts(one: Any) -> tuple[int, int, int, int]:
    return one.new, one.updated, one.unchanged, one.kept


# --- requests


def test_requests_are_read_in_our_words_and_keep_their_own(board: Board, tmp_path: Path) -> None:
    report = board.take(requests_v2(tmp_path / "requests"))
    assert counts(report.requests) == (6, 0, 0, 0)
    view = board.queue.view()
    assert view.set_aside == []
    result = {element.model: element for element in view.requests}
    assert {model: entry.status for model, entry in result.items()} == {
        "org/ok": Status.FINISHED,
        "org/chat": Status.FINISHED,
        "org/failed": Status.FAILED,
        "org/waits": Status.PENDING,
        "org/branch": Status.PENDING,
        "gpt2": Status.FINISHED,
    }
    ok = result["org/ok"]
    assert (ok.params, ok.job_id, ok.model_type, ok.sender) == (
        None,
        None,
        "chat models (RLHF, DPO, IFT, ...)",
        "somebody",
    )
    stored = json.loads(board.queue.raw(ok.id))
    assert stored["a_new_field"] == {"kept": [1]} and stored["params"] == -1 and stored["job_id"] == "-1"
    assert stored["imported"] == {"from": "requests", "path": NAME.format("org/ok")}
    assert all(is_foreign(item) and item.benchmark == "tiny" for item in view.requests)


def test_what_cannot_be_read_is_told_with_its_reason(board: Board, tmp_path: Path) -> None:
    report = board.take(requests_v2(tmp_path / "requests"))
    reasons = {item.file: item.reason for item in report.refused}
    unusable = ("org/broken", "org/list", "org/evil", "org/nostatus")
    assert set(reasons) == {*map(NAME.format, unusable), "org/notes.json"}
    assert "'../../evil' is not a Hub repository id" in reasons[NAME.format("org/evil")]
    assert "it is not JSON" in reasons[NAME.format("org/broken")]
    assert "status" in reasons[NAME.format("org/nostatus")]
    assert report.passed_over == 1
    assert not any("evil" in path for path in board.files())


def test_an_imported_checkpoint_is_not_queued_a_second_time(board: Board, tmp_path: Path) -> None:

    board.take(requests_v2(tmp_path / "requests"))
    with pytest.raises(AlreadyRequested):
        board.queue.submit(Request(benchmark="tiny", model="org/ok", revision=SHA["ok"], sender="ann"))


def test_importing_again_changes_only_what_changed_there(board: Board, tmp_path: Path) -> None:
    requests, results = requests_v2(tmp_path / "requests"), tmp_path / "results"
    write(results, "org/ok/results_2024-06-26T11-00-00.123456.json", result_v2(TINY, "org/ok", SHA["ok"]))
    board.take(requests, results)
    before = board.files()
    again = board.take(requests, results)
    assert (counts(again.requests), counts(again.results)) == ((0, 0, 6, 0), (0, 0, 1, 0))
    assert board.files() == before

    write(requests, NAME.format("org/waits"), request("org/waits", "main", "FAILED"))
    write(requests, NAME.format("org/more"), request("org/more", SHA["old"]))
    write(results, "org/ok/results_2024-06-26T11-00-00.123456.json", result_v2(TINY, "org/ok", SHA["ok"], 0.75))
    third = board.take(requests, results)
    assert (counts(third.requests), counts(third.results)) == ((1, 1, 5, 0), (0, 1, 0, 0))
    assert len(board.contents.frame("tiny")) == 1


def test_what_was_changed_here_is_left_alone(board: Board, tmp_path: Path) -> None:
    requests = requests_v2(tmp_path / "requests")
    board.take(requests)
    failed = next(item for item in board.queue.view().requests if item.model == "org/failed")
    board.queue.relaunch(failed, "mia")
    report = board.take(requests)
    assert counts(report.requests) == (0, 0, 5, 1)
    assert board.queue.get(failed.id).status is Status.PENDING


def test_check_tells_and_writes_nothing(board: Board, tmp_path: Path) -> None:
    report = board.take(requests_v2(tmp_path / "requests"), write=False)
    assert report.requests.new == 6 and board.files() == {}


# --- results


def test_results_of_lm_eval_become_rows_with_their_requests(board: Board, tmp_path: Path) -> None:
    results = tmp_path / "results"
    write(results, "org/ok/results_2024-06-26T11-00-00.123456.json", result_v2(TINY, "org/ok", SHA["ok"], 0.75))
    report = board.take(requests_v2(tmp_path / "requests"), results)
    assert counts(report.results) == (1, 0, 0, 0)
    table = board.contents.frame("tiny")
    [row] = table.to_dict("records")
    assert (row["fullname"], row["Precision"], row["Model sha"], row["sender"]) == (
        "org/ok",
        "bfloat16",
        SHA["ok"],
        "somebody",
    )
    assert row["Type"] == "chat models (RLHF, DPO, IFT, ...)" and row["evaluation_time_s"] == 123.5
    [path] = board.results.of_model("tiny", "org/ok")
    kept = board.results.read(path)
    assert kept["made_by_a_fork"] == "kept" and kept["task_hashes"]["tiny_dates"] == "abc"
    assert "pretty_env_info" not in kept and kept["results"] == result_v2(TINY, "org/ok", SHA["ok"], 0.75)["results"]
    assert kept["podium"]["provenance"]["imported"]["path"] == "org/ok/results_2024-06-26T11-00-00.123456.json"


def test_runs_with_a_limit_come_over_and_stay_off_the_board(board: Board, tmp_path: Path) -> None:
    cut = result_v2(TINY, "org/ok", SHA["ok"])
    cut["config"]["limit"] = 10.0
    write(tmp_path, "org/ok/results_2024-06-26T11-00-00.json", cut)
    assert board.take(tmp_path).results.new == 1
    assert board.contents.frame("tiny").empty


def test_a_few_tasks_at_a_time_make_one_row(board: Board, tmp_path: Path) -> None:
    first, second = (result_v2(TINY, "org/ok", SHA["ok"]) for _ in range(2))
    tasks = measures(TINY, 0.5)
    cut = list(tasks)[:3]
    first["results"] = {task: tasks[task] for task in cut}
    second["results"] = {task: tasks[task] for task in tasks if task not in cut}
    write(tmp_path, "org/ok/results_2024-06-27T00-00-00.json", second)
    write(tmp_path, "org/ok/results_2024-06-26T00-00-00.json", first)
    board.take(tmp_path)
    [row] = board.contents.frame("tiny").to_dict("records")
    assert row["Average ⬆️"] > 0 and row["attempt"] == 2


def test_the_demo_template(board: Board, tmp_path: Path) -> None:
    plain = {
        task: {metric.split(",")[0]: value for metric, value in result.items()}
        for task, result in measures(TINY, 0.5).items()
    }
    answer = {
        "config": {"model_dtype": "torch.float16", "model_name": "org/demo", "model_sha": "main"},
        "results": plain,
    }
    write(tmp_path, "demo-leaderboard/gpt2-demo/results_2023-11-21 18:10:08.123.json", answer)
    write(
        tmp_path,
        "org/demo_eval_request_False_float16_Original.json",
        {"model": "org/demo", "base_model": "", "revision": "main", "private": False, "precision": "float16",
         "weight_type": "Original", "status": "FINISHED", "submitted_time": "2023-11-21T18:06:08Z",
         "model_type": "🟢 : pretrained", "likes": 0, "params": 0.1, "license": "custom"},
    )  # fmt: skip
    report = board.take(tmp_path)
    assert report.refused == [] and report.results.new == 1
    [row] = board.contents.frame("tiny").to_dict("records")
    assert (row["fullname"], row["Precision"], row["Type"], row["Hub License"]) == (
        "org/demo", "float16", "pretrained", "custom")  # fmt: skip
    assert row["Average ⬆️"] > 0 and row["result_path"].endswith("results_2023-11-21T18-10-08Z.json")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("[]", "no `results`"),
        ("{", "not JSON"),
        ('{"results": {}}', "measures no task"),
        ('{"results": {"other": {"acc": 1}}}', "it has: other"),
        ('{"results": 3}', "no `results`"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_results_that_cannot_be_used_are_told(board: Board, tmp_path: Path, content: str, reason: str) -> None:
    write(tmp_path, "org/x/results_2024-06-26T11-00-00.json", content)
    [refused] = board.take(tmp_path).refused
    assert reason in refused.reason and board.files() == {}


@pytest.mark.parametrize("name", ["results_latest.json", "results_2024-13-45T99-00-00.json"])
def test_a_result_needs_a_time(board: Board, tmp_path: Path, name: str) -> None:
    write(tmp_path, f"org/x/{name}", result_v2(TINY, "org/x", SHA["ok"]))
    [refused] = board.take(tmp_path).refused
    assert "does not say when it ran" in refused.reason


def test_links_out_of_the_folder_are_not_followed(board: Board, tmp_path: Path) -> None:
    secret = write(tmp_path, "secret.json", request("org/ok", SHA["ok"]))
    link = tmp_path / "old" / "org" / NAME.format("ok")
    link.parent.mkdir(parents=True)
    link.symlink_to(secret)
    [refused] = board.take(tmp_path / "old").refused
    assert "leads out" in refused.reason


def test_old_mmlu_is_left_out(board: Board, tmp_path: Path) -> None:
    answer = result_v1(V1, "org/old", SHA["old"], dict.fromkeys([*V1_TASKS, "mmlu"], 0.5))
    answer["versions"] = dict.fromkeys(answer["results"], 0)
    write(tmp_path, "org/old/results_2023-09-01T00-00-00.000000.json", answer)
    board.take(tmp_path, benchmark=V1)
    [row] = board.contents.frame("open-llm-v1").to_dict("records")
    assert row["ARC"] == 50 and pd.isna(row["MMLU"]), "versions 0 of MMLU were wrong"


def test_the_first_boards_scores_come_out_as_it_published_them(board: Board, tmp_path: Path) -> None:
    with shared_data("open_llm/v1_results_sample.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["complete"] == "True" and "/" in row["name"]][:40]
    keys = ("arc", "hellaswag", "mmlu", "truthfulqa", "winogrande", "gsm8k")
    for number, row in enumerate(rows):
        answer = result_v1(V1, row["name"], row["sha"], {key: float(row[key]) / 100 for key in keys})
        write(tmp_path, f"{row['name']}/results_2024-01-01T00-00-{number:02}.000000.json", answer)
    report = board.take(tmp_path, benchmark=V1)
    assert report.refused == []
    averages = board.contents.frame("open-llm-v1").set_index("fullname")["Average ⬆️"]
    for row in rows:
        assert averages[row["name"]] == pytest.approx(float(row["avg"]), abs=1e-6)


# --- from the Hub, and the command


def test_from_a_dataset_on_the_hub(board: Board, tmp_path: Path) -> None:
    old = requests_v2(tmp_path / "old")
    write(old, "org/ok/results_2024-06-26T11:00:00.123456.json", result_v2(TINY, "org/ok", SHA["ok"]))
    with localhub.running(tmp_path / "hub", tokens={"ann": "hf_ann"}) as hub:
        api = HfApi(hub.endpoint, token="hf_ann")
        api.create_repo("ann/requests", repo_type="dataset")
        api.upload_folder(repo_id="ann/requests", repo_type="dataset", folder_path=str(old))
        source = open_source("ann/requests", Settings(hub_endpoint=hub.endpoint))
        report = Importer(board.queue, board.results, board.store, TINY).run([source])
    assert (counts(report.requests), counts(report.results)) == ((6, 0, 0, 0), (1, 0, 0, 0))
    assert {item.source for item in report.refused} == {"ann/requests"} and len(report.refused) == 5


@pytest.fixture
def settled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("requests", "results", "work"):
        monkeypatch.setenv(f"PODIUM_{name.upper()}_DIR", str(tmp_path / "board" / name))
    monkeypatch.setenv("PODIUM_BENCHMARKS", "tiny")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    return requests_v2(tmp_path / "old")


def test_the_command(settled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import", str(settled), "--benchmark", "tiny", "--check"]) == 6
    assert "6 would be new" in capsys.readouterr().out
    assert main(["import", str(settled), "--benchmark", "tiny"]) == 6
    shown = capsys.readouterr().out
    assert "✓ requests: 6 new" in shown and "5 files not imported" in shown and "not JSON" in shown
    assert main(["import", str(settled), "--benchmark", "tiny", "--json"]) == 6
    assert json.loads(capsys.readouterr().out)["requests"]["unchanged"] == 6


def test_the_command_says_what_is_wrong_and_exits_by_class(settled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import", str(settled), "--benchmark", "none"]) == 1
    assert "There is no benchmark 'none' here" in capsys.readouterr().err
    assert main(["import", "/no/such/folder", "--benchmark", "tiny"]) == 1
    assert "neither a folder here" in capsys.readouterr().err
    assert main(["import", "org/dataset", "--benchmark", "tiny"]) == 3
    assert "Hub" in capsys.readouterr().err
    assert main(["import", str(settled)]) == 2
    assert "--benchmark" in capsys.readouterr().err


def test_a_wrong_setting_has_its_own_exit_code(settled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PODIUM_PORT", "many")
    assert main(["import", str(settled), "--benchmark", "tiny"]) == 2
