"""A served board with a quiz, and somebody's command."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import localhub
from leaderboard.artifacts.places import private_data
from leaderboard.cli.client import api, watch
from leaderboard.settings import Settings
from tests.leaderboard.cli.sites import LABELS, QUIZ, Shell, Site
from tests.leaderboard.people import TOKENS, Open


@pytest.fixture(scope="package")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[localhub.Running]:
    with localhub.running(tmp_path_factory.mktemp("hub"), tokens=TOKENS) as running:
        yield running


@pytest.fixture
def rules() -> str:
    """The benchmark's YAML."""
    return QUIZ


@pytest.fixture
def settings(tmp_path: Path, rules: str) -> dict[str, Any]:
    private = private_data(Settings(private_dir=tmp_path / "private"), "quiz")
    private.mkdir(parents=True)
    (private / "labels.csv").write_text(LABELS)
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "quiz.yaml").write_text(rules)
    return {
        "benchmarks_dir": tmp_path / "benchmarks", "benchmarks": "quiz", "private_dir": tmp_path / "private",
        "sign_in": "required", "upload_free_gb": 0,
    }  # fmt: skip


@pytest.fixture
def site(opened: Open, tmp_path: Path) -> Iterator[Site]:
    made = Site(opened, tmp_path)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def podium(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    """The command, of somebody who has never used it."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("PODIUM_SERVER", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(api, "PATIENCE", api.Patience(first_s=0.05))
    monkeypatch.setattr(watch, "POLL_S", 0.2)
    return Shell(capsys)


@pytest.fixture
def ada(site: Site, podium: Shell, tmp_path: Path) -> Shell:
    """The command, of Ada, who has signed in."""
    (tmp_path / "token").write_text(TOKENS["ada"] + "\n")
    podium("login", "--server", site.address, "--token-file", str(tmp_path / "token"))
    return podium
