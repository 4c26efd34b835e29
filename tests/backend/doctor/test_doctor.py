"""The doctor's lines: what is well, what is not and what to do, against a Hub on loopback and real folders."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import localhub
from backend.doctor.board import check_datasets, check_folders, check_settings
from backend.doctor.cluster import check_slurm
from backend.doctor.hub import check_clock, check_hub, check_token
from backend.doctor.line import Line, State
from backend.doctor.machine import (
    check_disk,
    check_gpu,
    check_images,
    check_memory,
    check_packages,
    check_programs,
    check_sandbox,
)
from backend.executors import layers
from backend.sandbox import Layer, containers, programs
from leaderboard.cli.__main__ import app
from leaderboard.hub.token import TokenRights
from leaderboard.settings import Settings
from scripts.slurm_cluster import SlurmOnLoopback

WRITER, READER, GONE = "hf_writer", "hf_reader", "hf_gone"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[localhub.Running]:
    with localhub.running(tmp_path_factory.mktemp("hub")) as running:
        running.hub.accounts.add_user("ada", token=WRITER)
        running.hub.accounts.add_user("bob", token=READER, role="read")
        yield running


@pytest.fixture
def settings(hub: localhub.Running, tmp_path: Path) -> Callable[..., Settings]:
    """Settings of a board with its folders in the test's own."""

    def make(**more: Any) -> Settings:
        folders = {f"{name}_dir": tmp_path / name for name in ("requests", "results", "work", "secrets", "private")}
        return Settings.model_validate({"hub_endpoint": hub.endpoint, "hub_timeout_s": 5.0, **folders, **more})

    return make


def named(lines: Iterable[Line], name: str) -> Line:
    """The one line of that name; every line that is not ok has a fix."""
    found = list(lines)
    assert all(line.fix for line in found if line.state is not State.OK)
    [line] = [line for line in found if line.name == name]
    return line


# --- the Hub


@pytest.mark.parametrize(
    ("more", "state", "words"),
    [
        ({}, State.OK, "no HF_TOKEN"),
        ({"hub_token": WRITER}, State.OK, "ada's, with the role write"),
        ({"hub_token": GONE}, State.FAILED, "does not know HF_TOKEN"),
        ({"store": "hub", "hub_namespace": "ada"}, State.FAILED, "There is no HF_TOKEN"),
        ({"store": "hub", "hub_namespace": "ada", "hub_token": WRITER}, State.OK, "may write where"),
        ({"store": "hub", "hub_namespace": "bob", "hub_token": READER}, State.FAILED, "may not write to bob"),
        ({"store": "hub", "hub_namespace": "lab", "hub_token": WRITER}, State.FAILED, "may not write to lab"),
    ],
)
def test_the_token(settings: Callable[..., Settings], more: dict[str, Any], state: State, words: str) -> None:
    line = named([check_token(settings(**more))], "token")
    assert line.state is state and words in line.sentence
    assert not any(secret in str(line) for secret in (WRITER, READER, GONE))


def test_fine_grained_tokens_may_write_where_they_say() -> None:
    rights = TokenRights("ada", "fineGrained", {"lab": "admin"}, frozenset({"ada"}))
    assert rights.may_write("Ada") and not rights.may_write("lab")


def test_a_hub_that_answers_tells_its_time(settings: Callable[..., Settings]) -> None:
    lines = list(check_hub(settings()))
    assert [(line.name, line.state) for line in lines] == [(n, State.OK) for n in ("hub", "clock", "token")]


def test_a_hub_that_does_not_answer_is_one_line(settings: Callable[..., Settings]) -> None:
    line = named(check_hub(settings(hub_endpoint="http://127.0.0.1:9")), "hub")
    assert line.state is State.FAILED and "HF_ENDPOINT" in line.fix


