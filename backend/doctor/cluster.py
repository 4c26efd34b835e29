"""Slurm: whether it answers, knows the partition, and runs a job that sees the same folder."""

from __future__ import annotations

import secrets
import shlex
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from backend import Job, Resources
from backend.doctor.line import Line, failed, ok, warning
from backend.executors.slurm.cluster import SlurmCluster, SlurmJob, SlurmSilent
from backend.executors.slurm.script import sbatch_arguments, slurm_name
from leaderboard.settings import Settings

TRIAL_S = 120.0
"""Seconds that a trial job may wait and run."""
LOOK_S = 0.5
SETTLE_S = 10.0
"""Seconds for which a network file system may show a file late."""


def check_slurm(settings: Settings, trial_s: float = TRIAL_S) -> Iterator[Line]:
    """Nothing unless jobs run on Slurm."""
    if settings.executor != "slurm":
        return
    cluster = SlurmCluster()
    try:
        jobs = cluster.jobs()
        partitions = cluster.partitions()
    except SlurmSilent as error:
        fix = "Install Slurm's client programs, check SLURM_CONF and that slurmctld runs (scontrol ping)."
        yield failed("slurm", str(error), fix)
        return
    yield ok("slurm", f"Slurm answers; {len(jobs)} jobs of this user are known to it.")
    if settings.slurm_partition and not set(settings.slurm_partition.split(",")) <= partitions:
        sentence = f"There is no partition {settings.slurm_partition}. There are: {', '.join(sorted(partitions))}."
        yield failed("slurm partition", sentence, "Correct PODIUM_SLURM_PARTITION.")
        return
    yield _trial(settings, cluster, trial_s)


def _trial(settings: Settings, cluster: SlurmCluster, trial_s: float) -> Line:
    """Have a node write into the work folder."""
    name, word = "slurm job", secrets.token_hex(8)
    folder = settings.work_dir.absolute() / f"doctor-{word}"
    try:
        folder.mkdir(parents=True)
        (folder / "question").write_text(word)
        job = Job(f"doctor-{word}", folder, Resources(cpus=1, memory_bytes=1_000_000_000, wall_seconds=60))
        number = cluster.submit(_script(settings, folder), sbatch_arguments(job, settings))
        return _followed(cluster, number, folder, word, trial_s)
    except SlurmSilent as error:
        return failed(name, f"A trial job was not taken: {error}", "Check the PODIUM_SLURM_ settings.")
    except OSError as error:
        return failed(name, f"The work folder cannot be written ({error.strerror}).", "Correct PODIUM_WORK_DIR.")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _script(settings: Settings, folder: Path) -> str:
    """Answers the question in the folder, with the Python of jobs."""
    python = shlex.split(settings.slurm_python) or [sys.executable]
    prologue = settings.slurm_prologue.read_text(encoding="utf-8") if settings.slurm_prologue else ""
    program = "import shutil; shutil.copy('question', 'part'); shutil.move('part', 'answer')"
    lines = ["#!/bin/bash", prologue.rstrip(), f"cd {shlex.quote(str(folder))} || exit 1", "exec >log 2>&1"]
    return "\n".join([*lines, f"exec {shlex.join([*python, '-c', program])}", ""])


def _followed(cluster: SlurmCluster, number: str, folder: Path, word: str, trial_s: float) -> Line:
    name, answer = "slurm job", folder / "answer"
    end, reason = time.monotonic() + trial_s, ""
    while time.monotonic() < end:
        if answer.is_file():
            same = answer.read_text() == word
            return ok(name, "A trial job ran and saw the work folder.") if same else _elsewhere(folder)
        known = _listed(cluster, number, folder)
        if known is not None and known.state in ("PENDING", "CONFIGURING"):
            reason = known.reason
        elif known is None or known.state not in ("RUNNING", "COMPLETING"):
            end = min(end, time.monotonic() + SETTLE_S)
        time.sleep(LOOK_S)
    known = _listed(cluster, number, folder)
    if known is not None and known.state == "PENDING":
        cluster.cancel(number, slurm_name(folder.name))
        sentence = f"A trial job waited for more than {trial_s:.0f} s ({reason or 'no reason given'})."
        return warning(name, sentence, "See `squeue` and `sinfo`: the cluster may be full, or the limits too high.")
    cluster.cancel(number, slurm_name(folder.name))
    return _elsewhere(folder)


def _listed(cluster: SlurmCluster, number: str, folder: Path) -> SlurmJob | None:
    """The trial job as the cluster lists it."""
    wanted = number, slurm_name(folder.name)
    return next((job for job in cluster.jobs() if (job.id, job.name) == wanted), None)


def _elsewhere(folder: Path) -> Line:
    log = folder / "log"
    said = log.read_text(errors="replace").strip().splitlines()[-1:] if log.is_file() else []
    sentence = f"A trial job ran, but left nothing in the work folder{': ' + said[0] if said else ''}."
    fix = "PODIUM_WORK_DIR and this Python must lie under the same paths on every node (PODIUM_SLURM_PYTHON)."
    return failed("slurm job", sentence, fix)
