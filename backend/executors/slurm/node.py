"""What a batch job executes on its node: one job in the local executor, which confines it and holds its limits.

`python -m backend.executors.slurm.node WORKDIR`. How the job ended is written into its work folder. A job whose ticket
is not there (any more) has nobody who follows it, and is ended.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import NoReturn

from backend import Job, JobState, JobStatus, Resources
from backend.executors.layers import sandbox_layers
from backend.executors.local import LocalExecutor
from backend.workdir import NodeOptions, Workdir
from leaderboard.errors import BadSettings
from leaderboard.settings import inherited_environment

START = int(os.environ.get("SLURM_RESTART_COUNT", "0"))
"""Which start of the job this is. A node that lost touch may still run an earlier one."""
LOOK_S = 0.2
TICKET_S = 120.0
"""Seconds within which the ticket arrives: the head writes it once sbatch has answered, and a network file system may
show it late."""


def main(path: str) -> int:
    """Run the job in the work folder `path`; 0 when how it ended is written down."""
    signal.signal(signal.SIGTERM, _end)
    workdir = Workdir(Path(path))
    options = workdir.node_options()
    if not _arrives(lambda: is_followed(workdir), TICKET_S):
        print("Nobody follows this job: it is not started.", flush=True)
        return 1
    workdir.start_again()
    workdir.set_start(START)
    try:
        layers = sandbox_layers(options.sandbox)
    except BadSettings as error:
        print(error, flush=True)
        workdir.set_ended(JobStatus(JobState.KILLED, "not_forked"))
        return 0
    with tempfile.TemporaryDirectory(prefix="podium-node-") as folder:
        environment = options.environment | inherited_environment()
        executor = LocalExecutor(Path(folder), environment, layers, preload=options.preload)
        try:
            workdir.set_ended(_run(executor, workdir, options))
        finally:
            executor.close()
    return 0


def is_followed(workdir: Workdir) -> bool:
    """Whether somebody follows this very job: its number is on the ticket, and no other node has taken it up since."""
    return workdir.ticket() == os.environ["SLURM_JOB_ID"] and workdir.start() <= START


def _run(executor: LocalExecutor, workdir: Workdir, options: NodeOptions) -> JobStatus:
    """How the job ended."""
    resources = Resources(memory_bytes=options.memory_bytes, wall_seconds=options.wall_seconds)
    handle = executor.submit(Job(workdir.name, workdir.path, resources))
    while (status := executor.poll([handle])[handle]).state.is_open:
        if not is_followed(workdir):
            executor.cancel(handle)
        time.sleep(LOOK_S)
    return status


def _arrives(what: Callable[[], bool], within_s: float) -> bool:
    """Whether something becomes true in time."""
    end = time.monotonic() + within_s
    while not what():
        if time.monotonic() > end:
            return False
        time.sleep(LOOK_S)
    return True


def _end(number: int, frame: FrameType | None) -> NoReturn:
    """Cancelled, out of time or pre-empted: Slurm says which, so nothing is written down."""
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
