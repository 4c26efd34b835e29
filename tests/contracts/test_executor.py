"""What every executor does. A new one joins by a fixture in EXECUTORS."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from backend import Executor, Job, JobState, Resources
from backend.executors.debug import DebugExecutor
from backend.executors.layers import layer_problems
from backend.executors.opening import named_executor
from backend.sandbox import Layer, View
from backend.sandbox.programs import missing
from backend.workdir import JobOptions, Workdir
from leaderboard.settings import Settings
from scripts import slurm_cluster

EXECUTORS = ["confined", "landlock", "unconfined", "debug", "slurm"]
CANNOT = {"debug": DebugExecutor.CANNOT}
"""Executor -> what it says of itself that it cannot do, and why."""
SECRETS = {
    "HF_TOKEN": "hf_secret",
    "PODIUM_SESSION_KEY": "podium_secret",
    "AWS_SECRET_ACCESS_KEY": "aws_secret",
    "HTTPS_PROXY": "http://someone:proxy_secret@127.0.0.1:9",
}
PRELOAD = ["backend.job", "tests.backend.jobs"]
LIMITED = View(memory_bytes=2_000_000_000, disk_bytes=50_000_000)
SUPERVISING = dataclasses.replace(LIMITED, supervises=True)
FINAL = (JobState.ENDED, JobState.KILLED)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="module", params=EXECUTORS)
def executor(request: pytest.FixtureRequest, folder: Path) -> Iterator[Executor]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SECRETS.items():
            patch.setenv(name, value)
        made: Executor = request.getfixturevalue(request.param)
        yield made
        made.close()


@pytest.fixture(scope="module")
def settings(folder: Path) -> Settings:
    return Settings(work_dir=folder, hub_endpoint="http://127.0.0.1:9", slots=3)


def made(settings: Settings, name: str, layers: list[Layer], **more: str) -> Executor:
    problems = layer_problems()
    if missing := [f"{layer}: {problems[layer]}" for layer in layers if problems[layer]]:
        pytest.skip(f"this machine cannot confine jobs with {missing}")
    return named_executor(settings.model_copy(update={"work_dir": settings.work_dir / name, **more}), PRELOAD)


@pytest.fixture(scope="module")
def confined(settings: Settings) -> Executor:
    return made(settings, "confined", list(Layer), sandbox="auto")


@pytest.fixture(scope="module")
def landlock(settings: Settings) -> Executor:
    return made(settings, "landlock", [Layer.LANDLOCK], sandbox="landlock")


@pytest.fixture(scope="module")
def unconfined(settings: Settings) -> Executor:
    return made(settings, "unconfined", [], sandbox="off")


@pytest.fixture(scope="module")
def debug(settings: Settings) -> Executor:
    return made(settings, "debug", [], sandbox="off", executor="debug")


@pytest.fixture(scope="module")
def slurm(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Executor]:
    if reason := slurm_cluster.missing():
        pytest.skip(reason)
    with slurm_cluster.running(tmp_path_factory.mktemp("slurm")):
        yield made(settings, "slurm", [], executor="slurm")


@pytest.fixture(autouse=True)
def declared(request: pytest.FixtureRequest) -> None:
    """Leave out what the executor declares that it cannot do."""
    if "executor" not in request.fixturenames:
        return
    needs = request.node.get_closest_marker("needs")
    reasons = CANNOT.get(request.node.callspec.params["executor"], {})
    if needs and needs.args[0] in reasons:
        pytest.skip(f"declared by the executor: {reasons[needs.args[0]]}")


@pytest.fixture
def start(executor: Executor, settings: Settings, tmp_path: Path) -> Callable[..., tuple[str, Workdir]]:
    def start(
        kind: str, wall_seconds: int = 60, memory_mb: int = 1000, view: View = LIMITED, short: bool = False
    ) -> tuple[str, Workdir]:
        workdir = Workdir(tmp_path / "jobs" / f"{kind}-{secrets.randbelow(10**9)}")
        workdir.prepare(JobOptions(evaluator=f"tests.backend.jobs:{kind}", view=view))
        if short:
            (workdir.path / "short").touch()
        resources = Resources(memory_bytes=memory_mb * 10**6, wall_seconds=wall_seconds)
        return executor.submit(Job(workdir.name, workdir.path, resources)), workdir

    return start


def until(what: Callable[[], Any], timeout_s: float = 150) -> Any:
    """The first true value of `what()`."""
    end = time.monotonic() + timeout_s
    while not (value := what()):
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)
    return value


def outcome(executor: Executor, handle: str) -> tuple[JobState, str]:
    status = until(lambda: (one := executor.poll([handle])[handle]).state in FINAL and one)
    return status.state, status.reason


def test_a_job_runs_and_its_log_has_both_streams(executor: Executor, start: Any) -> None:
    handle, workdir = start("Speak")
    assert outcome(executor, handle) == (JobState.ENDED, "")
    assert workdir.done and workdir.failure() is None
    for answer in ("said on standard output", "said on standard error", "said by a child"):
        assert answer in executor.logs(handle) and answer in workdir.log.read_text()


def test_a_job_s_environment_is_made_from_nothing(executor: Executor, start: Any) -> None:
    handle, workdir = start("Speak")
    outcome(executor, handle)
    seen = json.loads(workdir.read("seen.json"))
    assert "HF_ENDPOINT" not in seen["environment"] and "HTTPS_PROXY" not in seen["environment"]
    assert seen["environment"]["HF_HUB_OFFLINE"] == "1"
    for folder in ("HOME", "HF_HOME", "TMPDIR"):
        assert seen["environment"][folder].startswith(str(workdir.scratch))
    assert seen["cwd"] == str(workdir.scratch)
    assert not [name for name in seen["environment"] if name.startswith(("PODIUM_", "AWS_")) or name == "HF_TOKEN"]
    everything = json.dumps(seen) + "".join(file.read_text() for file in workdir.path.rglob("*.*") if file.is_file())
    assert not [secret for secret in SECRETS.values() if secret in everything]


def test_an_exception_becomes_a_failure_and_its_trace_stays_in_the_log(executor: Executor, start: Any) -> None:
    handle, workdir = start("Break")
    assert outcome(executor, handle) == (JobState.ENDED, "")
    failure = workdir.failure()
    assert failure is not None and failure.code == "job_error" and not workdir.done
    assert "secret of the trace" not in failure.message
    assert "ZeroDivisionError: a secret of the trace" in executor.logs(handle)


@pytest.mark.needs("crash")
def test_a_job_that_ends_without_a_word_has_ended(executor: Executor, start: Any) -> None:
    handle, workdir = start("Die")
    assert outcome(executor, handle) == (JobState.ENDED, "")
    assert not workdir.done and workdir.failure() is None


def processes(workdir: Workdir, at_least: int) -> list[int]:
    """The processes that stand in a job's scratch folder; none while they are fewer than `at_least`."""
    result = []
    for process in psutil.process_iter():
        with contextlib.suppress(OSError, psutil.Error):  # a neighbour's folder may be too deep to have a name
            if process.cwd() == str(workdir.scratch) and not gone(process.pid):
                result.append(process.pid)
    return result if len(result) >= at_least else []


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.mark.needs("cancel")
def test_cancelling_ends_a_job_and_all_that_it_started(executor: Executor, start: Any) -> None:
    handle, workdir = start("Wait")
    started = until(lambda: processes(workdir, 3))
    executor.cancel(handle)
    assert outcome(executor, handle) == (JobState.KILLED, "cancelled")
    until(lambda: all(gone(pid) for pid in started))


