"""Hub models of a package: downloaded by what was pinned, before the run, and in sight of the package."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

import localhub
from backend import Executor
from backend.accelerators import find_accelerators
from backend.evaluators.code import CodeEvaluator
from backend.evaluators.code_run import evaluate, evaluation
from backend.executors.inputs import InputStage
from backend.resources import CLUSTER, Sizes
from backend.sandbox import View
from backend.scheduler.launch import Launcher
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


def job(folder: Path, hub: localhub.Running, pins: dict[str, str], code: str = LOOKS) -> tuple[Settings, Workdir]:
    """A job whose package is uploaded and names a model."""
    private = folder / "private"
    write_items(private)
    settings = Settings(work_dir=folder / "work", private_dir=private, hub_endpoint=hub.endpoint, hub_timeout_s=5)
    workdir = prepared(folder / "jobs", package := zipped({"estimator.py": code}), item_benchmark(), private)
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


LOOKS_FOR_ACCELERATORS = """
import os
class Estimator:
    def setup(self, context):
        names = [name for name in os.listdir("/dev") if name.startswith("nvidia")]
        print("accelerators", sorted(names), os.environ.get("CUDA_VISIBLE_DEVICES"))
    def predict(self, item):
        return 2 * item["x"]
"""


def test_only_a_package_that_names_models_sees_the_accelerators_of_its_job(
    hub: localhub.Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    devices, driver = tmp_path / "dev", tmp_path / "driver"
    devices.mkdir()
    for index, name in enumerate(("nvidia0", "nvidia1", "nvidiactl")):  # made up: there are none here
        (devices / name).touch()
        (driver / name).mkdir(parents=True)
        (driver / name / "information").write_text(f"GPU UUID: GPU-{index}{index}\nDevice Minor: {index}\n")
    monkeypatch.setattr("backend.sandbox.view.DEV", devices)
    monkeypatch.setattr(evaluation, "find_accelerators", partial(find_accelerators, driver=driver))
    settings, workdir = job(tmp_path, hub, {}, LOOKS_FOR_ACCELERATORS)
    InputStage(settings, Nothing())(workdir)  # type: ignore[arg-type]
    options, request, benchmark = workdir.options(), workdir.request(), workdir.benchmark()
    assert isinstance(request, CodeRequest)
    options = options.model_copy(update={"view": View(gpu=True)})

    def shown(asked: CodeRequest) -> tuple[str, str]:
        package = workdir.artifact.read_bytes()
        workdir.prepare(options, asked, benchmark)
        workdir.artifact.write_bytes(package)
        evaluate(workdir.path)
        [line] = [line for line in capsys.readouterr().out.splitlines() if "accelerators" in line]
        return line.partition("accelerators ")[2], workdir.results()["podium"]["provenance"]["hardware"]

    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert shown(request)[0] == "[] None", "the executor has given it none"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-11")
    seen, hardware = shown(request)
    assert seen == "['nvidia1', 'nvidiactl'] GPU-11" and hardware.endswith(", GPUs: 1")
    seen, hardware = shown(request.model_copy(update={"models": []}))
    assert seen == "[] None" and "GPUs" not in hardware


def test_only_jobs_that_load_models_ask_for_accelerators(tmp_path: Path) -> None:
    model = HubModel(model="org/Good", revision="0" * 40, files={}, params=60.0)
    plain = prepared(tmp_path / "jobs", b"", item_benchmark(), tmp_path).request()
    assert isinstance(plain, CodeRequest)
    (tmp_path / "sizes.yaml").write_text("- {gpus: 4, memory_gb: 20, hours: 1}")
    settings = Settings(work_dir=tmp_path / "work", sizes_file=tmp_path / "sizes.yaml", device="cuda")
    launcher = Launcher(settings, {"code": item_benchmark()}, tmp_path / "launched")
    given = {}
    for name, models in (("without", []), ("with", [model])):
        asked = plain.model_copy(update={"id": f"{name:0>16}", "models": models})
        given[name] = launcher.prepare(asked).resources.gpus
    assert given == {"without": 0, "with": 4}


def test_the_largest_model_decides_the_accelerators_and_the_benchmark_the_rest(tmp_path: Path) -> None:
    sizes = Sizes(CLUSTER, gpu=True)
    benchmark = item_benchmark(memory_gb=10, wall_seconds=1000)
    request = prepared(tmp_path, b"", benchmark, tmp_path).request()
    given = [sizes.of(request.model_copy(update={"params": params}), "code").gpus for params in (0.0, 7.0, 60.0)]
    assert given == [1, 1, 4]
    wanted = CodeEvaluator().resources(request, benchmark)
    assert wanted.memory_bytes > 10e9 and wanted.wall_seconds > 1000 and wanted.gpus == 0
