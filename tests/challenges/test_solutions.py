"""Every baseline and every good and bad solution of the shipped challenges gets what `solutions.yaml` says of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from backend.failures import JobFailed
from backend.sandbox.programs import missing
from leaderboard.benchmarks import Benchmark
from leaderboard.records import Severity
from leaderboard.service import Service
from tests.challenges.boards import (
    NAMES,
    graded,
    installed,
    opened,
    private_folder,
    problems,
    solutions,
    submitted_file,
)

CASES = [(name, solution) for name in NAMES for solution in solutions(name)]


def label(value: Any) -> str:
    """How a test is called."""
    return value if isinstance(value, str) else Path(str(value.get("program") or value["package"][-1])).stem


class Board:
    """The challenges on a board of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.benchmarks: dict[str, Benchmark] = installed(folder)
        self.service: Service = opened(folder)


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Board:
    return Board(tmp_path_factory.mktemp("board"))


@pytest.mark.parametrize(("name", "solution"), CASES, ids=label)
def test_a_solution_gets_what_is_said_of_it(
    board: Board, name: str, solution: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    benchmark, data = board.benchmarks[name], board.folder / "benchmarks" / name / "kit" / "data"
    file = submitted_file(name, solution, data, tmp_path)
    errors = [each for each in problems(board.service, benchmark, file) if each.severity is Severity.ERROR]
    if solution.get("outcome") == "refused":
        messages = {each.code: each.message for each in errors}
        assert solution["says"] in messages[solution["code"]]
        return
    assert errors == []
    if "code" in benchmark.kinds and (why := missing()):
        pytest.skip(why)
    private = private_folder(board.folder, name)
    if solution.get("outcome") == "failed":
        with pytest.raises(JobFailed) as failed:
            graded(benchmark, file, private, tmp_path)
        assert failed.value.code == solution["code"] and solution["says"] in str(failed.value)
        return
    block = graded(benchmark, file, private, tmp_path)
    for key, (low, high) in solution["scores"].items():
        assert low <= block["scores"][key]["raw"] <= high, (key, block["scores"][key])
    assert solution.get("says", "") in capsys.readouterr().out
    if "failed_calls" in solution:
        assert block["provenance"]["code"]["failures"] == solution["failed_calls"]


def test_chosen_labels_and_random_ones_are_both_scored(board: Board, tmp_path: Path) -> None:
    if why := missing():
        pytest.skip(why)
    name = "response-prediction"
    file = submitted_file(name, {"package": ["kit/baselines/rasch"]}, tmp_path, tmp_path)
    scores = graded(board.benchmarks[name], file, private_folder(board.folder, name), tmp_path)["scores"]
    assert scores["log_loss"]["raw"] != scores["random_log_loss"]["raw"]
    assert abs(scores["log_loss"]["raw"] - scores["random_log_loss"]["raw"]) < 0.05
