"""Where the project and the real data for its tests lie."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from leaderboard.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("PODIUM_SHARED_DATA") or ROOT.parent / "shared" / "data")


def settings_of(folder: Path) -> Settings:
    """The settings of a board in a folder; no Hub answers it."""
    return Settings(
        hub_endpoint="http://127.0.0.1:9",
        benchmarks_dir=folder / "benchmarks",
        requests_dir=folder / "requests",
        results_dir=folder / "results",
        work_dir=folder / "work",
        private_dir=folder / "private",
    )


def shared_data(name: str) -> Path:
    """A file or folder of the real data; skips the test where it is absent."""
    path = DATA / name
    if not path.exists():
        pytest.skip(f"the real data {name} is not here (PODIUM_SHARED_DATA)")
    return path