@pytest.mark.parametrize(("seconds", "state"), [(1, State.OK), (20, State.WARNING), (3600, State.FAILED)])
def test_the_clock(settings: Callable[..., Settings], seconds: int, state: State) -> None:
    now = datetime.now(UTC)
    assert check_clock(now + timedelta(seconds=seconds), now, settings()).state is state


def test_datasets_that_are_missing(settings: Callable[..., Settings]) -> None:
    hub = {"store": "hub", "hub_namespace": "ada", "hub_token": WRITER}
    assert "will be made" in named(check_datasets(settings(**hub)), "dataset of requests").sentence
    line = named(check_datasets(settings(**hub, hub_create=False)), "dataset of requests")
    assert line.state is State.FAILED and "PODIUM_HUB_CREATE" in line.fix


# --- the machine


def test_packages_that_differ_are_named(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.txt"
    lock.write_text("# made by make lock\nrich==15.0.0\ntorch==2.13.0\nnot_there==1.0 ; python_version > '3'\n")
    there = {"rich": "15.0.0", "torch": "2.13.0"}
    assert check_packages(lock, there).state is State.OK
    other = check_packages(lock, there | {"rich": "1.0"})
    assert other.state is State.WARNING and "rich 1.0 instead of 15.0.0" in other.sentence
    assert check_packages(lock, there | {"torch": "2.0"}).state is State.FAILED
    assert check_packages(tmp_path / "none").state is State.OK


def test_disk_and_memory_are_compared_with_what_jobs_may_use(settings: Callable[..., Settings]) -> None:
    assert check_disk(settings(free_disk_gb=0.0, job_disk_gb=0.001)).state is State.OK
    assert check_disk(settings(free_disk_gb=1e9)).state is State.WARNING
    assert check_memory(settings(job_memory_gb=0.1)).state is State.OK
    assert check_memory(settings(slots=1000, job_memory_gb=100.0)).state is State.WARNING


def test_a_gpu_that_is_wanted_and_not_there(settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert check_gpu(settings()).state is State.OK
    assert check_gpu(settings(device="cuda")).state is State.FAILED


@pytest.mark.parametrize(
    ("sandbox", "missing", "states"),
    [
        ("auto", [], [State.OK, State.OK]),
        ("auto", [Layer.NAMESPACES], [State.WARNING, State.OK]),
        ("auto", list(Layer), [State.FAILED, State.FAILED]),
        ("landlock", [Layer.LANDLOCK], [State.FAILED]),
        ("off", [], [State.WARNING, State.OK, State.OK]),
    ],
)
def test_layers_of_the_sandbox(
    settings: Callable[..., Settings],
    monkeypatch: pytest.MonkeyPatch,
    sandbox: str,
    missing: list[Layer],
    states: list[State],
) -> None:
    problems = {layer: "it is switched off" if layer in missing else "" for layer in layers.HOW}
    monkeypatch.setattr("backend.doctor.machine.layer_problems", lambda: problems)
    lines = list(check_sandbox(settings(sandbox=sandbox)))
    assert [line.state for line in lines] == states and all(line.fix or line.state is State.OK for line in lines)


def test_images_are_run_or_it_is_said_why_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containers, "engine", lambda: containers.Engine("", "podman is not installed."))
    assert check_images().sentence.endswith("are refused here. podman is not installed.")
    monkeypatch.setattr(containers, "engine", lambda: containers.Engine("/usr/bin/podman", ""))
    assert "by /usr/bin/podman" in check_images().sentence


# --- the board


def test_folders_that_cannot_be_used(settings: Callable[..., Settings], tmp_path: Path) -> None:
    assert named(check_folders(settings()), "folder PODIUM_REQUESTS_DIR").sentence.endswith("by the first start.")
    (tmp_path / "file").write_text("")
    line = named(check_folders(settings(results_dir=tmp_path / "file" / "results")), "folder PODIUM_RESULTS_DIR")
    assert line.state is State.FAILED and "PODIUM_RESULTS_DIR" in line.fix


def test_the_private_folder_is_private(settings: Callable[..., Settings], tmp_path: Path) -> None:
    name, private = "folder PODIUM_PRIVATE_DIR", tmp_path / "private"
    assert named(check_folders(settings()), name).sentence.endswith("by the first start.")
    private.mkdir(mode=0o755)
    line = named(check_folders(settings()), name)
    assert (line.state, line.fix) == (State.WARNING, f"Run: chmod 700 {private}")
    private.chmod(0o700)
    assert named(check_folders(settings()), name).state is State.OK
    line = named(check_folders(settings(upload_free_gb=1e9)), name)
    assert line.state is State.WARNING and "uploads are refused below" in line.sentence
    for other in ("requests", "results", "work"):
        line = named(check_folders(settings(private_dir=tmp_path / other / "mine")), name)
        assert line.state is State.FAILED and f"PODIUM_{other.upper()}_DIR" in line.sentence
    assert named(check_folders(settings(private_dir=tmp_path)), name).state is State.FAILED, "or around them"


def test_settings_that_are_none_and_doors_that_are_open(
    settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PODIUM_SHARED_DATA", raising=False)
    assert {line.state for line in check_settings(settings())} == {State.OK}
    monkeypatch.setenv("PODIUM_SLOT", "2")
    assert "PODIUM_SLOT" in named(check_settings(settings()), "settings").sentence
    assert named(check_settings(settings(host="0.0.0.0")), "sign-in").state is State.WARNING
    assert named(check_settings(settings(sign_in="required")), "sign-in").state is State.WARNING


# --- Slurm


def test_without_slurm_there_is_no_line(settings: Callable[..., Settings]) -> None:
    assert not list(check_slurm(settings()))


def test_slurm_that_is_not_installed(settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    line = named(check_slurm(settings(executor="slurm")), "slurm")
    assert line.state is State.FAILED and "not installed" in line.sentence


@pytest.mark.slow
def test_a_trial_job_on_a_real_cluster(settings: Callable[..., Settings], cluster: SlurmOnLoopback) -> None:
    lines = list(check_slurm(settings(executor="slurm")))
    assert [(line.name, line.state) for line in lines] == [("slurm", State.OK), ("slurm job", State.OK)]
    wrong = named(check_slurm(settings(executor="slurm", slurm_partition="nowhere")), "slurm partition")
    assert wrong.state is State.FAILED and "There are: " in wrong.sentence
    lost = named(check_slurm(settings(executor="slurm", slurm_python="/nonexistent/python")), "slurm job")
    assert lost.state is State.FAILED and "PODIUM_SLURM_PYTHON" in lost.fix


# --- the command


def test_the_command_prints_json_without_secrets_and_fails_where_something_did(
    settings: Callable[..., Settings], hub: localhub.Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
    monkeypatch.setenv("HF_TOKEN", GONE)
    for name in ("requests", "results", "work"):
        monkeypatch.setenv(f"PODIUM_{name.upper()}_DIR", str(tmp_path / name))
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["doctor", "--json"])
    assert done.exit_code == 1, done.output
    lines = {line["name"]: line for line in json.loads(done.stdout)}
    assert lines["token"]["state"] == "failed" and lines["python"]["state"] == "ok"
    assert GONE not in done.output
    shown = CliRunner().invoke(app, ["doctor"])
    assert shown.exit_code == 1 and "Fix: Make a token" in shown.output and GONE not in shown.output


def test_wrong_settings_are_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PODIUM_SLOTS", "many")
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["doctor", "--json"])
    assert done.exit_code == 1
    assert "PODIUM_SLOTS" in json.loads(done.stdout)[-1]["sentence"]


def test_programs_of_strangers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "problem", lambda: "bubblewrap is not installed.")
    line = check_programs()
    assert line.state is State.WARNING and "apt-get install bubblewrap" in line.fix
    assert line.sentence == "Submitted code is refused here. bubblewrap is not installed."
    monkeypatch.setattr(programs, "problem", lambda: "")
    assert check_programs().state is State.OK
