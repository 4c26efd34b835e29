"""The requests that this worker holds: claimed, renewed while their jobs run, given up when they end; others' reaped.

Stores where a commit is costly gather the commits of a round (`flush`): renewed leases before anything is published
under them, then the results, then what became of the requests together with the next claim.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial

from backend.failures import rule_of
from backend.scheduler.health import Health
from backend.scheduler.metrics import JobMetrics
from backend.scheduler.steps import STEP_ERRORS, attempt
from backend.workdir import Workdir
from leaderboard.errors import NotFound
from leaderboard.monitoring.logs import about
from leaderboard.queue.queue import Queue
from leaderboard.queue.view import QueueView
from leaderboard.queue.workers import can_run
from leaderboard.records import Abilities, Failure, Fault, Progress, Request, Status
from leaderboard.results.job_logs import JobLogs, clean_log
from leaderboard.results.results import Results
from leaderboard.settings import Settings

log = logging.getLogger(__name__)


@dataclass
class RunningJob:
    """A job of ours that is not settled."""

    workdir: Workdir
    request: Request
    """As it was claimed."""
    renewed: float = float("-inf")
    """When its lease was last renewed, on the scheduler's clock."""
    progress: Progress | None = None
    """As last written into the request."""
    resumed_runs: int = 0
    """How many earlier runs its result has answers from, once that is read."""
    log: str = ""
    """The end of its log, as last written into the store."""

    @property
    def claim(self) -> str:
        """The claim under which it runs; empty when its request has none."""
        return self.request.lease.claim if self.request.lease else ""


