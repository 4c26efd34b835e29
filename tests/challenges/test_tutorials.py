"""The tutorials, word for word: their commands in a shell, against a real server, worker and sandbox."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import localhub
from backend.sandbox.programs import missing
from leaderboard.settings import PROJECT
from scripts.service import Running, running
from tests.challenges.boards import NAMES, installed
from tests.contracts.test_executor import until

pytestmark = [
    pytest.mark.skipif(bool(missing()), reason=missing() or "a sandbox"),
    pytest.mark.timeout(600),
    pytest.mark.slow,
]
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ADDRESS = "https://board.example.org"
"""The board's address in the tutorials; nothing else of them is changed."""
TOKENS = {"ada": "hf_ada", "ben": "hf_ben"}
SUBMITTED = {"estimator": "sampling", "qa-predictions": "last-taker", "response-prediction": "rasch"}
"""What the tutorial of each kit submits."""
EXACT = {"estimator": "sampling.zip", "qa-predictions": "submission/predictions.csv"}
"""Files whose score is the same wherever they are scored."""


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("tutorials")
    installed(folder)
    settings = {
        "PODIUM_BENCHMARKS": ",".join(NAMES), "PODIUM_BENCHMARKS_DIR": str(folder / "benchmarks"),
        "PODIUM_PRIVATE_DIR": str(folder / "private"), "PODIUM_SECRETS_DIR": str(folder / "secrets"),
        "PODIUM_SIGN_IN": "required", "PODIUM_TICK_S": "0.5",
    }  # fmt: skip
    with (
        localhub.running(folder / "hub", tokens=TOKENS) as hub,
        running(hub.endpoint, folder, settings) as service,
    ):
        yield service


class Shell:
    """The shell of somebody who has `podium` installed, and a token in a file."""

    def __init__(self, home: Path, address: str, token: str) -> None:
        self.home, self._address, self._token = home, address, token
        self.folder = home / "work"
        self.folder.mkdir(parents=True)
        (self.folder / "token.txt").write_text(token)
        programs = home / "bin"
        programs.mkdir()
        podium = programs / "podium"
        podium.write_text(f'#!/bin/sh\nPYTHONPATH={PROJECT} exec {sys.executable} -m leaderboard.cli "$@"\n')
        podium.chmod(0o755)
        self._environment = {
            "HOME": str(home), "XDG_CONFIG_HOME": str(home / "config"), "OMP_NUM_THREADS": "1",
            "PATH": f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        }  # fmt: skip

    def run(self, commands: str, folder: Path) -> str:
        """What the commands print; each has to succeed."""
        script = "set -eu\n" + commands.replace(ADDRESS, self._address)
        done = subprocess.run(
            ["bash", "-c", script], cwd=folder, env=self._environment, capture_output=True, text=True, timeout=500
        )
        assert done.returncode == 0, f"{commands}\n{done.stdout}\n{done.stderr}"
        assert self._token not in done.stdout + done.stderr
        return done.stdout

    def kit(self, name: str) -> Path:
        """The folder of a starting kit, fetched."""
        self.run(f"export PODIUM_SERVER={ADDRESS}\npodium init {name}", self.folder)
        (self.folder / name / "token.txt").write_text(self._token)
        return self.folder / name


def commands(page: Path) -> str:
    """The shell blocks of a page, one after the other."""
    blocks = BLOCK.findall(page.read_text())
    assert blocks, f"{page} has no commands"
    return "".join(blocks)


def row(board: Running, benchmark: str, model: str) -> dict[str, Any]:
    """The row of a submission, once the board shows it with a rank."""

    def look() -> dict[str, Any] | None:
        answer = httpx.get(f"{board.address}/api/v1/benchmarks/{benchmark}/rows", trust_env=False, timeout=60)
        rows: list[dict[str, Any]] = answer.json()["rows"]
        return next((each for each in rows if each["model"] == model and each["rank"]), None)

    found: dict[str, Any] = until(look, 120)
    return found


def block(board: Running, benchmark: str, model: str) -> dict[str, Any]:
    """What the result file of a submission says."""
    [file] = (board.folder / "results" / benchmark / model).glob("results_*.json")
    said: dict[str, Any] = json.loads(file.read_text())["podium"]
    return said


@pytest.mark.soak
@pytest.mark.parametrize("name", NAMES)
def test_the_tutorial_of_a_kit_leads_to_a_ranked_row(board: Running, name: str, tmp_path: Path) -> None:
    shell = Shell(tmp_path / "ada", board.address, TOKENS["ada"])
    folder = shell.kit(name)
    shell.run(commands(folder / "README.md"), folder)
    model = f"ada/{SUBMITTED[name]}"
    assert row(board, name, model)["rank"] >= 1  # within seconds
    assert model in shell.run(f"podium board {name}", folder)
    if name in EXACT:
        local = json.loads(shell.run(f"podium validate {EXACT[name]} --json", folder))["scores"]
        scores = block(board, name, model)["scores"]
        assert local and local.keys() <= scores.keys()
        for key, score in local.items():
            assert scores[key]["raw"] == pytest.approx(score, abs=1e-9)


@pytest.mark.soak
def test_the_page_for_participants_leads_to_a_ranked_row(board: Running, tmp_path: Path) -> None:
    shell = Shell(tmp_path / "ben", board.address, TOKENS["ben"])
    printed = shell.run(commands(PROJECT / "docs" / "participants.md"), shell.folder)
    assert "ben/first" in printed
    assert row(board, "estimator", "ben/first")["rank"] >= 1


def test_what_is_shipped_tells_no_private_answer(board: Running, tmp_path: Path) -> None:
    kit = Shell(tmp_path / "ada", board.address, TOKENS["ada"]).kit("qa-predictions")
    private = (board.folder / "private" / "benchmarks" / "qa-predictions" / "labels.csv").read_text().splitlines()
    hidden = [line for line in private if line.endswith(",private")]
    text = "\n".join(file.read_text() for file in kit.rglob("*") if file.is_file())
    assert len(hidden) > 100 and not [line for line in hidden if line in text]
