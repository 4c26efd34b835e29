"""Jobs through Slurm, compared with the same job started by hand: a cluster of two nodes on this machine.

The job writes down what its machine can do and needs no torch, so that little but the way to it is measured. The bare
job is what the batch script executes, without Slurm.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from backend import Job, JobState, Resources
from backend.evaluators import ABILITIES
from backend.executors.slurm.executor import SlurmExecutor
from backend.executors.slurm.script import NODE
from backend.workdir import JobOptions, Workdir
from leaderboard.settings import PROJECT, Settings
from scripts import slurm_cluster
from scripts.bench_jobs import wait_for
from scripts.figures import Sections, at_least, at_most, reading

PRELOAD = ("backend.job",)
RESOURCES = Resources(cpus=1, memory_bytes=500_000_000, wall_seconds=600)


class Size(NamedTuple):
    """How much is measured."""

    rounds: int
    """Single jobs."""
    jobs: int
    """Queued at once."""
    overhead_s: float | None
    """Limit of what Slurm adds to a job."""


FULL = Size(rounds=5, jobs=200, overhead_s=3.0)
TINY = Size(rounds=1, jobs=2, overhead_s=None)


def sections(size: Size) -> Sections:
    """What Slurm adds to a job, and whether many that are queued at once all end."""
    if reason := slurm_cluster.missing():
        raise SystemExit(reason)
    with tempfile.TemporaryDirectory(prefix="podium-slurm-") as name, slurm_cluster.running(Path(name) / "slurm"):
        settings = Settings(work_dir=Path(name) / "work", executor="slurm", slots=size.jobs, device="cpu")
        executor = SlurmExecutor.from_settings(settings, PRELOAD)
        through, bare = [], []
        for number in range(size.rounds):
            through.append(through_slurm(executor, [prepared(settings, number)]))
            bare.append(by_hand(prepared(settings, number)))
        overhead = statistics.median(through) - statistics.median(bare)
        yield (
            "one job",
            [
                reading("job through Slurm", statistics.median(through), "s"),
                reading("bare job", statistics.median(bare), "s"),
                at_most("overhead of Slurm", overhead, "s", size.overhead_s),
            ],
        )
        workdirs = [prepared(settings, number) for number in range(size.jobs)]
        spent = through_slurm(executor, workdirs)
        done = sum(workdir.done for workdir in workdirs)
        yield (
            f"{size.jobs} jobs queued at once",
            [
                at_least("jobs that did their work", done, "jobs", size.jobs),
                reading("from the first sbatch to the last end", spent, "s"),
            ],
        )


def prepared(settings: Settings, number: int) -> Workdir:
    """A job's folder."""
    workdir = Workdir(settings.work_dir / "jobs" / f"{number:016x}-1")
    workdir.prepare(JobOptions(evaluator=ABILITIES, device="cpu"))
    return workdir


def through_slurm(executor: SlurmExecutor, workdirs: Sequence[Workdir]) -> float:
    """Seconds from the first submission until the executor knows that all have ended."""
    began = time.perf_counter()
    handles = [executor.submit(Job(workdir.name, workdir.path, RESOURCES)) for workdir in workdirs]
    final = (JobState.ENDED, JobState.KILLED, JobState.UNKNOWN)
    wait_for(lambda: all(status.state in final for status in executor.poll(handles).values()), 1800)
    return time.perf_counter() - began


def by_hand(workdir: Workdir) -> float:
    """Seconds of what the batch script executes; the options that Slurm's job got lie in the folder."""
    workdir.set_ticket("1")
    environment = {"PATH": os.defpath, "SLURM_JOB_ID": "1"}
    began = time.perf_counter()
    with workdir.log.open("ab") as log:
        subprocess.run(
            [sys.executable, "-m", NODE, str(workdir.path)], cwd=PROJECT, env=environment, stdout=log, stderr=log,
            check=True,
        )  # fmt: skip
    if not workdir.done:
        raise SystemExit(workdir.log_tail())
    return time.perf_counter() - began
