"""What Slurm's words for a job mean to us.

Source: the job states of Slurm 22.05 (squeue and sacct, `%T` and `State`).
"""

from __future__ import annotations

from backend import JobState, JobStatus
from backend.executors.slurm.cluster import SlurmJob

WAITING = frozenset(
    {"PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "RESV_DEL_HOLD", "SPECIAL_EXIT"}
)
RUNNING = frozenset({"RUNNING", "COMPLETING", "RESIZING", "SIGNALING", "STAGE_OUT", "STOPPED", "SUSPENDED"})
COMPLETED = "COMPLETED"
NODE_LOST = "node_lost"
PREEMPTED = "preempted"
NO_NODE_FITS = "no_node_fits"
IMPOSSIBLE = frozenset({"BadConstraints", "PartitionConfig", "PartitionNodeLimit", "PartitionTimeLimit"})
"""Reasons for which a job waits that asks for more than any node or partition has."""
HELD = frozenset({"launch failed requeued held", "JobHoldMaxRequeue"})
"""Reasons of a job that nodes failed to start several times: it waits until an administrator releases it."""
KILLED = {
    "TIMEOUT": "wall_limit",
    "DEADLINE": "wall_limit",
    "OUT_OF_MEMORY": "memory_limit",
    "CANCELLED": "cancelled",
    "PREEMPTED": PREEMPTED,
    "REVOKED": PREEMPTED,
    "NODE_FAIL": NODE_LOST,
    "BOOT_FAIL": NODE_LOST,
}
"""Final state -> the reason of a job that was killed."""


def status_of(job: SlurmJob) -> JobStatus:
    """The state of a job that left no word of its own about its end."""
    if job.state in WAITING and job.reason in HELD:
        return JobStatus(JobState.KILLED, NODE_LOST)
    if job.state in WAITING:
        return JobStatus(JobState.QUEUED, job.reason if job.reason != "None" else "")
    if job.state in RUNNING:
        return JobStatus(JobState.RUNNING)
    if job.state in KILLED:
        return JobStatus(JobState.KILLED, KILLED[job.state])
    return JobStatus(JobState.ENDED)
