"""What only the local executor has to do: live with the death of its forkserver and of its owner."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest

from backend import Job, JobState, Resources
from backend.environment import job_environment
from backend.executors.local import LocalExecutor
from backend.sandbox import Layer
from backend.workdir import JobOptions, Workdir
from leaderboard.settings import PROJECT, Settings
from tests.contracts.test_executor import PRELOAD, gone, processes, until

OWNER = """
import sys, time
from pathlib import Path
from backend.executors.layers import sandbox_layers
from leaderboard.settings import Settings
from tests.backend.executors.test_local_executor import start_waiting
start_waiting(Path(sys.argv[1]), sandbox_layers("auto"))
time.sleep(300)
"""


def start_waiting(folder: Path, layers: Sequence[Layer]) -> tuple[LocalExecutor, str, Workdir]:
    """An executor with one job that waits, with children."""
    executor = LocalExecutor(folder, job_environment(Settings(work_dir=folder)), layers, preload=PRELOAD)
    workdir = Workdir(folder / "jobs" / "wait-1")
    workdir.prepare(JobOptions(evaluator="tests.backend.jobs:Wait"))
    return executor, executor.submit(Job("wait-1", workdir.path, Resources())), workdir


def forkserver_of(job: Sequence[int]) -> psutil.Process:
    """The child of this process from which a job was forked."""
    above = {process.pid for pid in job for process in psutil.Process(pid).parents()}
    [forkserver] = [child for child in psutil.Process().children() if child.pid in above]
    return forkserver


@pytest.mark.parametrize("layers", [list(Layer), []], ids=["confined", "unconfined"])
def test_a_dead_forkserver_takes_its_jobs_along_and_is_replaced(tmp_path: Path, layers: list[Layer]) -> None:
    executor, handle, workdir = start_waiting(tmp_path, layers)
    woken: list[float] = []
    executor.watch(lambda: woken.append(time.monotonic()))
    until(lambda: workdir.out.joinpath("waiting.json").exists())  # what started the grandchild has ended by then
    running = until(lambda: processes(workdir, 3))
    forkserver_of(running).kill()
    status = until(lambda: (one := executor.poll([handle])[handle]).state is JobState.KILLED and one)
    assert "forkserver" in status.reason and woken
    if Layer.NAMESPACES in layers:
        assert until(lambda: all(gone(pid) for pid in running))
    else:  # what a job starts in a session of its own survives the forkserver where the kernel does not end it
        until(lambda: len(processes(workdir, 1)) <= 1)
        for pid in processes(workdir, 1):
            psutil.Process(pid).kill()
    again = Workdir(tmp_path / "jobs" / "speak-1")
    again.prepare(JobOptions(evaluator="tests.backend.jobs:Speak"))
    second = executor.submit(Job("speak-1", again.path, Resources()))
    until(lambda: executor.poll([second])[second].state is JobState.ENDED)
    assert again.done
    executor.close()


def test_jobs_do_not_outlive_a_killed_owner(tmp_path: Path) -> None:
    owner = subprocess.Popen([sys.executable, "-c", OWNER, str(tmp_path)], cwd=PROJECT)
    running = until(lambda: processes(Workdir(tmp_path / "jobs" / "wait-1"), 3))
    owner.kill()
    owner.wait()
    assert until(lambda: all(gone(pid) for pid in running))


def test_a_memory_peak_is_known_of_an_ended_job(tmp_path: Path) -> None:
    executor = LocalExecutor.from_settings(Settings(work_dir=tmp_path), PRELOAD)
    workdir = Workdir(tmp_path / "jobs" / "grow-1")
    workdir.prepare(JobOptions(evaluator="tests.backend.jobs:Grow"))
    handle = executor.submit(Job("grow-1", workdir.path, Resources(memory_bytes=200_000_000)))
    until(lambda: executor.poll([handle])[handle].state is JobState.KILLED)
    assert executor.peak_memory(handle) > 200_000_000
    executor.close()
