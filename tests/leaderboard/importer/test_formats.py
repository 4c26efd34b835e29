"""What else is brought: Every Eval Ever files, plain output of lm_eval with its samples, and an old board's table."""

from __future__ import annotations

import csv
import json
import tracemalloc
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from rich.progress import Progress as Bars

from leaderboard.benchmarks import load_benchmarks
from leaderboard.cli.__main__ import main
from leaderboard.cli.import_ import stepping
from leaderboard.errors import NotFound
from leaderboard.importer import Importer, Report
from leaderboard.importer.sources import BoardFolder
from leaderboard.models.facts import KnownModels, facts_file, facts_path
from leaderboard.models.summary import summary
from leaderboard.records import ModelFacts, PodiumBlock, is_repo_id
from leaderboard.results.every_eval_ever import ResultSource, export
from tests.leaderboard.importer.test_importer import NAME, TINY, Board, counts
from tests.leaderboard.old_boards import SHA, request, result_v2, write
from tests.shared import ROOT, shared_data

V2 = load_benchmarks(ROOT / "benchmarks", ["open-llm-v2"])["open-llm-v2"]
STAMP = "2024-06-26T11-00-00.123456"


@pytest.fixture
def board(tmp_path: Path) -> Board:
    return Board(tmp_path / "board")


def only(board: Board, benchmark: str, model: str) -> tuple[str, PodiumBlock]:
    [(path, block)] = board.results.of_model(benchmark, model).items()
    return path, block


# --- Every Eval Ever


def evaluation(name: str, score: Any, description: str = "", **more: Any) -> dict[str, Any]:
    config = {"evaluation_description": description, "lower_is_better": False, "min_score": 0, "max_score": 1}
    return {"evaluation_name": name, "metric_config": config | more, "score_details": {"score": score}}


def document(model: str, evaluations: list[dict[str, Any]], **details: Any) -> dict[str, Any]:
    """As the schema's adapter for the second Open LLM Leaderboard writes them."""
    return {
        "schema_version": "0.1.0",
        "evaluation_id": f"hfopenllm_v2/{model.replace('/', '_')}/1762652579.46",
        "retrieved_timestamp": "1762652579.462642",
        "source_metadata": {"source_name": "HF Open LLM v2", "source_type": "documentation"},
        "model_info": {"name": model, "id": model, "additional_details": {"precision": "bfloat16", **details}},
        "evaluation_results": evaluations,
    }


COLUMNS = {"IFEval": 0.33, "BBH": 0.36, "MATH Level 5": 0.014, "GPQA": 0.26, "MUSR": 0.38, "MMLU-PRO": 0.116}


def test_files_of_the_second_board(board: Board, tmp_path: Path) -> None:
    """Scores of whole columns: what does not follow from them, such as the points of BBH, stays unknown."""
    path = "data/hfopenllm_v2/org/_ok/40e80d5e-db72-46b7-bd14-b7d005df4be8.json"
    write(tmp_path / "eee", path, document("org/_ok", [evaluation(*each) for each in COLUMNS.items()]))
    write(tmp_path / "eee", "data/x_samples.jsonl", "{}")
    report = board.take(tmp_path / "eee", benchmark=V2)
    assert (counts(report.results), report.refused, report.passed_over) == ((1, 0, 0, 0), [], 1)
    place, block = only(board, "open-llm-v2", "org/_ok")
    assert {key: score.raw for key, score in block.scores.items()} == dict(
        zip(block.scores, COLUMNS.values(), strict=True)
    )
    points = {key: score.normalised for key, score in block.scores.items()}
    assert points["ifeval"] == pytest.approx(33) and points["mmlu_pro"] == pytest.approx((0.116 - 0.1) / 0.9 * 100)
    assert (points["bbh"], points["musr"], block.average) == (None, None, None)
    assert (block.precision, block.time, block.revision) == ("bfloat16", "2025-11-09T01:42:59Z", "main")
    assert json.loads(board.store.read(place)[0])["every_eval_ever"]["model_info"]["id"] == "org/_ok"
    assert counts(board.take(tmp_path / "eee", benchmark=V2).results) == (0, 0, 1, 0)