def test_what_a_job_leaves_behind_ends_with_it(executor: Executor, start: Any) -> None:
    handle, workdir = start("Leave")
    assert outcome(executor, handle) == (JobState.ENDED, "")
    assert workdir.read("left.json")
    until(lambda: not processes(workdir, 1))


@pytest.mark.needs("limits")
def test_the_wall_limit_ends_a_job(executor: Executor, start: Any) -> None:
    handle, _ = start("Wait", wall_seconds=1)
    assert outcome(executor, handle) == (JobState.KILLED, "wall_limit")


@pytest.mark.needs("limits")
def test_the_memory_limit_counts_a_job_s_children(executor: Executor, start: Any) -> None:
    handle, _ = start("Grow", memory_mb=250)
    assert outcome(executor, handle) == (JobState.KILLED, "memory_limit")


@pytest.fixture
def programs_run() -> None:
    if why := missing():
        pytest.skip(why)


def of_program(workdir: Workdir) -> list[int]:
    """The processes of the programs that a job started, bubblewrap's among them."""
    result = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if any(workdir.name in word for word in process.cmdline() if "time" in word):
                result.append(process.pid)
    return result


def test_a_job_that_starts_programs_has_no_secrets_and_no_open_files(
    executor: Executor, start: Any, programs_run: None
) -> None:
    handle, workdir = start("Supervise", view=SUPERVISING, short=True)
    assert outcome(executor, handle) == (JobState.ENDED, "") and workdir.done, executor.logs(handle)
    seen = json.loads(workdir.read("seen.json"))
    assert not [secret for secret in SECRETS.values() if secret in json.dumps(seen)]
    assert json.loads(workdir.read("ended.json"))[:2] == [0, ""]
    said = (workdir.scratch / "program.txt").read_text()
    assert said.startswith(workdir.name) and not [secret for secret in SECRETS.values() if secret in said]
    if not isinstance(executor, DebugExecutor):
        assert seen["files"] == []


