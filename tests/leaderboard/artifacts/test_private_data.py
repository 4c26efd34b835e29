"""The private data of benchmarks and the uploads of a board whose store is the Hub, on two machines."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import HfApi
from pydantic import SecretStr

import localhub
from backend.scheduler.launch import Launcher
from leaderboard.artifacts.places import fetch_private_data, keep_private_data, open_artifacts, private_data
from leaderboard.errors import BadSettings
from leaderboard.records import Artifact, ArtifactRequest, Status, now
from leaderboard.service import open_service
from leaderboard.settings import Settings
from localhub.faults import Fault
from tests.leaderboard.api.test_uploads_api import BENCHMARK
from tests.leaderboard.people import client_of

TOKEN = "hf_board"
Machine = Callable[..., Settings]


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[localhub.Running]:
    with localhub.running(tmp_path_factory.mktemp("hub"), tokens={"board": TOKEN}) as running:
        yield running


@pytest.fixture
def machine(hub: localhub.Running, tmp_path: Path) -> Machine:
    """The settings of a machine of that name; all share the Hub's datasets of one test."""
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "challenge.yaml").write_text(BENCHMARK)
    key = hashlib.sha256(str(tmp_path).encode()).hexdigest()[:12]

    def settings(name: str, **more: Any) -> Settings:
        values: dict[str, Any] = {
            "store": "hub", "hub_endpoint": hub.endpoint, "hub_token": SecretStr(TOKEN), "hub_namespace": "board",
            "hub_requests": f"board/requests-{key}", "hub_results": f"board/results-{key}",
            "hub_private_data": f"board/private-{key}", "private_dir": tmp_path / name / "private",
            "work_dir": tmp_path / name / "work", "benchmarks_dir": tmp_path / "benchmarks",
            "benchmarks": "challenge",
        }  # fmt: skip
        return Settings(**values | more)

    return settings


def put(settings: Settings, **files: str) -> None:
    """Files of the benchmark, made on this machine."""
    folder = private_data(settings, "challenge")
    (folder / "labels").mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / "labels" / f"{name}.csv").write_text(text)


def files_of(settings: Settings) -> dict[str, str]:
    folder = private_data(settings, "challenge")
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_what_an_organiser_keeps_is_on_every_machine(machine: Machine) -> None:
    organiser, worker = machine("organiser"), machine("worker")
    put(organiser, train="1", test="2")
    keep_private_data(organiser, "challenge")
    fetch_private_data(worker, "challenge")
    assert files_of(worker) == {"labels/train.csv": "1", "labels/test.csv": "2"}
    before = private_data(worker, "challenge")
    fetch_private_data(worker, "challenge")
    assert private_data(worker, "challenge") == before, "nothing changed"


def test_a_job_keeps_what_it_has_begun_with(machine: Machine) -> None:
    organiser, worker = machine("organiser"), machine("worker")
    put(organiser, train="1", test="2")
    keep_private_data(organiser, "challenge")
    fetch_private_data(worker, "challenge")
    running = private_data(worker, "challenge")
    put(organiser, test="3")
    (private_data(organiser, "challenge") / "labels" / "train.csv").unlink()
    keep_private_data(organiser, "challenge")
    fetch_private_data(worker, "challenge")
    assert files_of(worker) == {"labels/test.csv": "3"}
    assert (running / "labels" / "train.csv").read_text() == "1"
    assert not list(running.parent.glob(".*"))


def test_versions_that_no_job_uses_any_more_go(machine: Machine) -> None:
    organiser, worker = machine("organiser"), machine("worker")
    for text in ("1", "2"):
        put(organiser, test=text)
        keep_private_data(organiser, "challenge")
        fetch_private_data(worker, "challenge")
        old = private_data(worker, "challenge")
        os.utime(old, (time.time() - 8 * 24 * 3600,) * 2)
    put(organiser, test="3")
    keep_private_data(organiser, "challenge")
    fetch_private_data(worker, "challenge")
    present = private_data(worker, "challenge")
    assert [path.name for path in present.parent.iterdir()] == [present.name]