def test_what_this_board_exports_comes_back_as_it_was(board: Board, tmp_path: Path) -> None:
    write(tmp_path / "old", f"org/ok/results_{STAMP}.json", result_v2(TINY, "org/ok", SHA["ok"]))
    board.take(tmp_path / "old")
    path, before = only(board, "tiny", "org/ok")
    exported = export(json.loads(board.store.read(path)[0]), TINY, ResultSource("Board", "https://example.org"))
    write(tmp_path / "eee", "some.json", exported)
    other = Board(tmp_path / "other")
    assert other.take(tmp_path / "eee").refused == []
    _, after = only(other, "tiny", "org/ok")
    assert (after.revision, after.precision, after.time) == (before.revision, before.precision, before.time)
    assert {key: score.raw for key, score in after.scores.items()} == {
        key: score.raw for key, score in before.scores.items()
    }
    assert after.average == pytest.approx(before.average)


def test_files_of_the_schemas_converter_are_joined_task_by_task(board: Board, tmp_path: Path) -> None:
    parts = [part for column in TINY.columns for part in column.parts]
    for number, part in enumerate(parts):
        metrics = []
        for metric in part.metrics:
            name, _, filter_name = metric.partition(",")
            task = part.task if filter_name == "none" else f"{part.task}/{filter_name}"
            metrics.append(evaluation(task, 0.5, name if filter_name == "none" else f"{name} (filter: {filter_name})"))
        content = document("org/ok", metrics, revision=SHA["ok"]) | {"evaluation_timestamp": str(1719400000 + number)}
        write(tmp_path / "eee", f"{number}.json", content)
    report = board.take(tmp_path / "eee")
    *_, last = board.results.of_model("tiny", "org/ok").values()
    assert all(score.raw == 0.5 for score in last.scores.values()) and last.average is not None, report.refused


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"model_info": {"id": "../../x"}}, "is not a Hub repository id"),
        ({"retrieved_timestamp": "soon"}, "says when it was made"),
        ({"retrieved_timestamp": "1e300"}, "says when it was made"),
        ({"retrieved_timestamp": "0001-01-01"}, "says when it was made"),
        ({"evaluation_results": [7, {"evaluation_name": 7}, evaluation("IFEval", 1e300)]}, "it measures no task"),
        ({"evaluation_results": [evaluation("IFEval", "NaN"), evaluation("BBH", -1)]}, "it measures no task"),
        ({"evaluation_results": {}}, "nor is it in the Every Eval Ever schema"),
    ],
)
def test_documents_that_make_no_sense(board: Board, tmp_path: Path, change: dict[str, Any], reason: str) -> None:
    write(tmp_path / "eee", "x.json", document("org/ok", [evaluation("IFEval", 0.5)]) | change)
    [refused] = board.take(tmp_path / "eee", benchmark=V2).refused
    assert reason in refused.reason


def test_percentages_are_shares(board: Board, tmp_path: Path) -> None:
    write(tmp_path / "eee", "x.json", document("org/ok", [evaluation("IFEval", 33.0, max_score=100)]))
    board.take(tmp_path / "eee", benchmark=V2)
    assert only(board, "open-llm-v2", "org/ok")[1].scores["ifeval"].raw == pytest.approx(0.33)


# --- lm_eval's output


def samples(number: int) -> str:
    """As lm-eval logs them; the first ones as in 2024, without the names of their metrics."""
    rows = [
        {
            "doc_id": at,
            "doc": {"question": f"number {at}"},
            "target": "A",
            "arguments": {"gen_args_0": {"arg_0": f"Q: {at}", "arg_1": " A"}},
            "resps": [[["-1.5", "False"]]],
            "filtered_resps": [["-1.5", "False"]],
            "doc_hash": "d",
            "acc": float(at % 2),
        }
        | ({} if at < 3 else {"metrics": ["acc"]})
        for at in range(number)
    ]
    return "\n".join(map(json.dumps, rows))


