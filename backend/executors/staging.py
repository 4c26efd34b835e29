"""Inputs first: an executor that has everything a job reads in place before another executor starts it.

Jobs have no network. What they need is downloaded here, by a step of ours that opens none of it.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from backend import Executor, Job, JobState, JobStatus
from backend.failures import classify
from backend.workdir import Workdir
from leaderboard.errors import PodiumError

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
    """Stages jobs, each in a thread of its own, then hands them to `executor`."""

    def __init__(self, executor: Executor, stage: Stage) -> None:
        self.executor = executor
        self._stage = stage
        self._jobs: dict[str, Staged] = {}
        self._lock = threading.Lock()
        self._wake: Callable[[], None] = lambda: None

    def slots(self) -> int:
        """How many more jobs may be submitted now."""
        with self._lock:
            waiting = sum(job.status.state is JobState.QUEUED for job in self._jobs.values())
            return self.executor.slots() - waiting

    def submit(self, job: Job) -> str:
        """Begin to stage the job and return its handle."""
        handle = f"staged-{secrets.token_hex(6)}"
        with self._lock:
            self._jobs[handle] = Staged(job, JobStatus(JobState.QUEUED))
        threading.Thread(target=self._work, args=(handle, job), name=f"staging-{job.name}", daemon=True).start()
        return handle

    def poll(self, handles: Sequence[str]) -> dict[str, JobStatus]:
        """The state of each handle; QUEUED while it is being staged."""
        with self._lock:
            known = {handle: self._jobs[handle] for handle in handles if handle in self._jobs}
            started = self.executor.poll([job.handle for job in known.values() if job.handle])
            states = {handle: started.get(job.handle, job.status) for handle, job in known.items()}
        return {handle: states.get(handle, JobStatus(JobState.UNKNOWN)) for handle in handles}

    def cancel(self, handle: str) -> None:
        """End the job and every process it started; one that is being staged is not started."""
        with self._lock:
            job = self._jobs.get(handle)
            if job is None:
                return
            if job.handle:
                self.executor.cancel(job.handle)
            elif job.status.state is JobState.QUEUED:
                job.status = JobStatus(JobState.KILLED, "cancelled")

    def logs(self, handle: str) -> str:
        """The end of the job's log; empty for an unknown handle."""
        with self._lock:
            job = self._jobs.get(handle)
        return Workdir(job.job.workdir).log_tail() if job else ""

    def watch(self, wake: Callable[[], None]) -> None:
        """Call `wake`, from another thread, whenever a job has ended."""
        self._wake = wake
        self.executor.watch(wake)

    def close(self) -> None:
        """End every job; what is being downloaded is not waited for."""
        with self._lock:
            for job in self._jobs.values():
                if job.status.state is JobState.QUEUED:
                    job.status = JobStatus(JobState.KILLED, "cancelled")
        self.executor.close()

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
            staged.status = JobStatus(JobState.RUNNING)

    def _end_unstarted(self, handle: str) -> None:
        with self._lock:
            staged = self._jobs[handle]
            if staged.status.state is not JobState.QUEUED:
                return
            staged.status = JobStatus(JobState.ENDED)
        self._wake()
