"""Room on the disk: what goes, in which order, and what stays whatever happens."""

from __future__ import annotations

import os
import shutil
import time
from collections import namedtuple
from pathlib import Path

import pytest
from huggingface_hub import snapshot_download

import localhub
from backend.environment import hub_cache
from backend.upkeep.disk import DAY_S, Housekeeping
from leaderboard.records import Request
from leaderboard.settings import Settings
from tests.backend.conftest import Board

Usage = namedtuple("Usage", "total used free")
SIZE = 100_000_000
MODELS = ("ada/old", "bob/middle", "eve/new")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(work_dir=tmp_path / "work", free_disk_gb=1)


@pytest.fixture
def disk(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache of three checkpoints and a dataset, on a disk on which 0.9 GB and what is deleted are free."""
    cache = hub_cache(settings)
    with localhub.running(tmp_path / "hub") as hub:
        for age, name in enumerate(MODELS):
            hub.hub.commit(name, {"config.json": "{}", "model.safetensors": os.urandom(1000)})
            folder = Path(snapshot_download(name, endpoint=hub.endpoint, cache_dir=cache, token=False))
            for file in folder.iterdir():
                os.utime(file, (time.time() - (9 - age) * DAY_S,) * 2)
        hub.hub.commit("ada/data", {"rows.jsonl": "{}"}, kind="dataset")
        snapshot_download("ada/data", repo_type="dataset", endpoint=hub.endpoint, cache_dir=cache, token=False)

    def usage(_: Path) -> Usage:
        gone = len(MODELS) - len(list(cache.glob("models--*")))
        return Usage(10 * SIZE, 0, 900_000_000 + gone * SIZE)

    monkeypatch.setattr(shutil, "disk_usage", usage)
    return cache


def asked(model: str, **more: object) -> Request:
    return Request.model_validate({"benchmark": "demo", "model": model, "revision": "a" * 40} | more)


def left(cache: Path) -> list[str]:
    return sorted(path.name.removeprefix("models--").replace("--", "/") for path in cache.glob("models--*"))


def test_the_least_recently_used_goes_first_and_no_more_than_needed(settings: Settings, disk: Path) -> None:
    Housekeeping(settings).work([asked("zoe/one")], [])
    assert left(disk) == ["bob/middle", "eve/new"] and list(disk.glob("datasets--*"))


def test_what_a_job_will_download_counts(settings: Settings, disk: Path) -> None:
    Housekeeping(settings).work([asked("zoe/one", params=0.05)], [])
    assert left(disk) == ["eve/new"]


def test_what_jobs_need_stays(settings: Settings, disk: Path, caplog: pytest.LogCaptureFixture) -> None:
    delta = asked("zoe/delta", weight_type="Delta", base_model="bob/middle", params=10)
    Housekeeping(settings).work([delta], [asked("ada/old")])
    assert left(disk) == ["ada/old", "bob/middle"] and "Only 1.0 GB are free, and 21.0 GB are wanted" in caplog.text


def test_with_room_or_told_to_keep_all_nothing_goes(settings: Settings, disk: Path) -> None:
    for gigabytes in (0.5, 0):
        more = settings.model_copy(update={"free_disk_gb": gigabytes})
        Housekeeping(more).work([asked("zoe/one")], [])
    assert left(disk) == sorted(MODELS)


def test_a_worker_that_has_downloaded_nothing_says_how_little_is_free(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1, 1, 0))
    Housekeeping(settings).work([asked("zoe/one")], [])
    assert "Only 0.0 GB are free, and 1.0 GB are wanted" in caplog.text


def test_folders_of_settled_jobs_go_when_they_are_old(board: Board) -> None:
    request = board.submit()
    _, workdir = board.run_one(request)
    old, young = (board.settings.work_dir / "jobs" / f"{name * 16}-1" for name in "bc")
    for folder in (old, young):
        folder.mkdir()
    for folder in (old, workdir.path):
        os.utime(folder, (time.time() - 31 * DAY_S,) * 2)
    Housekeeping(board.settings.model_copy(update={"keep_jobs_days": 0})).work([], [])
    assert old.exists()
    Housekeeping(board.settings).work([], [])
    assert not old.exists() and young.exists() and workdir.path.exists()
