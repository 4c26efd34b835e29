"""Jobs on a Slurm cluster: queued with sbatch, followed with one squeue for all of them."""

from __future__ import annotations

import logging
import re
import shlex
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from backend import Job, JobState, JobStatus
from backend.environment import job_environment
from backend.executors.local import PRELOAD
from backend.executors.slurm.cluster import SlurmCluster, SlurmJob, SlurmMissing, SlurmSilent
from backend.executors.slurm.script import batch_script, sbatch_arguments, slurm_name
from backend.executors.slurm.states import COMPLETED, IMPOSSIBLE, NO_NODE_FITS, WAITING, status_of
from backend.workdir import NodeOptions, Workdir
from leaderboard.errors import BadSettings
from leaderboard.records import Progress
from leaderboard.settings import Settings

HANDLE = re.compile(r"slurm-(?P<id>\d+)-(?P<name>[0-9a-f]{16}-\d{1,9})")
"""A handle of a job whose folder is found again."""
LOOK_S = 1.0
"""Seconds for which what squeue said is believed."""
LATE_S = 60.0
"""Seconds after which a job that Slurm calls completed must have left its word: network file systems show it late."""
UNFIT_S = 60.0
"""Seconds for which Slurm must say that no node fits a job: while nodes register it says so of any."""
FINAL = (JobState.ENDED, JobState.KILLED, JobState.UNKNOWN)
log = logging.getLogger(__name__)


@dataclass
class BatchJob:
    """What is known of one job."""

    id: str
    """Slurm's."""
    workdir: Workdir
    name: str
    """Its name in Slurm."""
    status: JobStatus = field(default_factory=lambda: JobStatus(JobState.QUEUED))
    cancelled: bool = False
    completed_since: float | None = None
    """When Slurm first called it completed while it had left no word, on our clock."""
    unfit_since: float | None = None
    """Since when Slurm says that no node has what it asks for, on our clock."""


