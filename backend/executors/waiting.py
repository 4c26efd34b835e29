"""Running one job to its end, for who has nothing else to do meanwhile."""

from __future__ import annotations

import time

from backend import Executor, Job, JobStatus

LOOK_S = 0.1


def run_to_end(executor: Executor, job: Job) -> JobStatus:
    """Submit the job and wait; how it ended."""
    handle = executor.submit(job)
    while (status := executor.poll([handle])[handle]).state.is_open:
        time.sleep(LOOK_S)
    return status
