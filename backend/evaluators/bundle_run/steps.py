"""One program of a bundle, run in the sandbox: its mounts, its limits, its log, and what its end means."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from backend.evaluators.bundle_run.live_log import LiveLog, last_line
from backend.failures import JobFailed
from backend.sandbox.programs import Ended, Mount, Program, RunningProgram, start
from leaderboard.records import Fault
from leaderboard.results.log_parts import say

PROCESSES = 64
TMP_BYTES = 256 << 20
MOST_OUTPUT_BYTES = 1 << 30
ORGANISERS = "The program is the organiser's: the maintainers have to look into it."
ENVIRONMENT = {
    "PYTHONUNBUFFERED": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "OMP_NUM_THREADS": "1",
}


@dataclass(frozen=True)
class Limits:
    """What each step may use."""

    seconds: int
    memory_bytes: int

    @property
    def output_bytes(self) -> int:
        """What it may write into /app/output; it is memory while the program runs."""
        return min(MOST_OUTPUT_BYTES, self.memory_bytes // 2)


@dataclass(frozen=True)
class Step:
    """One program: whose it is, what it is called in sentences, and how it is run."""

    name: str
    """`ingestion`, `own` or `scoring`."""
    title: str
    """As a sentence begins: `The ingestion of task Wheat`."""
    command: Sequence[str]
    mounts: Sequence[Mount]
    log: Path
    shown: bool = True
    """Whether the submitter may read what it prints."""
    image: str = ""
    """What it runs in; empty for this worker's system and Python."""
    cwd: str = "/app/program"


@contextmanager
def running(step: Step, limits: Limits) -> Iterator[RunningProgram]:
    """The step's program, started; what it prints is copied into the job's log until the block ends, and it with it."""
    say(f"{step.title} starts: {' '.join(step.command)}" if step.shown else f"{step.title} starts.")
    program = Program(
        command=tuple(step.command),
        mounts=tuple(step.mounts),
        cwd=step.cwd,
        environment=ENVIRONMENT,
        wall_seconds=limits.seconds,
        memory_bytes=limits.memory_bytes,
        log=step.log,
        processes=PROCESSES,
        tmp_bytes=TMP_BYTES,
        disk_bytes=limits.output_bytes,
        image=step.image,
    )
    with LiveLog(step.log, step.shown):
        started = start(program)
        try:
            yield started
        finally:
            started.kill()
            started.wait()


def report(step: Step, ended: Ended) -> None:
    """Say in the log how the step ended."""
    if not step.shown:
        say("Its output is not shown here.")
    say(f"{step.title} ended after {ended.seconds:.1f} s: {how(ended)}.")


def how(ended: Ended) -> str:
    """How a program ended, in words."""
    return ended.reason.replace("_", " ") or f"exit code {ended.code}"


EXCEEDED = {
    "wall_limit": "wall_limit",
    "memory_limit": "out_of_memory",
    "process_limit": "process_limit",
    "disk_limit": "output_too_large",
}
"""Why a program was stopped -> the failure's code."""


def check_limits(step: Step, ended: Ended, limits: Limits, fault: Fault) -> None:
    """Raise JobFailed for a step that exceeded a limit or was never started. `fault`: whose program it is."""
    words = {
        "wall_limit": f"its time limit of {limits.seconds:,} s",
        "memory_limit": f"its memory limit of {limits.memory_bytes / 1e9:,.1f} GB",
        "process_limit": f"its limit of {PROCESSES} processes",
        "disk_limit": f"its limit of {limits.output_bytes:,} bytes and 10,000 files of output",
    }
    advice = "Change the submission." if fault is Fault.SUBMISSION else ORGANISERS
    if ended.reason in EXCEEDED:
        sentence = f"{step.title} exceeded {words[ended.reason]} and was stopped. {advice}"
        raise JobFailed(EXCEEDED[ended.reason], sentence, fault)
    if ended.reason == "output_refused":
        raise JobFailed(
            "output_refused",
            f"What {step.title[0].lower()}{step.title[1:]} wrote cannot be used. {ended.message} {advice}",
            fault,
        )
    if ended.reason == "not_confined":
        raise JobFailed("no_sandbox", f"{step.title} could not be started: {ended.message}", Fault.INFRASTRUCTURE)


def printed_last(step: Step) -> str:
    """What a shown step printed last, as the end of a sentence that names how it ended."""
    line = last_line(step.log) if step.shown else ""
    return f". The last line of its output is: {line}" if line else "."
