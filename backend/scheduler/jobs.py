"""The jobs of this worker: adopted when it starts, followed while they run, settled when they end.

Nothing is remembered that cannot be found again: a work folder with a handle is a job that is not settled. So a
scheduler that was killed takes up where it was, and a result is published once: under a claim that still holds.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from backend import Executor, JobStatus
from backend.failures import DISK_FULL, STOPPED, UNPUBLISHED, ended, failure, not_started, rule_of
from backend.scheduler.claims import Claims, RunningJob
from backend.scheduler.health import Health
from backend.scheduler.launch import Launcher
from backend.scheduler.partial_runs import PartialRuns
from backend.scheduler.publish import outcome
from backend.scheduler.steps import STEP_ERRORS, attempt
from backend.workdir import unsettled
from leaderboard.board.contents import Contents
from leaderboard.errors import Conflict, NotFound, Unreadable
from leaderboard.monitoring.logs import about
from leaderboard.records import Failure, Fault, Request, resumed
from leaderboard.results.private_results import PrivateResults
from leaderboard.results.results import NOTHING_MORE, Results

log = logging.getLogger(__name__)


class Jobs:
    """Everything that runs for this worker."""

    def __init__(
        self,
        folder: Path,
        executor: Executor,
        launcher: Launcher,
        partial_runs: PartialRuns,
        claims: Claims,
        health: Health,
        results: Results,
        contents: Contents | None,
        private_results: PrivateResults,
        *,
        publish_s: float,
        clock: Callable[[], float],
        on_published: Callable[[Request, str], None],
    ) -> None:
        """`publish_s`: seconds that one round may spend on publishing. `on_published` learns of every new result."""
        self.running: dict[str, RunningJob] = {}
        """Handle -> job."""
        self._folder = folder
        self._executor = executor
        self._launcher = launcher
        self._partial_runs = partial_runs
        self._claims = claims
        self._health = health
        self._results = results
        self._contents = contents
        self._private_results = private_results
        self._publish_s = publish_s
        self._clock = clock
        self._on_published = on_published

    # --- starting

    def adopt(self) -> None:
        """Take up the unsettled jobs of a scheduler that ended; what became of them is seen like that of any other."""
        for workdir in unsettled(self._folder):
            handle = workdir.handle or ""
            try:
                self.running[handle] = RunningJob(workdir, workdir.request())
                log.info("Took up job %s (%s).", workdir.name, handle)
            except Unreadable as error:
                log.warning("Job %s is ended: %s", workdir.name, error)
                self._executor.cancel(handle)
                workdir.settle()
        if self._executor.outlives_scheduler:
            attempt("take up the jobs that the queue names", self._adopt_by_name)

    def _adopt_by_name(self) -> None:
        """Take up what the queue says to run under this worker's name, where its folder is here."""
        for request in self._claims.ours():
            workdir = self._launcher.workdir(request)
            if request.job_id and request.job_id not in self.running and workdir.path.is_dir():
                workdir.set_handle(request.job_id)
                self.running[request.job_id] = RunningJob(workdir, request)
                log.info("Took up job %s (%s) from the queue.", workdir.name, request.job_id)

    def launch(self, request: Request) -> None:
        """Start the job of a request that was just claimed."""
        workdir = self._launcher.workdir(request)
        try:
            job = self._launcher.prepare(request)
            attempt(f"fetch what {request.model} has finished", self._partial_runs.fetch, request, workdir)
            handle = self._executor.submit(job)
        except STEP_ERRORS as error:
            log.exception("The job for %s could not be started.", request.model, extra=about(request))
            self._claims.fail(request, not_started(error, request, workdir))
            return
        self.running[handle] = RunningJob(workdir, request, renewed=self._clock())
        workdir.set_handle(handle)
        self._claims.started(request, handle)
        self._claims.drop_log(request)
        log.info("Started %s at %s as %s.", request.model, request.revision[:7], handle, extra=about(request, handle))

    # --- following

    def follow(self) -> None:
        """Renew, publish, fail or give back: whatever each job's state asks for."""
        states = self._executor.poll(list(self.running))
        claims = self._claims.current()
        done: dict[str, RunningJob] = {}
        for handle, job in list(self.running.items()):
            renewing = f"renew {job.request.model}"
            if job.claim not in claims:
                self._drop(handle, job)
            elif states[handle].state.is_open:
                attempt(renewing, self._keep, handle, job)
            elif not job.workdir.done or attempt(renewing, self._keep_to_publish, handle, job):
                done[handle] = job
        late = self._claims.flush_renewals()
        held = {handle: job for handle, job in done.items() if self._claims.path_of(job) not in late}
        self._settle(held, states)

    def _keep(self, handle: str, job: RunningJob) -> None:
        with self._dropped_if_lost(handle, job):
            self._claims.keep(job, partial(self._executor.logs, handle))
            if self._partial_runs.copy_when_due(job.request, job.workdir):
                self._claims.note_change()

    def _keep_to_publish(self, handle: str, job: RunningJob) -> None:
        with self._dropped_if_lost(handle, job):
            self._claims.keep_to_publish(job)

    # --- settling

    def _settle(self, done: Mapping[str, RunningJob], states: Mapping[str, JobStatus]) -> None:
        """Publish, in one go, what jobs left that did their work; fail or give back the others."""
        start, published = self._clock(), dict[str, str]()
        for handle, job in done.items():
            if self._clock() - start > self._publish_s:
                break
            settling = f"settle {job.request.model}"
            if not job.workdir.done:
                attempt(settling, self._end_failed, handle, job, states[handle])
            elif handle in self.running:
                attempt(settling, self._publish, handle, job, published)
        late = self._results.flush(f"Publish results of {len(published)} requests")
        for handle, path in published.items():
            if path not in late:
                attempt(f"finish {done[handle].request.model}", self._finish, handle, done[handle], path)

    def _publish(self, handle: str, job: RunningJob, published: dict[str, str]) -> None:
        """Publish what a job left; note the result's path, empty for a run that is not published."""
        try:
            left = outcome(job.workdir, job.request)
            job.resumed_runs = left.aggregated["podium"].provenance.resumed_runs if left else 0
            if left:
                self._private_results.write(job.request.id, job.request.attempts, left.private)
            more = self._contents.changes if self._contents else NOTHING_MORE
            published[handle] = self._results.publish(left.aggregated, left.details, more) if left else ""
        except Unreadable:
            log.exception("What job %s left cannot be published.", job.workdir.name, extra=about(job.request, handle))
            self._end_without_results(handle, job, failure(UNPUBLISHED, job.request, job.workdir))

    def _finish(self, handle: str, job: RunningJob, path: str) -> None:
        note = f"published as {path}" if path else "a run with a limit is not published"
        note = ". ".join(filter(None, (note, resumed(job.resumed_runs))))
        with self._dropped_if_lost(handle, job):
            with self._claims.last_log(job, partial(self._executor.logs, handle)):
                self._claims.finish(job, note)
            self._health.worked()
            attempt("remove what is not gone on with", self._partial_runs.remove, job.request)
            job.workdir.forget_kept()
            named = (job.request.model, job.request.revision[:7], note)
            log.info("Finished %s at %s: %s.", *named, extra=about(job.request, handle))
            self._forget(handle, job)
            self._on_published(job.request, path)

    def _end_failed(self, handle: str, job: RunningJob, status: JobStatus) -> None:
        """Fail or give back a job that did not do its work."""
        reason = job.workdir.failure() or ended(status, job.request, job.workdir)
        if reason.fault is Fault.INFRASTRUCTURE and rule_of(reason).counts and self._health.disk_fails():
            reason = failure(DISK_FULL, job.request, job.workdir)
        self._end_without_results(handle, job, reason)

    def _end_without_results(self, handle: str, job: RunningJob, reason: Failure) -> None:
        self._keep_answers(job)
        with self._dropped_if_lost(handle, job):
            with self._claims.last_log(job, partial(self._executor.logs, handle)):
                self._claims.fail(job.request, reason)
            self._forget(handle, job)

    # --- ending

    def stop(self) -> None:
        """End the jobs and give their requests back; leave both where the executor's jobs outlive the scheduler."""
        if self._executor.outlives_scheduler:
            log.info("Left %d jobs running; the next start under this name takes them up.", len(self.running))
            return
        for handle, job in list(self.running.items()):
            self._executor.cancel(handle)
            attempt("give a request back", self._give_back, handle, job)

    def _keep_answers(self, job: RunningJob) -> None:
        """Before the request may be claimed elsewhere, have what it has finished where another worker finds it."""
        attempt(f"keep what {job.request.model} has finished", self._partial_runs.copy, job.request, job.workdir)

    def _give_back(self, handle: str, job: RunningJob) -> None:
        self._keep_answers(job)
        self._claims.give_back(job, failure(STOPPED, job.request, job.workdir))
        self._claims.write_log(job, self._executor.logs(handle))
        self._forget(handle, job)

    @contextmanager
    def _dropped_if_lost(self, handle: str, job: RunningJob) -> Iterator[None]:
        """Drop the job when the block finds that its claim is lost."""
        try:
            yield
        except (Conflict, NotFound):
            self._drop(handle, job)

    def _drop(self, handle: str, job: RunningJob) -> None:
        """End a job whose request is not ours any more; its outputs stay in its folder, unpublished."""
        log.warning("The claim of job %s is gone; it is ended.", job.workdir.name, extra=about(job.request, handle))
        self._executor.cancel(handle)
        self._forget(handle, job)

    def _forget(self, handle: str, job: RunningJob) -> None:
        job.workdir.settle()
        del self.running[handle]
        self._claims.note_change()
