"""Images that benchmarks name are pulled by the worker, when a job's inputs are put in place."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.executors.debug import DebugExecutor
from backend.executors.images import Images
from backend.executors.inputs import InputStage
from leaderboard.settings import Settings
from tests.backend.evaluators.bundle_run.bundles import GOOD, job, parity
from tests.backend.sandbox.images import FakeEngine, forget


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeEngine]:
    made = FakeEngine(tmp_path / "engine")
    made.path.write_text(made.path.read_text().replace('image) cat "$here/image"', "image) exit 1"))
    monkeypatch.setattr(shutil, "which", lambda name, path=None: str(made.path) if name == "podman" else None)
    forget()
    yield made
    forget()


def pulls(engine: FakeEngine) -> list[str]:
    return [words for words in engine.asked() if words.startswith("pull")]


def test_the_image_of_a_bundle_is_pulled_before_its_job_starts(engine: FakeEngine, tmp_path: Path) -> None:
    bundle = parity(tmp_path)
    settings = Settings(work_dir=tmp_path / "work", private_dir=tmp_path / "private", sandbox="off")
    stage = InputStage(settings, DebugExecutor.from_settings(settings))
    plain, named = job(bundle, {"model.py": GOOD}, place="plain"), tmp_path / "named"
    stage.artifacts.add(plain.artifact, "ada")
    stage(plain)
    assert not (engine.folder / "asked").exists(), "it names none"
    bundle.rules["docker_image"] = "ada/own:1"
    stage(job(bundle, {"model.py": GOOD}, place=named.name))
    assert pulls(engine) == ["pull --quiet docker.io/ada/own:1"]


def test_a_pull_that_failed_is_not_tried_again_at_once(engine: FakeEngine, caplog: pytest.LogCaptureFixture) -> None:
    images = Images()
    for _ in range(3):
        images.ensure("ada/own:1")
    images.ensure("ada/other:1")
    assert len(pulls(engine)) == 2
    assert "The image ada/own:1 could not be pulled: no such host" in caplog.text
