"""Ends jobs whose requests were cancelled, beside the rounds: a round may take long, and the interval longer."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from backend import Executor
from backend.scheduler.claims import Claims, RunningJob
from backend.scheduler.steps import attempt

LOOK_S = 1.0
"""Seconds between two looks; a store on the Hub asks there at most every PODIUM_HUB_LOOK_S."""
log = logging.getLogger(__name__)


class LostJobs:
    """Looks for running jobs whose claim is gone. It only ends them: the next round, which it asks for, drops them."""

    def __init__(
        self, jobs: Mapping[str, RunningJob], claims: Claims, executor: Executor, wake: Callable[[], None]
    ) -> None:
        """`jobs`: handle -> job, changed by the rounds meanwhile; `wake` asks for a round."""
        self._jobs = jobs
        self._claims = claims
        self._executor = executor
        self._wake = wake

    def look(self) -> None:
        """End the jobs whose requests are not ours any more."""
        attempt("look whether requests were cancelled", self._look)

    def _look(self) -> None:
        jobs = dict(self._jobs)
        if not jobs:
            return
        claims = self._claims.current()
        lost = [handle for handle, job in jobs.items() if job.claim not in claims and handle in self._jobs]
        for handle in lost:
            log.info("The request of job %s does not run any more; it is ended.", jobs[handle].workdir.name)
            self._executor.cancel(handle)
        if lost:
            self._wake()
