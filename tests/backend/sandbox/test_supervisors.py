"""Jobs that start programs of strangers: which they are, who takes them, and what is left when a worker is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from backend.executors.local import FORKSERVER
from backend.sandbox import View, programs
from backend.scheduler.launch import Launcher
from backend.scheduler.registration import Registration
from backend.workdir import JobOptions, Workdir
from leaderboard.benchmarks import Benchmark
from leaderboard.benchmarks.challenge import CodeRules
from leaderboard.benchmarks.schema import BundleRules
from leaderboard.queue.workers import can_run, nobody_runs
from leaderboard.records import Abilities, Artifact, ArtifactRequest, Request, Status
from leaderboard.settings import PROJECT, Settings
from leaderboard.stores.local import LocalStore
from tests.backend.conftest import Board
from tests.contracts.test_executor import of_program, until

WORKER = """
import sys, time
from pathlib import Path
from backend import Job, Resources
from backend.environment import job_environment
from backend.executors.layers import sandbox_layers
from backend.executors.local import LocalExecutor
from leaderboard.settings import Settings

folder, workdir, sandbox = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
settings = Settings(work_dir=folder)
executor = LocalExecutor(folder, job_environment(settings), sandbox_layers(sandbox), preload=["tests.backend.jobs"])
executor.submit(Job(workdir.name, workdir, Resources()))
time.sleep(600)
"""
WHY = "Submitted code cannot be run here. bubblewrap is not installed."


@pytest.mark.parametrize("confined", ["auto", "off"])
@pytest.mark.parametrize("killed", ["worker", "forkserver"])
def test_a_killed_worker_leaves_no_program(sandbox: None, tmp_path: Path, confined: str, killed: str) -> None:
    workdir = Workdir(tmp_path / "jobs" / f"supervise-{tmp_path.name}")
    workdir.prepare(JobOptions(evaluator="tests.backend.jobs:Supervise", view=View(supervises=True)))
    command = [sys.executable, "-c", WORKER, str(tmp_path / "work"), str(workdir.path), confined]
    with subprocess.Popen(command, cwd=PROJECT) as worker:
        log = workdir.scratch / "program.txt"
        until(lambda: log.exists() and log.read_text())
        started = of_program(workdir)
        if killed == "forkserver":
            os.kill(forkserver_of(worker.pid), signal.SIGKILL)
        else:
            worker.kill()
        until(lambda: not of_program(workdir))
        worker.kill()
    assert started


def forkserver_of(pid: int) -> int:
    """The process that forks a worker's jobs."""
    [found] = [child for child in psutil.Process(pid).children() if FORKSERVER in child.cmdline()]
    number: int = found.pid
    return number


def request(kind: str, benchmark: str = "tiny") -> Request:
    artifact = Artifact(sha256="0" * 64, bytes=1, filename="code.zip")
    return ArtifactRequest(
        kind=kind, id="0" * 16, model="somebody/first", revision=artifact.sha256, benchmark=benchmark, attempts=1,
        artifact=artifact, status=Status.RUNNING,
    )  # fmt: skip


def board_with(tmp_path: Path, **changes: Any) -> Benchmark:
    return Board(tmp_path).benchmark.model_copy(update=changes)


CODE = {"kinds": ["predictions", "code"], "code": CodeRules()}
BUNDLE = {"kinds": ["predictions"], "bundle": BundleRules.model_construct(folder="bundle")}


@pytest.mark.parametrize(
    ("kind", "changes", "supervises"),
    [("code", CODE, True), ("predictions", CODE, False), ("predictions", BUNDLE, True)],
)
def test_jobs_of_code_and_of_bundles_start_programs(
    tmp_path: Path, kind: str, changes: dict[str, Any], supervises: bool
) -> None:
    benchmark = board_with(tmp_path, **changes)
    settings = Settings(work_dir=tmp_path / "work", hub_endpoint="http://127.0.0.1:9", device="cpu")
    launcher = Launcher(settings, {"tiny": benchmark}, tmp_path / "jobs")
    asked = request(kind)
    launcher.prepare(asked)
    assert launcher.workdir(asked).options().view.supervises == supervises


def registered(tmp_path: Path, benchmark: Benchmark) -> Abilities:
    store = LocalStore(tmp_path / "requests")
    registration = Registration(store, "w1", {benchmark.id: benchmark}, 1, ["code", "predictions"])
    assert registration.update(Abilities(worker="w1"), "")
    return Abilities.model_validate_json(store.read("workers/w1.json")[0])


def test_a_worker_that_cannot_confine_programs_says_so_and_takes_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "missing", lambda: WHY)
    code = registered(tmp_path, board_with(tmp_path, **CODE))
    assert not can_run(code, request("code")) and can_run(code, request("predictions"))
    assert nobody_runs(request("code"), [code]) == f"No worker of this board can run it. w1: {WHY}"
    bundle = registered(tmp_path, board_with(tmp_path, **BUNDLE))
    assert not can_run(bundle, request("predictions"))
    assert WHY in nobody_runs(request("predictions"), [bundle])
    plain = registered(tmp_path, board_with(tmp_path, kinds=["predictions"]))
    assert can_run(plain, request("predictions"))


def test_a_worker_that_can_takes_them(sandbox: None, tmp_path: Path) -> None:
    assert can_run(registered(tmp_path, board_with(tmp_path, **CODE)), request("code"))