def test_an_output_folder_comes_with_its_examples(board: Board, tmp_path: Path) -> None:
    task, other = (column.parts[0].task for column in TINY.columns[:2])
    out = tmp_path / "out"
    written = result_v2(TINY, "org/ok", SHA["ok"])
    written["config"] |= {"model_dtype": None, "limit": 600}
    write(out, f"org__ok/results_{STAMP}.json", {key: value for key, value in written.items() if key != "model_name"})
    write(out, f"org__ok/samples_{task}_{STAMP}.jsonl", samples(600))
    write(out, f"org__ok/samples_{other}_{STAMP}.jsonl", "{")
    write(out, f"org__ok/samples_{task}_2024-06-27T11-00-00.123456.jsonl", samples(2))
    report = board.take(out)
    assert (counts(report.results), counts(report.details), report.passed_over) == ((1, 0, 0, 0), (1, 0, 0, 0), 1)
    [refused] = report.refused
    assert (
        refused.file.startswith(f"org__ok/samples_{other}") and "does not hold the harness's samples" in refused.reason
    )
    _, block = only(board, "tiny", "org/ok")
    assert (block.precision, block.limit, report.limited) == ("bfloat16", 600, 1), "it is told that it is not shown"
    assert board.results.tasks(block) == [task]
    assert board.results.count_examples(block, task) == 600 and board.results.count_examples(block, task, True) == 300
    [row] = board.results.examples(block, task, 599, 1)
    assert (row["doc"], row["right"]) == ({"question": "number 599"}, True)
    again = board.take(out)
    assert (counts(again.results), counts(again.details)) == ((0, 0, 1, 0), (0, 0, 1, 0))


def test_examples_that_nobody_may_see_stay_behind(board: Board, tmp_path: Path) -> None:
    first, *others = TINY.columns
    task, shown = first.parts[0].task, others[0].parts[0].task
    benchmark = TINY.model_copy(update={"columns": [first.model_copy(update={"private": True}), *others]})
    write(tmp_path, f"out/results_{STAMP}.json", result_v2(TINY, "org/ok", SHA["ok"]))
    for name in (task, shown):
        write(tmp_path, f"out/samples_{name}_{STAMP}.jsonl", samples(2))
    board.take(tmp_path / "out", benchmark=benchmark)
    _, block = only(board, "tiny", "org/ok")
    assert board.results.tasks(block) == [shown]
    with pytest.raises(NotFound):
        board.results.examples(block, task, 0, 1)


# --- what was known of the models


def test_what_the_old_board_knew_is_kept_until_the_hub_was_asked(board: Board, tmp_path: Path) -> None:
    old = tmp_path / "old"
    heads = "fullname,Model sha,Hub License,Hub ❤️,Available on the hub,MoE,Merged,Base Model,Upload To Hub Date"
    rows = [f"org/ok,{SHA['ok']},,7,False,True,True,org/base,2024-06-01", "org/other,x,mit,1,True,False,False,,"]
    write(old, "data/contents.csv", "\n".join([heads, *rows]))
    write(old, "data/train-00000.csv", "a,b\n1,2\n")
    write(old, NAME.format("org/ok"), request("org/ok", SHA["ok"], license="apache-2.0"))
    write(old, f"org/ok/results_{STAMP}.json", result_v2(TINY, "org/ok", SHA["ok"]))
    report = board.take(old)
    assert (counts(report.facts), report.passed_over, report.refused) == ((1, 0, 0, 0), 1, [])
    models = KnownModels(board.store)
    assert models.models() == ["org/ok"], "of models without a result nothing is asked"
    facts = models.get("org/ok")
    assert facts is not None and facts.imported and facts.revision == SHA["ok"]
    assert (facts.license, facts.likes, facts.available) == ("apache-2.0", 7, False)
    row = board.contents.frame("tiny").iloc[0]
    assert (row["Merged"], row["MoE"], row["Available on the hub"], row["Hub ❤️"]) == (True, True, False, 7)
    assert (row["Base Model"], row["Upload To Hub Date"], row["Hub License"]) == (
        "org/base",
        "2024-06-01",
        "apache-2.0",
    )

    learned = ModelFacts(model="org/ok", revision=SHA["ok"], likes=9)
    board.store.commit({facts_path("org/ok"): facts_file(learned)}, "Asked")
    assert counts(board.take(old).facts) == (0, 0, 0, 1)
    assert KnownModels(board.store).get("org/ok") == summary(learned)