@pytest.mark.needs("cancel")
def test_cancelling_ends_the_programs_of_a_job(executor: Executor, start: Any, programs_run: None) -> None:
    handle, workdir = start("Supervise", view=SUPERVISING)
    until(lambda: (workdir.scratch / "program.txt").exists() and (workdir.scratch / "program.txt").read_text())
    assert of_program(workdir)
    executor.cancel(handle)
    assert outcome(executor, handle) == (JobState.KILLED, "cancelled")
    until(lambda: not of_program(workdir))


@pytest.mark.needs("limits")
def test_the_wall_limit_ends_the_programs_of_a_job(executor: Executor, start: Any, programs_run: None) -> None:
    handle, workdir = start("Supervise", wall_seconds=2, view=SUPERVISING)
    assert outcome(executor, handle) == (JobState.KILLED, "wall_limit")
    until(lambda: not of_program(workdir))


def test_slots_are_taken_and_given_back(request: pytest.FixtureRequest, executor: Executor, start: Any) -> None:
    slots = 1 if request.node.callspec.params["executor"] == "debug" else 3
    until(lambda: executor.slots() == slots)
    handle, _ = start("Wait")
    assert executor.slots() == slots - 1
    executor.cancel(handle)
    outcome(executor, handle)
    until(lambda: executor.slots() == slots)


def test_a_handle_of_nobody_is_unknown(executor: Executor) -> None:
    assert executor.poll(["nobody-1"])["nobody-1"].state is JobState.UNKNOWN
    executor.cancel("nobody-1")
    assert executor.logs("nobody-1") == ""


def test_secrets_were_there_to_be_leaked(executor: Executor) -> None:
    assert os.environ["HF_TOKEN"] == SECRETS["HF_TOKEN"]


def test_only_what_is_declared_is_left_out() -> None:
    """An executor that confines declares nothing; a new reason needs a word in the operators' page too."""
    assert {name: sorted(reasons) for name, reasons in CANNOT.items()} == {"debug": ["cancel", "crash", "limits"]}
