"""Hub models of a package: downloaded by what was pinned, before the run, and in sight of the package."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import localhub
from backend import Executor
from backend.evaluators.code import CodeEvaluator
from backend.evaluators.code_run import evaluate
from backend.executors.inputs import InputStage
from backend.resources import CLUSTER, Sizes
from backend.workdir import Workdir
from leaderboard.artifacts.folder import FolderArtifacts
from leaderboard.errors import DownloadFailed
from leaderboard.hub.hub import Hub
from leaderboard.hub.loaded_files import pinned_files
from leaderboard.records import Artifact, CodeRequest, HubModel
from leaderboard.settings import Settings
from tests.backend.evaluators.code.packages import item_benchmark, prepared, write_items, zipped
from tests.leaderboard.submissions.test_intake import CHECKPOINT

LOOKS = """
import os
class Estimator:
    def setup(self, context):
        folder = context["models"]["org/Good"]
        assert folder == os.path.join(os.environ["PODIUM_MODELS"], "org/Good")
        print("files", sorted(os.listdir(folder)), os.access(folder, os.W_OK), os.environ["HF_HUB_OFFLINE"])
        self.size = os.path.getsize(folder + "/model.safetensors")
    def predict(self, item):
        return 2 * item["x"] if self.size > 1000 else 0.0
"""


def job(folder: Path, hub: localhub.Running, pins: dict[str, str]) -> tuple[Settings, Workdir]:
    """A job whose package is uploaded and names a model."""
    private = folder / "private"
    write_items(private)
    settings = Settings(work_dir=folder / "work", private_dir=private, hub_endpoint=hub.endpoint, hub_timeout_s=5)
    workdir = prepared(folder / "jobs", package := zipped({"estimator.py": LOOKS}), item_benchmark(), private)
    facts = Hub(hub.endpoint).facts("org/Good")
    model = HubModel(model=facts.model, revision=facts.revision, files=pinned_files(facts) | pins)
    sha256 = FolderArtifacts(private / "artifacts").add(workdir.artifact, "ada")
    artifact = Artifact(sha256=sha256, bytes=len(package), filename="mine.zip")
    workdir.artifact.unlink()
    request = workdir.request()
    assert isinstance(request, CodeRequest)
    chosen = request.model_copy(update={"models": [model], "artifact": artifact})
    workdir.prepare(workdir.options(), chosen, workdir.benchmark())
    return settings, workdir


class Nothing:
    """An executor that is not asked: no task of the harness has data."""


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[localhub.Running]:
    with localhub.running(tmp_path / "hub") as it:
        it.hub.commit("org/Good", CHECKPOINT | {"own.py": "raise SystemExit", "pytorch_model.bin": b"pickle"})
        yield it


def test_a_package_reads_the_models_that_it_names(
    hub: localhub.Running, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings, workdir = job(tmp_path, hub, {})
    executor: Executor = Nothing()  # type: ignore[assignment]
    InputStage(settings, executor)(workdir)
    evaluate(workdir.path)
    files = "['config.json', 'model.safetensors', 'tokenizer.json']"
    assert f"| files {files} False 1" in capsys.readouterr().out
    assert workdir.results()["podium"]["scores"]["score"]["raw"] == 0.0
    workdir.settle()
    assert not workdir.models.exists()


def test_a_model_that_has_changed_is_not_used(hub: localhub.Running, tmp_path: Path) -> None:
    settings, workdir = job(tmp_path, hub, {"config.json": "git:" + "0" * 40})
    executor: Executor = Nothing()  # type: ignore[assignment]
    with pytest.raises(DownloadFailed, match=r"config\.json of org/Good"):
        InputStage(settings, executor)(workdir)


def test_the_largest_model_decides_the_accelerators_and_the_benchmark_the_rest(tmp_path: Path) -> None:
    sizes = Sizes(CLUSTER, gpu=True)
    benchmark = item_benchmark(memory_gb=10, wall_seconds=1000)
    request = prepared(tmp_path, b"", benchmark, tmp_path).request()
    given = [sizes.of(request.model_copy(update={"params": params}), "code").gpus for params in (0.0, 7.0, 60.0)]
    assert given == [1, 1, 4]
    wanted = CodeEvaluator().resources(request, benchmark)
    assert wanted.memory_bytes > 10e9 and wanted.wall_seconds > 1000 and wanted.gpus == 0
