"""Jobs in the scheduler's own process and thread, one at a time, to be stepped through with a debugger."""

from __future__ import annotations

import contextlib
import logging
import os
import pdb
import secrets
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import ClassVar, TextIO

import psutil

from backend import Job, JobState, JobStatus, job
from backend.environment import job_environment
from backend.executors.processes import kill_tree
from backend.workdir import Workdir
from leaderboard.errors import BadSettings
from leaderboard.settings import Settings

log = logging.getLogger(__name__)


@dataclass
class DebugJob:
    """What is known of one job."""

    workdir: Workdir
    status: JobStatus = field(default_factory=lambda: JobStatus(JobState.QUEUED))


class DebugExecutor:
    """In the scheduler's own process and thread, one at a time and unconfined, for stepping through with a debugger.

    A submitted job runs when it is first polled. The scheduler does nothing else meanwhile: it renews no lease and
    copies no progress.
    """

    outlives_scheduler = False
    CANNOT: ClassVar[Mapping[str, str]] = {
        "cancel": "the thread that would cancel a running job is the one that runs it; a waiting job is cancelled",
        "limits": "a process cannot be ended for a job's time, memory, disk or processes without ending the scheduler",
        "crash": "a job that ends its process ends the scheduler",
    }
    """What other executors do and this one cannot -> why."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = dict(environment)
        self._jobs: dict[str, DebugJob] = {}
        self._running = threading.Lock()
        self._wake: Callable[[], None] = lambda: None

    @classmethod
    def from_settings(cls, settings: Settings, preload: Sequence[str] = ()) -> DebugExecutor:
        """One for the settings; nothing is preloaded. Raises BadSettings unless they switch the sandbox off."""
        if settings.sandbox != "off":
            raise BadSettings(
                "PODIUM_EXECUTOR=debug runs jobs in the scheduler's own process, where nothing can confine them: a "
                "submitted checkpoint could read this service's files. Set PODIUM_SANDBOX=off to allow that, or choose "
                "PODIUM_EXECUTOR=local."
            )
        log.warning("PODIUM_EXECUTOR=debug: jobs run in this process, one at a time, without a sandbox or limits.")
        return cls(job_environment(settings))

    def slots(self) -> int:
        """1 while no job waits or runs."""
        return 1 - sum(job.status.state.is_open for job in self._jobs.values())

    def submit(self, job: Job) -> str:
        """Keep the job for the next poll and return its handle."""
        handle = f"debug-{secrets.token_hex(6)}"
        self._jobs[handle] = DebugJob(Workdir(job.workdir))
        return handle

    def poll(self, handles: Sequence[str]) -> dict[str, JobStatus]:
        """Run those of the jobs that wait; then the state of each handle."""
        for handle in handles:
            waiting = self._jobs.get(handle)
            if waiting is not None:
                self._run(waiting)
        unknown = JobStatus(JobState.UNKNOWN)
        return {handle: self._jobs[handle].status if handle in self._jobs else unknown for handle in handles}

    def cancel(self, handle: str) -> None:
        """Do not start the job; one that runs or has ended is left alone."""
        waiting = self._jobs.get(handle)
        if waiting is not None and waiting.status.state is JobState.QUEUED:
            waiting.status = JobStatus(JobState.KILLED, "cancelled")

    def logs(self, handle: str) -> str:
        """The end of the job's log; empty for an unknown handle."""
        known = self._jobs.get(handle)
        return known.workdir.log_tail() if known else ""

    def watch(self, wake: Callable[[], None]) -> None:
        """Call `wake`, from the thread that polls, whenever a job has ended."""
        self._wake = wake

    def close(self) -> None:
        """Start no more jobs."""
        for handle in list(self._jobs):
            self.cancel(handle)

    def _run(self, waiting: DebugJob) -> None:
        with self._running:
            if waiting.status.state is not JobState.QUEUED:
                return
            waiting.status = JobStatus(JobState.RUNNING)
            try:
                with children_ended(), surroundings(waiting.workdir.log, self._environment), ErrorsWritten():
                    job.run(waiting.workdir.path)
            finally:
                waiting.status = JobStatus(JobState.ENDED)
        self._wake()


@contextlib.contextmanager
def surroundings(log_file: Path, environment: Mapping[str, str]) -> Iterator[None]:
    """Environment, streams and folder of a job while the block lasts; `breakpoint()` talks to the terminal."""
    before, folder, temporary, hook = dict(os.environ), Path.cwd(), tempfile.tempdir, sys.breakpointhook
    with contextlib.ExitStack() as stack:
        terminal = stack.enter_context(os.fdopen(os.dup(1), "w", buffering=1))
        output = stack.enter_context(log_file.open("a", buffering=1, encoding="utf-8"))
        stack.enter_context(streams_into(output.fileno()))
        stack.enter_context(contextlib.redirect_stdout(output))
        stack.enter_context(contextlib.redirect_stderr(output))
        sys.breakpointhook = partial(break_on, terminal)
        try:
            os.environ.clear()
            os.environ.update(environment)
            yield
        finally:
            os.chdir(folder)
            os.environ.clear()
            os.environ.update(before)
            tempfile.tempdir, sys.breakpointhook = temporary, hook


def break_on(terminal: TextIO) -> None:
    """Stop in the caller of `breakpoint()`, and talk to `terminal`."""
    pdb.Pdb(stdout=terminal).set_trace(sys._getframe(1))


@contextlib.contextmanager
def streams_into(descriptor: int) -> Iterator[None]:
    """Lead standard output and error of this process, and of what it starts, to `descriptor`."""
    saved = [os.dup(stream) for stream in (1, 2)]
    try:
        for stream in (1, 2):
            os.dup2(descriptor, stream)
        yield
    finally:
        for stream, copy in zip((1, 2), saved, strict=True):
            os.dup2(copy, stream)
            os.close(copy)


@contextlib.contextmanager
def children_ended() -> Iterator[None]:
    """End the processes that were started in the block and still run at its end."""
    before = {child.pid for child in psutil.Process().children()}
    try:
        yield
    finally:
        for child in psutil.Process().children():
            if child.pid not in before:
                kill_tree(child.pid)


class ErrorsWritten:
    """Write the exception that ends the block to its log, and end it there as the end of a process would."""

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if not isinstance(error, Exception | SystemExit):
            return False
        traceback.print_exception(error)
        return True
