"""`podium bundle add`, `check` and `export`, as a person runs them."""

from __future__ import annotations

from pathlib import Path

import pytest

from leaderboard.benchmarks import load_benchmark
from leaderboard.cli.__main__ import main
from tests.leaderboard.bundles.bundles import BENCHGEN, BENCHGEN_YAML, CODABENCH, packed, write


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folders of a board, in the settings."""
    monkeypatch.setenv("PODIUM_BENCHMARKS_DIR", str(tmp_path / "benchmarks"))
    monkeypatch.setenv("PODIUM_PRIVATE_DIR", str(tmp_path / "private"))
    monkeypatch.setenv("PODIUM_SECRETS_DIR", str(tmp_path / "secrets"))
    monkeypatch.delenv("PODIUM_BENCHMARKS", raising=False)
    return tmp_path


def test_add_and_export(board: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = board / "flowers.zip"
    source.write_bytes(packed(CODABENCH))
    assert main(["bundle", "add", str(source), "--without-solutions"]) == 0
    benchmark = load_benchmark(board / "benchmarks/flowers.yaml")
    assert benchmark.bundle is not None
    folder = board / "private/benchmarks/flowers" / benchmark.bundle.folder
    assert capsys.readouterr().out.splitlines() == [
        f"✓ {board}/benchmarks/flowers.yaml: 2 phases, 2 tasks",
        f"✓ {folder}: its files",
        "Next: podium serve",
    ]
    assert main(["bundle", "export", "flowers", "--to", str(board / "again.zip")]) == 0
    assert main(["bundle", "add", str(board / "again.zip"), "--id", "again", "--without-solutions"]) == 0
    again = load_benchmark(board / "benchmarks/again.yaml")
    assert again.model_copy(update={"id": "flowers"}) == benchmark


def test_adding_again_is_refused(board: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = str(write(board / "source", BENCHGEN))
    assert main(["bundle", "add", source, "--id", "x"]) == 0
    assert main(["bundle", "add", source, "--id", "x"]) == 2
    assert "There is a benchmark 'x'. Use --replace to put this one in its place." in capsys.readouterr().err
    assert main(["bundle", "add", source, "--id", "x", "--replace"]) == 0


def test_check(board: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = write(board / "source", {**BENCHGEN, "competition.yaml": "title: Tiny\n" + BENCHGEN_YAML})
    assert main(["bundle", "check", str(source)]) == 0
    told = capsys.readouterr()
    assert told.out == f"{source} is a bundle of benchgen: Small\n"
    assert told.err == "! competition.yaml:2: `title` is written twice, first in line 1. The last one counts.\n"
    assert not (board / "benchmarks").exists()


def test_check_tells_every_error(board: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = {**BENCHGEN, "competition.yaml": BENCHGEN_YAML.replace("tasks: [0]", "tasks: [1]").replace("Small", "")}
    assert main(["bundle", "check", str(write(board / "source", files))]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "✗ competition.yaml:1: `title`: It is missing. Add it.",
        "competition.yaml:11: `phases[0].tasks[0]`: There is no task with the index 1. The tasks' indexes: 0.",
    ]


def test_export_of_nothing(board: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bundle", "add", str(write(board / "source", BENCHGEN))]) == 0
    assert main(["bundle", "export", "none"]) == 1
    assert "There is no benchmark 'none' here." in capsys.readouterr().err
    assert main(["bundle", "check", str(board / "none.zip")]) == 1
