"""Slurm's programs: sbatch, squeue, sacct, scancel and sinfo. Nothing that a submitter controls reaches any of them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Collection, Sequence
from typing import NamedTuple

from leaderboard.errors import Infrastructure

ANSWER_S = 60
"""Seconds after which a program counts as unanswered."""
KEPT = ("PATH", "SLURM_CONF", "LD_LIBRARY_PATH", "HOME", "USER", "LANG")
"""What the programs see of this process's environment."""


class SlurmSilent(Infrastructure):
    """Slurm's controller did not answer, or refused."""

    def __init__(self, message: str, said: bool = True) -> None:
        """`said`: whether a program wrote what was wrong."""
        super().__init__(message)
        self.said = said


class SlurmMissing(SlurmSilent):
    """Slurm's programs are not installed."""


class SlurmJob(NamedTuple):
    """One job as Slurm lists it."""

    id: str
    name: str
    """As it was submitted. A controller that lost its state gives numbers again."""
    state: str
    """In Slurm's words, `RUNNING`."""
    reason: str = ""
    """Why it waits, in Slurm's words; empty when unknown."""


class SlurmCluster:
    """Asks and tells the controller of the cluster. All of it raises SlurmSilent."""

    def submit(self, script: str, arguments: Sequence[str]) -> str:
        """Queue a batch script and return the job's number."""
        answer = _run(["sbatch", "--parsable", *arguments], script)
        return answer.strip().partition(";")[0]

    def jobs(self) -> list[SlurmJob]:
        """Every job of this user that the controller still knows, in one question."""
        answer = _run(["squeue", "--me", "--noheader", "--states=all", "--format=%A|%j|%T|%r"])
        rows = [line.strip().split("|", 3) for line in answer.splitlines()]
        return [SlurmJob(*row) for row in rows if len(row) == 4]

    def partitions(self) -> set[str]:
        """The names of the cluster's partitions."""
        return set(_run(["sinfo", "--noheader", "--format=%R"]).split())

    def accounted(self, ids: Collection[str]) -> list[SlurmJob]:
        """What the accounting remembers of jobs that the controller has forgotten; nothing where there is none."""
        columns = "--format=JobIDRaw,JobName,State"
        try:
            answer = _run(
                ["sacct", "--noheader", "--parsable2", "--allocations", columns, f"--jobs={','.join(sorted(ids))}"]
            )
        except SlurmSilent:
            return []
        rows = [line.split("|") for line in answer.splitlines()]
        return [SlurmJob(row[0], row[1], row[2].split()[0]) for row in rows if len(row) == 3 and row[2].split()]

    def cancel(self, job: str, name: str) -> None:
        """End a job that waits or runs, if it has this number and this name; one that has ended is left alone."""
        try:
            _run(["scancel", "--quiet", f"--name={name}", job])
        except SlurmSilent as error:
            if error.said:  # without a word it has only found no such job
                raise


def _run(command: Sequence[str], standard_input: str = "") -> str:
    """What a program prints."""
    environment = {name: os.environ[name] for name in KEPT if name in os.environ}
    try:
        ended = subprocess.run(
            command,
            input=standard_input,
            env=environment,
            capture_output=True,
            text=True,
            timeout=ANSWER_S,
            check=False,
        )
    except FileNotFoundError:
        raise SlurmMissing(f"{command[0]} is not installed here. Install Slurm's client programs.") from None
    except subprocess.TimeoutExpired:
        raise SlurmSilent(f"{command[0]} did not answer within {ANSWER_S} s.") from None
    if ended.returncode:
        words = " ".join(ended.stderr.split())
        raise SlurmSilent(f"{command[0]} failed: {words or f'exit code {ended.returncode}'}", said=bool(words))
    return ended.stdout
