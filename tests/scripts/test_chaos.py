"""A small run of scripts/chaos.py: three workers on both executors, with every trouble."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scripts import chaos


@pytest.mark.slow
@pytest.mark.first
@pytest.mark.timeout(600)
def test_every_request_is_published_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if os.geteuid() != 0:
        pytest.skip("chaos kills processes of its own Slurm and mounts a small disk, which needs root")
    code = chaos.run(seed=1, count=6, folder=tmp_path)
    report = capsys.readouterr().out
    assert code == 0, report
    assert "wrong: []" in report


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_more_requests_are_published_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if os.geteuid() != 0:
        pytest.skip("chaos kills processes of its own Slurm and mounts a small disk, which needs root")
    assert chaos.run(seed=2, count=40, folder=tmp_path) == 0, capsys.readouterr().out
