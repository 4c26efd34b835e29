"""Podium's back half: what runs work. It never imports gradio, leaderboard.pages or leaderboard.cli.

Two seams: where jobs run (`Executor`) and what a job does (`Evaluator`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple, Protocol

from leaderboard.benchmarks import Benchmark
from leaderboard.records import Request


class JobState(StrEnum):
    """What an executor knows of a job."""

    QUEUED = "queued"
    RUNNING = "running"
    ENDED = "ended"
    """It ended by itself; what it did is in its work folder."""
    KILLED = "killed"
    """It was ended from outside: time or memory limit, cancel, lost node. `JobStatus.reason` says which."""
    UNKNOWN = "unknown"
    """The executor knows no such job (any more)."""

    @property
    def is_open(self) -> bool:
        """Whether the job waits or runs."""
        return self in (JobState.QUEUED, JobState.RUNNING)


class JobStatus(NamedTuple):
    state: JobState
    reason: str = ""
    """For KILLED: `wall_limit`, `memory_limit`, `cancelled` or words."""


class Resources(NamedTuple):
    """What a job needs."""

    gpus: int = 0
    cpus: int = 0
    memory_bytes: int = 0
    wall_seconds: int = 0


class Job(NamedTuple):
    """One attempt at a request: a folder with everything it needs (see backend/workdir.py)."""

    name: str
    workdir: Path
    resources: Resources


class Executor(Protocol):
    """Where jobs run. Handles are text that survives a restart of the scheduler."""

    @property
    def outlives_scheduler(self) -> bool:
        """Whether jobs run on when the scheduler stops, for the next one to follow by their handles."""
        ...

    def slots(self) -> int:
        """How many more jobs may be submitted now."""
        ...

    def submit(self, job: Job) -> str:
        """Start the job and return its handle."""
        ...

    def poll(self, handles: Sequence[str]) -> dict[str, JobStatus]:
        """The state of each handle."""
        ...

    def cancel(self, handle: str) -> None:
        """End the job and every process it started."""
        ...

    def logs(self, handle: str) -> str:
        """The job's log as far as it is written: its last 64 KiB, from the beginning of a line. Empty when unknown."""
        ...

    def watch(self, wake: Callable[[], None]) -> None:
        """Call `wake`, from any thread, whenever a job has ended; an executor that cannot tell never calls it."""
        ...

    def close(self) -> None:
        """End every job and helper process of this executor; where jobs outlive the scheduler, leave those that run."""
        ...


class Evaluator(Protocol):
    """What a job does with one kind of submission. Which submissions a worker can run: leaderboard/queue/workers.py."""

    def resources(self, request: Request, benchmark: Benchmark) -> Resources:
        """What the job will need."""
        ...

    def run(self, workdir: Path) -> None:
        """Do the work in this process: read the work folder's inputs, write its outputs."""
        ...