def test_the_real_table(board: Board, tmp_path: Path) -> None:
    table = shared_data("open_llm/contents_sample.csv")
    with table.open(newline="") as file:
        names = {row["fullname"]: row for row in csv.DictReader(file)}
    assert all(map(is_repo_id, names))
    write(tmp_path / "old", "contents.csv", table.read_text())
    chosen = [name for name, row in names.items() if row["Merged"] == "True"][:3]
    for name in chosen:
        write(tmp_path / "old", f"{name}/results_{STAMP}.json", result_v2(V2, name, names[name]["Model sha"]))
    assert board.take(tmp_path / "old", benchmark=V2).facts.new == 3
    for name in chosen:
        facts = KnownModels(board.store).get(name)
        assert facts is not None and facts.is_merge
        assert (facts.likes or 0) == float(names[name]["Hub ❤️"]) and facts.license in (names[name]["Hub License"], None)


# --- how much memory, what is told


def test_memory_does_not_grow_with_the_board(board: Board, tmp_path: Path) -> None:
    """60 results of 200 kB: 12 MB of JSON, of which only some are in memory at a time."""
    content = result_v2(TINY, "org/x", SHA["ok"], filler=["x" * 2000] * 100)
    for number in range(60):
        write(tmp_path / "old", f"org/m{number}/results_{STAMP}.json", content | {"model_name": f"org/m{number}"})
    tracemalloc.start()
    try:
        assert board.take(tmp_path / "old").results.new == 60
        assert tracemalloc.get_traced_memory()[1] < 18 << 20
    finally:
        tracemalloc.stop()


def test_each_step_tells_how_far_it_is(board: Board, tmp_path: Path) -> None:
    write(tmp_path / "old", NAME.format("org/ok"), request("org/ok", SHA["ok"]))
    for at in range(3):
        write(tmp_path / "old", f"org/m{at}/results_{STAMP}.json", result_v2(TINY, f"org/m{at}", SHA["ok"]))
    with Bars(console=Console(file=StringIO(), force_terminal=True)) as shown:
        importer = Importer(
            board.queue, board.results, board.store, TINY, progress=stepping(shown.add_task, shown.update)
        )
        importer.run([BoardFolder(tmp_path / "old")])
        steps = {task.description: (task.completed, task.total) for task in shown.tasks}
    assert steps == {"requests": (1, 1), "reading results": (3, 3), "results": (3, 3), "facts of models": (3, 3)}


def test_reasons_are_told_once() -> None:
    files = [{"source": "a", "file": f"f{at}", "reason": f"its model '{at}' is no id ({at})"} for at in range(50)]
    report = Report.model_validate({"benchmark": "tiny", "refused": [*files, files[0] | {"reason": "it is not JSON"}]})
    assert [(reason.files, reason.example) for reason in report.reasons()] == [(50, "f0"), (1, "f0")]


def test_the_exit_code_says_whether_something_was_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("requests", "results", "work"):
        monkeypatch.setenv(f"PODIUM_{name.upper()}_DIR", str(tmp_path / "board" / name))
    monkeypatch.setenv("PODIUM_BENCHMARKS", "tiny")
    write(tmp_path / "old", NAME.format("org/ok"), request("org/ok", SHA["ok"]))
    assert main(["import", str(tmp_path / "old"), "--benchmark", "tiny"]) == 0
    for at in range(30):
        write(tmp_path / "old", f"org/broken{at}.json", "{")
    assert main(["import", str(tmp_path / "old"), "--benchmark", "tiny"]) == 6
    shown = capsys.readouterr().out
    assert "30 files: it is not JSON" in shown and shown.count("broken") == 1
    assert main(["import", str(tmp_path / "old"), "--benchmark", "tiny", "--json"]) == 6
    told = json.loads(capsys.readouterr().out)
    assert (told["code"], told["exit"], len(told["refused"])) == ("incomplete", 6, 30)