def test_what_was_made_here_stays_until_the_hub_has_other_data(machine: Machine) -> None:
    organiser, worker = machine("organiser"), machine("worker")
    open_artifacts(worker).prepare()
    put(worker, test="here")
    fetch_private_data(worker, "challenge")
    assert files_of(worker) == {"labels/test.csv": "here"}
    put(organiser, test="there")
    keep_private_data(organiser, "challenge")
    fetch_private_data(worker, "challenge")
    assert files_of(worker) == {"labels/test.csv": "there"}


def test_a_link_is_not_followed(machine: Machine, tmp_path: Path) -> None:
    organiser = machine("organiser")
    put(organiser, test="1")
    (tmp_path / "secret").write_text("secret")
    (private_data(organiser, "challenge") / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(BadSettings, match="holds symbolic links"):
        keep_private_data(organiser, "challenge")


def test_without_a_hub_the_folder_is_what_it_is(tmp_path: Path) -> None:
    settings = Settings(store="local", private_dir=tmp_path)
    fetch_private_data(settings, "challenge")
    keep_private_data(settings, "challenge")
    assert private_data(settings, "challenge") == tmp_path / "benchmarks" / "challenge"
    assert not list(tmp_path.iterdir())


def test_a_board_makes_its_private_dataset_and_fetches_what_is_there(machine: Machine, hub: localhub.Running) -> None:
    organiser, front = machine("organiser"), machine("front")
    put(organiser, test="1")
    keep_private_data(organiser, "challenge")
    service = open_service(front)
    assert files_of(front) == {"labels/test.csv": "1"}
    assert HfApi(endpoint=hub.endpoint, token=TOKEN).dataset_info(front.hub_private_data).private
    assert service.artifacts.size("0" * 64) is None


def test_a_board_whose_private_dataset_is_public_does_not_start(machine: Machine, hub: localhub.Running) -> None:
    settings = machine("front")
    HfApi(endpoint=hub.endpoint, token=TOKEN).create_repo(settings.hub_private_data, repo_type="dataset", private=False)
    with pytest.raises(BadSettings, match=f"the dataset {settings.hub_private_data} is public"):
        open_service(settings)
    with pytest.raises(BadSettings, match="is not the name of a dataset"):
        open_artifacts(machine("front", hub_private_data="private"))


def test_an_upload_that_the_hub_did_not_take_is_finished_later(machine: Machine, hub: localhub.Running) -> None:
    settings = machine("front", upload_free_gb=0)
    service = open_service(settings)
    board = client_of(service)
    content = b"from model import train"
    announced: dict[str, Any] = {
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "filename": "package.zip",
    }
    begun = board.post("/api/v1/uploads", json=announced)
    address = begun.headers["location"]
    hub.faults.set([Fault("503", path=settings.hub_private_data)])
    try:
        assert board.patch(address, content=content, headers={"Upload-Offset": "0"}).status_code == 503
    finally:
        hub.faults.set([])
    assert board.get(address).json() == begun.json() | {"offset": len(content)}
    assert board.patch(address, headers={"Upload-Offset": str(len(content))}).json()["done"]
    elsewhere = open_artifacts(machine("worker"))
    assert elsewhere.path(announced["sha256"]).read_bytes() == content
    assert elsewhere.owns("anonymous", announced["sha256"]) and not elsewhere.owns("ada", announced["sha256"])


def test_a_worker_has_the_private_data_before_a_job_begins(machine: Machine) -> None:
    organiser, worker = machine("organiser"), machine("worker", embedded=False)
    put(organiser, test="1")
    keep_private_data(organiser, "challenge")
    benchmarks = open_service(organiser).benchmarks
    request = ArtifactRequest(
        kind="code", model="ada/mine", revision="0" * 64, sender="ada", id="0" * 16, benchmark="challenge",
        submitted_time=now(), status=Status.RUNNING, attempts=1,
        artifact=Artifact(sha256="0" * 64, bytes=1, filename="mine.zip"),
    )  # fmt: skip
    launcher = Launcher(worker, benchmarks, worker.work_dir / "jobs")
    launcher.prepare(request)
    private = launcher.workdir(request).options().private
    assert private is not None and (private / "labels" / "test.csv").read_text() == "1"