class Claims:
    """What this worker writes into request files. All of it raises Conflict or NotFound when a claim is lost."""

    def __init__(
        self,
        settings: Settings,
        queue: Queue,
        results: Results,
        health: Health,
        clock: Callable[[], float],
        metrics: JobMetrics,
    ) -> None:
        self._settings = settings
        self._queue = queue
        self._results = results
        self._health = health
        self._clock = clock
        self._metrics = metrics
        self._logs = JobLogs(queue.store)
        self._renewed = self._changed = False
        self._published: dict[str, str] = {}
        """Request id -> path of the result that an attempt published before it got lost."""
        self._fruitless: tuple[QueueView, Abilities | None] | None = None
        """The queue in which nothing was found that this worker can run; None when another look may find something."""
        self._unanswered = False

    # --- claiming

    def claim(self, worker: Abilities | None) -> Request | None:
        """Claim the first request that `worker`, as it is registered, can run; None when there is none."""
        view, self._unanswered = self._queue.view(), False
        if self._fruitless and self._fruitless[0] is view and self._fruitless[1] == worker:
            return None
        accepts = partial(self._accepts, worker)
        while request := self._queue.claim_next(self._settings.worker, self._settings.lease_s, accepts):
            path = self._published.pop(request.id, None)
            if path is None:
                return request
            self._queue.finish(request, f"already published as {path}")
            self._changed = True
        later = self._unanswered or any(request.not_before for request in view.open)
        self._fruitless = None if later else (view, worker)
        return None

    def started(self, request: Request, handle: str) -> None:
        """Note the executor's job of a request."""
        self._queue.started(request, handle)

    def reap(self, held: Collection[str]) -> None:
        """Give back what others lost; `held`, our own claims, are judged by our own clock, which does not jump."""
        self._changed |= bool(self._queue.reap(held=held))

    def give_back_unheld(self, held: Collection[str], claims_now: bool) -> None:
        """Give back at once what this process has claimed and does not hold (any more).

        `claims_now`: this round claims. Then requests whose claims seemed to fail are left to it: they only begin late.
        """
        worker = self._settings.worker
        left = {own.claim for own in self._queue.unconfirmed(worker)} if claims_now else set[str]()
        for request in self._queue.give_back_unheld(worker, left.union(held)):
            log.warning("Gave back %s: it was claimed, and has no job.", request.model, extra=about(request))
            self._changed = True

    # --- holding

    def current(self) -> set[str]:
        """The claims under which requests run now, anybody's."""
        return {request.lease.claim for request in self._queue.view().running if request.lease}

    def ours(self) -> list[Request]:
        """The requests that run under this worker's name."""
        running = self._queue.view().running
        return [request for request in running if request.lease and request.lease.worker == self._settings.worker]

    def path_of(self, job: RunningJob) -> str:
        """Path of the job's request file."""
        return self._queue.path_of(job.request)

    def keep(self, job: RunningJob, read_log: Callable[[], str]) -> None:
        """Renew the lease when it is time, with the job's progress and log; earlier when these have changed."""
        since, late = self._clock() - job.renewed, self._settings.lease_s / 3
        if since < min(self._settings.progress_s, late):
            return
        progress, written = job.workdir.progress(), read_log()
        if since >= late or (progress, written) != (job.progress, job.log):
            self._renew(job, progress)
            self.write_log(job, written)

    def write_log(self, job: RunningJob, written: str) -> None:
        """Keep the end of its log where everybody can read it, if it has changed; without a log the last one stays."""
        if written and written != job.log:
            clean = clean_log(written, [self._settings.work_dir.absolute()])
            if attempt(f"keep the log of {job.request.model}", self._logs.write, job.request.id, clean):
                job.log = written

    @contextmanager
    def last_log(self, job: RunningJob, read_log: Callable[[], str]) -> Iterator[None]:
        """Keep the log before the block notes the job's end, so that nobody sees the end without it.

        A look at the store may be a moment old: where it shows no claim of ours, the log is kept after the block, which
        finds out whose the request is. A log that cannot be read hinders nothing.
        """

        def keep_log() -> None:
            attempt(f"keep the log of {job.request.model}", lambda: self.write_log(job, read_log()))

        if self._shows_our_claim(job):
            keep_log()
        yield
        keep_log()

    def _shows_our_claim(self, job: RunningJob) -> bool:
        with suppress(NotFound):
            lease = self._queue.find(self.path_of(job)).lease
            return lease is not None and lease.claim == job.claim
        return False

    def drop_log(self, request: Request) -> None:
        """Empty the log of an earlier attempt: another one begins."""
        if request.attempts > 1:
            attempt(f"empty the log of {request.model}", self._logs.write, request.id, "")

    def keep_to_publish(self, job: RunningJob) -> None:
        """Have a lease that lasts for long enough; where commits are costly, one that was renewed lately does."""
        if not self._queue.store.gathers or self._clock() - job.renewed >= self._settings.lease_s / 2:
            self._renew(job, Progress(task="publishing the results"))

    def _renew(self, job: RunningJob, progress: Progress | None) -> None:
        self._queue.renew(job.request, self._settings.lease_s, progress)
        job.renewed, job.progress, self._renewed = self._clock(), progress, True

    def flush_renewals(self) -> set[str]:
        """Make renewals hold, and return the paths of claims that were lost meanwhile."""
        late = self._queue.flush("Renew leases") if self._renewed else set[str]()
        self._renewed = False
        return late

    # --- ending

    def finish(self, job: RunningJob, note: str) -> None:
        """Its results are published."""
        self._queue.finish(job.request, note)
        self._metrics.finished(job.request)
        self._changed = True

    def fail(self, request: Request, failure: Failure) -> None:
        """Fail it, or have it tried again; what the failure points at is probed before the next claim."""
        rule = rule_of(failure)
        named = (request.model, request.revision[:7], failure.message, failure.log)
        log.warning("%s at %s: %s (%s)", *named, extra=about(request))
        if failure.fault is Fault.INFRASTRUCTURE and rule.part is not None:
            self._health.suspect(rule.part, request.model)
        if failure.fault is Fault.SUBMISSION:
            self._queue.fail(request, failure)
        elif rule.counts:
            self._queue.retry(request, failure, self._settings.max_attempts, self._settings.backoff_s)
        else:
            self._queue.give_back(request, failure, self._settings.backoff_s)
        self._metrics.failed(request, failure)
        self._changed = True

    def give_back(self, job: RunningJob, failure: Failure) -> None:
        """Give it back at once: it may be claimed again without a wait."""
        request = job.request
        named = (request.model, request.revision[:7], failure.message, failure.log)
        log.warning("Gave back %s at %s: %s (%s)", *named, extra=about(request))
        self._queue.give_back(request, failure, 0.0)
        self._changed = True

    def note_change(self) -> None:
        """Something waits that is to be written before the round ends."""
        self._changed = True

    def flush_changes(self) -> None:
        """Write down what became of requests, unless a claim took it along; which job a request has is in no hurry."""
        if self._changed:
            self._queue.flush("What became of requests")
        self._changed = False

    # --- what this worker can run

    def _accepts(self, worker: Abilities | None, request: Request) -> bool:
        """Whether this worker can run it; what it does not know or cannot do is left to other workers."""
        try:
            if worker is None or not can_run(worker, request):
                return False
            path = self._results.published(request) if _came_back(request) else None
        except STEP_ERRORS as error:
            log.warning("Left request %s alone: %s", request.id, error)
            self._unanswered = True
            return False
        if path is not None:
            self._published[request.id] = path
        return True


def _came_back(request: Request) -> bool:
    """Whether it is pending because an attempt got lost, not because somebody asked for a new one."""
    last = request.history[-1] if request.history else None
    return last is not None and last.from_ is Status.RUNNING and last.to is Status.PENDING
