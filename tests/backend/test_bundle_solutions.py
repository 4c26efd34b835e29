"""`podium bundle add` runs the sample solutions of a bundle in real sandboxes before anybody meets the benchmark."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.sandbox.programs import missing
from leaderboard.cli.__main__ import main
from tests.backend.evaluators.bundle_run.bundles import GOOD, INGEST, LABELS, SCORE
from tests.leaderboard.bundles.bundles import write

YAML = """
title: Parity
tasks:
  - {index: 0, name: Parity, scoring_program: scoring, ingestion_program: ingestion, input_data: input,
     reference_data: reference}
phases:
  - {index: 0, name: Main, tasks: [0]}
solutions:
  - {index: 0, path: solutions/good, tasks: [0]}
leaderboard:
  - title: Results
    key: main
    columns:
      - {title: Accuracy, key: accuracy, index: 0, sorting: desc}
"""
FILES = {
    "competition.yaml": YAML,
    "scoring/metadata.yaml": "command: python $program/score.py $input $output\n",
    "scoring/score.py": SCORE,
    "ingestion/metadata.yaml": "command: python $program/ingest.py\n",
    "ingestion/ingest.py": INGEST,
    "input/items.txt": "1 2 3 5\n",
    "reference/labels.txt": LABELS,
    "solutions/good/model.py": GOOD,
}


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    if why := missing():
        pytest.skip(why)
    for name in ("benchmarks", "private", "secrets"):
        monkeypatch.setenv(f"PODIUM_{name.upper()}_DIR", str(tmp_path / name))
    return tmp_path


@pytest.mark.slow
def test_a_bundle_whose_solutions_run_is_added(board: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bundle", "add", str(write(board / "source", FILES)), "--id", "parity"]) == 0, capsys.readouterr().err
    assert (board / "benchmarks" / "parity.yaml").exists()
    assert "parity.yaml" in capsys.readouterr().out


@pytest.mark.slow
def test_a_bundle_with_a_solution_that_fails_is_not(board: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = {**FILES, "solutions/good/model.py": "raise SystemExit('broken on purpose')\n"}
    source = str(write(board / "source", broken))
    assert main(["bundle", "add", source, "--id", "parity"]) == 2
    told = capsys.readouterr().err
    assert "solutions[0]: The ingestion of task Parity stopped with exit code 1." in told
    assert "broken on purpose" in told and "add it with --without-solutions" in told
    assert not (board / "benchmarks").exists() and not list((board / "private").glob("benchmarks/*/bundle-*"))
    assert main(["bundle", "add", source, "--id", "parity", "--without-solutions"]) == 0
