"""Inputs first: an executor that has everything a job reads in place before another executor starts it.

Jobs have no network. What they need is downloaded here, by a step of ours that opens none of it.
"""

from __future__ import annotations

import logging
import re
import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from backend import Executor, Job, JobState, JobStatus
from backend.failures import classify
from backend.workdir import Workdir
from leaderboard.errors import PodiumError

HANDLE = re.compile(r"staged-(?P<job>[0-9a-f]{16}-\d{1,9})-[0-9a-f]{12}")
"""A handle of a job whose folder is found again."""
log = logging.getLogger(__name__)


class Stage(Protocol):
    """What has to be in place before a job starts."""

    def __call__(self, workdir: Workdir) -> None:
        """Put it there. Raises PodiumError or OSError, which become the job's failure."""
        ...


@dataclass
class Staged:
    """One job: being staged, handed on, or ended before it started."""

    job: Job
    status: JobStatus
    handle: str = ""
    """The other executor's, once it has the job."""


class StagingExecutor:
    """Stages jobs, each in a thread of its own, then hands them to `executor`.

    A job that was handed on is found again by a later process: its folder, below `jobs`, has the other handle.
    """

    def __init__(self, executor: Executor, stage: Stage, jobs: Path) -> None:
        self.executor = executor
        self._stage = stage
        self._folder = jobs
        self._jobs: dict[str, Staged] = {}
        self._lock = threading.Lock()
        self._wake: Callable[[], None] = lambda: None

    @property
    def outlives_scheduler(self) -> bool:
        """Whether jobs that were handed on run on when the scheduler stops."""
        return self.executor.outlives_scheduler

    def slots(self) -> int:
        """How many more jobs may be submitted now."""
        with self._lock:
            waiting = sum(job.status.state is JobState.QUEUED for job in self._jobs.values())
            return self.executor.slots() - waiting

    def submit(self, job: Job) -> str:
        """Begin to stage the job and return its handle."""
        handle = f"staged-{job.name}-{secrets.token_hex(6)}"
        with self._lock:
            self._jobs[handle] = Staged(job, JobStatus(JobState.QUEUED))
        threading.Thread(target=self._work, args=(handle, job), name=f"staging-{job.name}", daemon=True).start()
        return handle

    def poll(self, handles: Sequence[str]) -> dict[str, JobStatus]:
        """The state of each handle; QUEUED while it is being staged."""
        with self._lock:
            inner = {handle: self._handed_on(handle) for handle in handles}
            started = self.executor.poll([name for name in inner.values() if name])
            return {handle: started.get(name) or self._unstarted(handle) for handle, name in inner.items()}

    def cancel(self, handle: str) -> None:
        """End the job and every process it started; one that is being staged is not started."""
        with self._lock:
            job, inner = self._jobs.get(handle), self._handed_on(handle)
            if inner:
                self.executor.cancel(inner)
            elif job is not None and job.status.state is JobState.QUEUED:
                job.status = JobStatus(JobState.KILLED, "cancelled")

    def logs(self, handle: str) -> str:
        """The end of the job's log; empty for an unknown handle."""
        with self._lock:
            inner, workdir = self._handed_on(handle), self._workdir(handle)
        written = self.executor.logs(inner) if inner else ""
        return written or (workdir.log_tail() if workdir else "")

    def watch(self, wake: Callable[[], None]) -> None:
        """Call `wake`, from another thread, whenever a job has ended."""
        self._wake = wake
        self.executor.watch(wake)

    def close(self) -> None:
        """End every job that is not handed on, without waiting for downloads, and close the other executor."""
        with self._lock:
            for job in self._jobs.values():
                if job.status.state is JobState.QUEUED:
                    job.status = JobStatus(JobState.KILLED, "cancelled")
        self.executor.close()

    def _handed_on(self, handle: str) -> str:
        """The other executor's handle of a job, from this process or an earlier one; empty while it has none."""
        if handle in self._jobs:
            return self._jobs[handle].handle
        workdir = self._workdir(handle)
        return (workdir.handed_on or "") if workdir else ""

    def _workdir(self, handle: str) -> Workdir | None:
        """The folder of a job of this process, or of one that an earlier process left unsettled."""
        if handle in self._jobs:
            return Workdir(self._jobs[handle].job.workdir)
        named = HANDLE.fullmatch(handle)
        workdir = Workdir(self._folder / named["job"]) if named else None
        return workdir if workdir and workdir.handle == handle else None

    def _unstarted(self, handle: str) -> JobStatus:
        return self._jobs[handle].status if handle in self._jobs else JobStatus(JobState.UNKNOWN)

    def _work(self, handle: str, job: Job) -> None:
        """Stage and hand on. Whatever goes wrong, also in saying so on a full disk, the job does not stay queued."""
        workdir = Workdir(job.workdir)
        try:
            self._stage(workdir)
            self._hand_on(handle, job)
        except (PodiumError, OSError) as error:
            log.warning("Job %s was not started: %s", job.name, error)
            workdir.write_failure(classify(error, workdir))
        finally:
            self._end_unstarted(handle)

    def _hand_on(self, handle: str, job: Job) -> None:
        with self._lock:
            staged = self._jobs[handle]
            if staged.status.state is not JobState.QUEUED:
                return
            staged.handle = self.executor.submit(job)
            Workdir(job.workdir).set_handed_on(staged.handle)
            staged.status = JobStatus(JobState.RUNNING)

    def _end_unstarted(self, handle: str) -> None:
        with self._lock:
            staged = self._jobs[handle]
            if staged.status.state is not JobState.QUEUED:
                return
            staged.status = JobStatus(JobState.ENDED)
        self._wake()
