"""One round of the scheduler: follow our jobs, give lost requests back, claim new requests and launch them.

Nothing is remembered that cannot be found again: a work folder with a handle is a job that is not settled. So a
scheduler that was killed takes up where it was, and a result is published once: under a claim that still holds.

Stores where a commit is costly gather the commits of a round (`flush`): renewed leases before anything is published
under them, then the results, then what became of the requests together with the next claim.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ParamSpec

from pydantic import ValidationError

from backend import Executor, Job, JobState, JobStatus, Resources
from backend.environment import tasks_data
from backend.failures import DISK_FULL, STOPPED, UNPUBLISHED, ended, failure, not_started, rule_of
from backend.job import EVALUATORS, load_evaluator
from backend.sandbox import View
from backend.scheduler.health import PROBE, Health, Trial
from backend.scheduler.publish import outcome
from backend.upkeep.disk import Housekeeping
from backend.upkeep.reports import Reporter
from backend.workdir import JobOptions, Workdir, unsettled
from leaderboard.benchmarks import Benchmark
from leaderboard.board.contents import Contents
from leaderboard.errors import Conflict, NotFound, PodiumError, Unreadable
from leaderboard.hub.model_reports import ModelReports
from leaderboard.queue.queue import Queue
from leaderboard.queue.workers import can_run
from leaderboard.records import Abilities, Failure, Fault, Progress, Request, Status, now
from leaderboard.results.results import NOTHING_MORE, Results
from leaderboard.settings import Settings

STEP_ERRORS = (PodiumError, OSError, ValueError)
"""What one request, file or store may do wrong without stopping the others."""
P = ParamSpec("P")
log = logging.getLogger(__name__)


@dataclass
class Running:
    """A job of ours that is not settled."""

    workdir: Workdir
    request: Request
    """As it was claimed."""
    renewed: float = float("-inf")
    """When its lease was last renewed, on the ticker's clock."""
    progress: Progress | None = None
    """As last written into the request."""


