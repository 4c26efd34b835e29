"""The batch script of a job and the arguments it is queued with."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence

from backend import Job
from backend.workdir import Workdir
from leaderboard.settings import PROJECT, Settings

NODE = "backend.executors.slurm.node"
SPARE_MINUTES = 2
"""Beyond a job's own time: our limit ends it first, and says why."""
SPARE_BYTES = 2_000_000_000
"""Beyond a job's own memory: what the process that watches it needs."""
MEGABYTE = 1 << 20


def slurm_name(name: str) -> str:
    """What the job of a work folder of this name is called in Slurm."""
    return f"podium-{name}"


def batch_script(workdir: Workdir, python: Sequence[str], prologue: str = "") -> str:
    """What the node executes: the operator's prologue, then the job. Every word of ours is quoted for the shell.

    Its output goes to the job's log by the shell: sbatch replaces signs in the name of an output file.
    """
    lines = [
        "#!/bin/bash",
        f"exec >>{shlex.quote(str(workdir.log))} 2>&1",
        prologue.rstrip(),
        f"cd {shlex.quote(str(PROJECT))} || exit 1",
        f"exec {shlex.join([*python, '-m', NODE, str(workdir.path)])}",
    ]
    return "\n".join([*lines, ""])


def sbatch_arguments(job: Job, settings: Settings) -> list[str]:
    """Name, limits and places of a job, and what the operator says of the cluster."""
    resources = job.resources
    arguments = [
        f"--job-name={slurm_name(job.name)}",
        "--nodes=1",
        "--ntasks=1",
        "--export=NIL",
        "--input=/dev/null",
        "--output=/dev/null",
        "--chdir=/",
        "--requeue" if settings.slurm_requeue else "--no-requeue",
        f"--cpus-per-task={max(1, resources.cpus)}",
    ]
    if resources.wall_seconds:
        arguments.append(f"--time={math.ceil(resources.wall_seconds / 60) + SPARE_MINUTES}")
    if resources.memory_bytes:
        arguments.append(f"--mem={math.ceil((resources.memory_bytes + SPARE_BYTES) / MEGABYTE)}M")
    if resources.gpus:
        arguments.append(f"--gres={settings.slurm_gres.format(gpus=resources.gpus)}")
    for option, value in (
        ("partition", settings.slurm_partition),
        ("account", settings.slurm_account),
        ("qos", settings.slurm_qos),
        ("constraint", settings.slurm_constraint),
    ):
        if value:
            arguments.append(f"--{option}={value}")
    return arguments + shlex.split(settings.slurm_arguments)