class SlurmExecutor:
    """On a Slurm cluster, up to PODIUM_SLOTS waiting or running at a time, each confined on its node.

    The next process follows them by their handles. While the controller does not answer, what it said last is
    believed: jobs run on without it.
    """

    outlives_scheduler = True

    def __init__(self, settings: Settings, cluster: SlurmCluster, preload: Sequence[str] = PRELOAD) -> None:
        self._settings = settings
        self._cluster = cluster
        self._preload = list(preload)
        self._python = shlex.split(settings.slurm_python) or [sys.executable]
        self._prologue = settings.slurm_prologue.read_text(encoding="utf-8") if settings.slurm_prologue else ""
        self._folder = settings.work_dir.absolute() / "jobs"
        self._jobs: dict[str, BatchJob] = {}
        self._lock = threading.Lock()
        self._looked = float("-inf")

    @classmethod
    def from_settings(cls, settings: Settings, preload: Sequence[str] = PRELOAD) -> SlurmExecutor:
        """One for the settings. Raises BadSettings where no job can be submitted, even once the controller answers."""
        cluster = SlurmCluster()
        try:
            cluster.jobs()
        except SlurmMissing as error:
            raise BadSettings(
                f"PODIUM_EXECUTOR=slurm: {error} Start the worker on a machine from which jobs can be submitted, or "
                "choose PODIUM_EXECUTOR=local."
            ) from error
        except SlurmSilent as error:
            log.warning("Slurm does not answer, and no job is started until it does: %s", error)
        try:
            return cls(settings, cluster, preload)
        except OSError as error:
            raise BadSettings(f"PODIUM_SLURM_PROLOGUE: {error}") from error

    def slots(self) -> int:
        """How many more jobs may be submitted now."""
        with self._lock:
            return self._settings.slots - sum(job.status.state not in FINAL for job in self._jobs.values())

    def submit(self, job: Job) -> str:
        """Queue the job and return its handle. Raises SlurmSilent."""
        workdir = Workdir(job.workdir)
        self._end_earlier(workdir, slurm_name(job.name))
        workdir.set_node_options(
            NodeOptions(
                environment=job_environment(self._settings),
                preload=self._preload,
                sandbox=self._settings.sandbox,
                memory_bytes=job.resources.memory_bytes,
                wall_seconds=job.resources.wall_seconds,
            )
        )
        script = batch_script(workdir, self._python, self._prologue)
        number = self._cluster.submit(script, sbatch_arguments(job, self._settings))
        workdir.set_ticket(number)
        workdir.write_progress(Progress(task="waiting for a node of the cluster"))
        handle = f"slurm-{number}-{job.name}"
        with self._lock:
            self._jobs[handle] = BatchJob(number, workdir, slurm_name(job.name))
        return handle

    def poll(self, handles: Sequence[str]) -> dict[str, JobStatus]:
        """The state of each handle, also of jobs that an earlier process submitted."""
        with self._lock:
            followed = {handle: job for handle in handles if (job := self._job(handle)) is not None}
            if time.monotonic() - self._looked >= LOOK_S:
                self._look()
        unknown = JobStatus(JobState.UNKNOWN)
        return {handle: followed[handle].status if handle in followed else unknown for handle in handles}

    def cancel(self, handle: str) -> None:
        """End the job and every process it started, also while the controller does not answer."""
        with self._lock:
            job = self._job(handle)
            if job is None or job.status.state in FINAL:
                return
            job.cancelled = True
        self._end(job)

    def logs(self, handle: str) -> str:
        """The end of the job's log; empty for an unknown handle."""
        with self._lock:
            job = self._job(handle)
        return job.workdir.log_tail() if job else ""

    def watch(self, wake: Callable[[], None]) -> None:
        """Nothing: Slurm tells nobody that a job has ended; the scheduler's rounds ask."""

    def close(self) -> None:
        """Leave the jobs to the next process."""

    def _job(self, handle: str) -> BatchJob | None:
        """The job of a handle; one of an earlier process is followed from now on."""
        named = HANDLE.fullmatch(handle)
        if handle not in self._jobs and named is not None:
            self._jobs[handle] = BatchJob(named["id"], Workdir(self._folder / named["name"]), slurm_name(named["name"]))
            self._looked = float("-inf")
        return self._jobs.get(handle)

    def _look(self) -> None:
        """Bring the states up to date with one question, two where accounting is asked about what is missing."""
        followed = [job for job in self._jobs.values() if job.status.state not in FINAL]
        for job in followed:
            job.status = job.workdir.ended() or job.status
        running = [job for job in followed if job.status.state not in FINAL]
        if not running:
            return
        try:
            listed = self._cluster.jobs()
        except SlurmSilent as error:
            log.warning("Slurm does not answer, so its jobs count as they did before: %s", error)
            return
        finally:
            self._looked = time.monotonic()
        seen = {(job.id, job.name): job for job in listed}
        missing = [job.id for job in running if (job.id, job.name) not in seen]
        if missing:
            seen |= {(job.id, job.name): job for job in self._cluster.accounted(missing)}
        for job in running:
            job.status = self._status(job, seen.get((job.id, job.name)))
            self._end_unfit(job)

    def _end(self, job: BatchJob) -> None:
        """End it at Slurm; where that does not answer it ends without its ticket."""
        job.workdir.remove_ticket()
        try:
            self._cluster.cancel(job.id, job.name)
        except SlurmSilent as error:
            log.warning("Job %s (%s) ends by itself, without its ticket: %s", job.id, job.name, error)

    def _end_earlier(self, workdir: Workdir, name: str) -> None:
        """End what an earlier process has queued for this folder, a trial job say. Raises SlurmSilent."""
        if number := workdir.ticket():
            self._cluster.cancel(number, name)
            workdir.remove_ticket()

    def _end_unfit(self, job: BatchJob) -> None:
        """End a job for which there is no node, nor will be: it would wait for ever, and keep others from trying."""
        if job.status.state is not JobState.QUEUED or job.status.reason not in IMPOSSIBLE:
            job.unfit_since = None
            return
        job.unfit_since = job.unfit_since or self._looked
        if self._looked - job.unfit_since >= UNFIT_S:
            self._end(job)
            job.status = JobStatus(JobState.KILLED, NO_NODE_FITS)

    def _status(self, job: BatchJob, listed: SlurmJob | None) -> JobStatus:
        """The state of a job that had left no word when Slurm was asked."""
        if listed is None:  # its word may have come between the two
            gone = JobStatus(JobState.KILLED, "cancelled") if job.cancelled else JobStatus(JobState.UNKNOWN)
            return job.workdir.ended() or gone
        status = status_of(listed)
        if status.state not in FINAL:
            return status
        if listed.state in WAITING:
            self._end(job)
        word = job.workdir.ended()
        if word is None and listed.state == COMPLETED:
            job.completed_since = job.completed_since or self._looked
            return status if self._looked - job.completed_since > LATE_S else JobStatus(JobState.RUNNING)
        return word or status