class Ticker:
    """The scheduler's work; call `tick` again and again, from one thread at a time."""

    def __init__(
        self,
        settings: Settings,
        queue: Queue,
        results: Results,
        benchmarks: Mapping[str, Benchmark],
        executor: Executor,
        contents: Contents | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings
        self.queue = queue
        self.results = results
        self.benchmarks = benchmarks
        self.executor = executor
        self.contents = contents
        self.clock = clock
        reports = ModelReports(settings.hub_endpoint, settings.token, settings.hub_timeout_s)
        self.reporter = Reporter(reports, results, benchmarks, settings.address)
        self.housekeeping = Housekeeping(settings)
        self.folder = settings.work_dir.absolute() / "jobs"
        self.jobs: dict[str, Running] = {}
        self.trial = Trial(executor, settings.work_dir / "abilities", lambda: self._options(PROBE, Resources()))
        self.health = Health(settings, self.trial, self._make_room, clock)
        self.abilities: Abilities | None = None
        self._recovered = False
        self._renewed = self._ended = False
        self._registered: Abilities | None = None
        self._published: dict[str, str] = {}

    def tick(self) -> None:
        """One round. What goes wrong with one request is logged and tried again in the next round."""
        if not self._recovered:
            self._recover()
        self._try("follow the jobs", self._follow)
        self._try("give back what others lost", self._reap)
        self._try("look after this worker", self._look_after)
        claimed: list[Request] = []
        if self.health.fit:
            self._try("claim requests", self._claim, claimed)
        self._try("write down what became of the requests", self._flush_ends)
        if claimed:
            running = [job.request for job in self.jobs.values()]
            self._try("make room on the disk", self.housekeeping.work, claimed, running)
        for request in claimed:
            self._try(f"launch {request.model}", self._launch, request)
        self._try("tell models of their scores", self.reporter.work, self.clock())

    def stop(self) -> None:
        """End our jobs and give their requests back; it does not count as an attempt that failed."""
        for handle, job in list(self.jobs.items()):
            self.executor.cancel(handle)
            back = failure(STOPPED, job.request, job.workdir)
            self._try("give a request back", self._give_back, handle, job, back, 0.0)
        self._try("write down what became of the requests", self._flush_ends)
        self.health.close()

    # --- steps

    def _recover(self) -> None:
        """Take up the unsettled jobs of a scheduler that ended; what became of them is seen like that of any other."""
        self._recovered = True
        for workdir in unsettled(self.folder):
            handle = workdir.handle or ""
            try:
                self.jobs[handle] = Running(workdir, workdir.request())
                log.info("Took up job %s (%s).", workdir.name, handle)
            except Unreadable as error:
                log.warning("Job %s is ended: %s", workdir.name, error)
                self.executor.cancel(handle)
                workdir.settle()

    def _look_after(self) -> None:
        """Find out whether this worker is fit to claim and what it can run; say in the store what has changed."""
        self.health.look()
        self.abilities = self.trial.found
        if self.abilities is None and not self.health.trouble:
            return
        known = (self.abilities or self._stored()).model_copy(
            update={
                "kinds": list(EVALUATORS),
                "benchmarks": list(self.benchmarks),
                "trouble": self.health.trouble,
                "updated": "",
            }
        )
        if known != self._registered:
            content = (known.model_copy(update={"updated": now()}).model_dump_json(indent=2) + "\n").encode()
            self.queue.store.commit({f"workers/{known.worker}.json": content}, f"What {known.worker} can do")
            self._registered, self._ended = known, True

    def _stored(self) -> Abilities:
        """What this worker found out when it last started."""
        try:
            return Abilities.model_validate_json(self.queue.store.read(f"workers/{self.settings.worker}.json")[0])
        except (NotFound, ValidationError):
            return Abilities(worker=self.settings.worker)

    def _follow(self) -> None:
        """Renew, publish, fail or give back: whatever each job's state asks for."""
        states = self.executor.poll(list(self.jobs))
        claims = {one.lease.claim for one in self.queue.view().requests if one.status is Status.RUNNING and one.lease}
        ended: dict[str, Running] = {}
        for handle, job in list(self.jobs.items()):
            if job.request.lease is None or job.request.lease.claim not in claims:
                self._drop(handle, job)
            elif states[handle].state in (JobState.QUEUED, JobState.RUNNING):
                self._try(f"renew {job.request.model}", self._hold, handle, job)
            elif not job.workdir.done or self._try(f"renew {job.request.model}", self._hold_to_publish, handle, job):
                ended[handle] = job
        late = self._flush_renewals()
        held = {one: job for one, job in ended.items() if self.queue.path_of(job.request) not in late}
        self._settle(held, states)

    def _flush_renewals(self) -> set[str]:
        """Make renewals hold, and return the paths of claims that were lost meanwhile."""
        late = self.queue.flush("Renew leases") if self._renewed else set[str]()
        self._renewed = False
        return late

    def _settle(self, ended: Mapping[str, Running], states: Mapping[str, JobStatus]) -> None:
        """Publish, in one go, what jobs left that did their work; fail or give back the others."""
        start, published = self.clock(), dict[str, str]()
        for handle, job in ended.items():
            if self.clock() - start > self.settings.lease_s / 4:
                break
            what = f"settle {job.request.model}"
            if not job.workdir.done:
                self._try(what, self._part, handle, job, states[handle])
            elif handle in self.jobs:
                self._try(what, self._publish, handle, job, published)
        late = self.results.flush(f"Publish results of {len(published)} requests")
        for handle, path in published.items():
            if path not in late:
                self._try(f"finish {ended[handle].request.model}", self._finish, handle, ended[handle], path)

    def _reap(self) -> None:
        """Give back what others lost; our own leases are judged by our own clock (`_hold`), which does not jump."""
        held = {job.request.lease.claim for job in self.jobs.values() if job.request.lease}
        self._ended |= bool(self.queue.reap(held=held))

    def _claim(self, claimed: list[Request]) -> None:
        """Claim as many requests as there are slots."""
        while self.executor.slots() > len(claimed):
            request = self.queue.claim_next(self.settings.worker, self.settings.lease_s, self._accepts)
            if request is None:
                return
            path = self._published.pop(request.id, None)
            if path is not None:
                self.queue.finish(request, f"already published as {path}")
                self._ended = True
            else:
                claimed.append(request)

    def _flush_ends(self) -> None:
        """Write down what became of requests, unless a claim took it along; which job a request has is in no hurry."""
        if self._ended:
            self.queue.flush("What became of requests")
        self._ended = False

    def _make_room(self) -> None:
        self.housekeeping.work([], [job.request for job in self.jobs.values()])

    # --- one job

    def _accepts(self, request: Request) -> bool:
        """Whether this worker can run it; what it does not know or cannot do is left to other workers."""
        try:
            return self._can_run(request)
        except STEP_ERRORS as error:
            log.warning("Left request %s alone: %s", request.id, error)
            return False

    def _can_run(self, request: Request) -> bool:
        if self._registered is None or not can_run(self._registered, request):
            return False
        if _came_back(request):
            path = self.results.published(request)
            if path is not None:
                self._published[request.id] = path
        return True

    def _launch(self, request: Request) -> None:
        """Start the job of a request that we have just claimed."""
        benchmark = self.benchmarks[request.benchmark]
        workdir = Workdir(self.folder / f"{request.id}-{request.attempts}")
        name = EVALUATORS[request.kind]
        try:
            resources = self._within(load_evaluator(name).resources(request, benchmark))
            workdir.prepare(self._options(name, resources, benchmark), request, benchmark)
            handle = self.executor.submit(Job(workdir.name, workdir.path, resources))
        except STEP_ERRORS as error:
            log.exception("The job for %s could not be started.", request.model)
            self._write_failure(request, not_started(error, request, workdir))
            self._ended = True
            return
        workdir.set_handle(handle)
        self.jobs[handle] = Running(workdir, request, renewed=self.clock())
        self.queue.started(request, handle)
        log.info("Started %s at %s as %s.", request.model, request.revision[:7], handle)

    def _within(self, wanted: Resources) -> Resources:
        """What an evaluator wants, or the operator's limits where it says nothing."""
        memory = int(self.settings.job_memory_gb * 1e9)
        return Resources(wanted.gpus, wanted.memory_bytes or memory, wanted.wall_seconds or self.settings.job_wall_s)

    def _options(self, evaluator: str, resources: Resources, benchmark: Benchmark | None = None) -> JobOptions:
        said, data = self.settings, tasks_data(self.settings)
        tasks = benchmark.include_path if benchmark else None
        view = View(
            read=(data, tasks) if tasks else (data,),
            gpu=said.device != "cpu",
            memory_bytes=resources.memory_bytes,
            disk_bytes=int(said.job_disk_gb * 1e9),
        )
        return JobOptions(
            evaluator=evaluator,
            worker=said.worker,
            device=said.device,
            threads=said.threads,
            engine=said.engine,
            data_root=data,
            batch_size=said.batch_size,
            limit=said.limit,
            wall_seconds=resources.wall_seconds,
            max_params_b=said.max_params_b,
            view=view,
        )

    def _hold(self, handle: str, job: Running) -> None:
        """Keep the claim, and copy the job's progress into the request."""
        since = self.clock() - job.renewed
        progress = job.workdir.progress()
        moved = progress != job.progress and since >= self.settings.progress_s
        if moved or since >= self.settings.lease_s / 3:
            self._renew(handle, job, progress)

    def _hold_to_publish(self, handle: str, job: Running) -> None:
        """Have a claim that holds for long enough; where commits are costly, one that was renewed lately does."""
        if not self.queue.store.gathers or self.clock() - job.renewed >= self.settings.lease_s / 2:
            self._renew(handle, job, Progress(task="publishing the results"))

    def _renew(self, handle: str, job: Running, progress: Progress | None) -> None:
        try:
            self.queue.renew(job.request, self.settings.lease_s, progress)
        except (Conflict, NotFound):
            self._drop(handle, job)
            return
        job.renewed, job.progress, self._renewed = self.clock(), progress, True

    def _part(self, handle: str, job: Running, status: JobStatus) -> None:
        """Fail or give back a job that did not do its work."""
        why = job.workdir.failure() or ended(status, job.request, job.workdir)
        if why.fault is Fault.INFRASTRUCTURE and rule_of(why).counts and self.health.disk_fails():
            why = failure(DISK_FULL, job.request, job.workdir)
        self._end_without_results(handle, job, why)

    def _end_without_results(self, handle: str, job: Running, why: Failure) -> None:
        try:
            self._write_failure(job.request, why)
        except (Conflict, NotFound):
            self._drop(handle, job)
            return
        self._forget(handle, job)

    def _write_failure(self, request: Request, why: Failure) -> None:
        """Fail it, or have it tried again; what the failure points at is probed before the next claim."""
        rule = rule_of(why)
        log.warning("%s at %s: %s (%s)", request.model, request.revision[:7], why.message, why.log)
        if why.fault is Fault.INFRASTRUCTURE and rule.part is not None:
            self.health.suspect(rule.part, request.model)
        if why.fault is Fault.SUBMISSION:
            self.queue.fail(request, why)
        elif rule.counts:
            self.queue.retry(request, why, self.settings.max_attempts, self.settings.backoff_s)
        else:
            self.queue.give_back(request, why, self.settings.backoff_s)

    def _publish(self, handle: str, job: Running, published: dict[str, str]) -> None:
        """Publish what a job left; note the result's path, empty for a run that is not published."""
        try:
            left = outcome(job.workdir, job.request)
            more = self.contents.changes if self.contents else NOTHING_MORE
            published[handle] = self.results.publish(left.aggregated, left.details, more) if left else ""
        except Unreadable:
            log.exception("What job %s left cannot be published.", job.workdir.name)
            self._end_without_results(handle, job, failure(UNPUBLISHED, job.request, job.workdir))

    def _finish(self, handle: str, job: Running, path: str) -> None:
        note = f"published as {path}" if path else "a run with a limit is not published"
        try:
            self.queue.finish(job.request, note)
        except (Conflict, NotFound):
            self._drop(handle, job)
            return
        self.health.worked()
        log.info("Finished %s at %s: %s.", job.request.model, job.request.revision[:7], note)
        self._forget(handle, job)
        self.reporter.add(job.request.benchmark, path, self.clock())

    def _give_back(self, handle: str, job: Running, why: Failure, backoff_s: float) -> None:
        log.warning("Gave back %s at %s: %s (%s)", job.request.model, job.request.revision[:7], why.message, why.log)
        self.queue.give_back(job.request, why, backoff_s)
        self._forget(handle, job)

    def _drop(self, handle: str, job: Running) -> None:
        """End a job whose request is not ours any more; its outputs stay in its folder, unpublished."""
        log.warning("The claim of job %s is gone; it is ended.", job.workdir.name)
        self.executor.cancel(handle)
        self._forget(handle, job)

    def _forget(self, handle: str, job: Running) -> None:
        job.workdir.settle()
        del self.jobs[handle]
        self._ended = True

    def _try(self, what: str, step: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> bool:
        """Do a step and say whether it went well; what goes wrong is logged, and the others go on."""
        try:
            step(*args, **kwargs)
        except STEP_ERRORS as error:
            log.warning("Could not %s: %s", what, error)
            return False
        return True


def _came_back(request: Request) -> bool:
    """Whether it is pending because an attempt got lost, not because somebody asked for a new one."""
    last = request.history[-1] if request.history else None
    return last is not None and last.from_ is Status.RUNNING and last.to is Status.PENDING
