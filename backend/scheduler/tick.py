"""One round of the scheduler: follow our jobs, give lost requests back, claim new requests and launch them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry

from backend import Executor
from backend.evaluators import kinds_on
from backend.failures import Part
from backend.scheduler.claims import Claims
from backend.scheduler.health import Health, Trial
from backend.scheduler.jobs import Jobs
from backend.scheduler.launch import Launcher
from backend.scheduler.metrics import JobMetrics
from backend.scheduler.partial_runs import PartialRuns
from backend.scheduler.registration import Registration
from backend.scheduler.steps import attempt
from backend.upkeep.disk import Housekeeping
from backend.upkeep.logs import OldLogs
from backend.upkeep.reports import Reporter
from backend.workdir import Workdir
from leaderboard.artifacts.places import private_results
from leaderboard.benchmarks import Benchmark
from leaderboard.board.contents import Contents
from leaderboard.hub.model_reports import ModelReports
from leaderboard.queue.queue import Queue
from leaderboard.records import Abilities, Request
from leaderboard.results.private_results import PrivateResults
from leaderboard.results.results import Results
from leaderboard.settings import Settings


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
        registry: CollectorRegistry | None = None,
    ) -> None:
        """`registry`: where its metrics are counted; None for one of its own."""
        self.settings = settings
        self.queue = queue
        self.executor = executor
        self.clock = clock
        self.folder = settings.work_dir.absolute() / "jobs"
        reports = ModelReports(settings.hub_endpoint, settings.token, settings.hub_timeout_s)
        self.reporter = Reporter(reports, results, benchmarks, settings.address)
        self.housekeeping = Housekeeping(settings)
        self.old_logs = OldLogs(queue, settings.keep_jobs_days)
        kinds = kinds_on(settings.executor)
        self.registration = Registration(queue.store, settings.worker, benchmarks, settings.slots, kinds)
        launcher = Launcher(settings, benchmarks, self.folder)
        self.trial = Trial(executor, Workdir(settings.work_dir / "abilities"), launcher.prepare_trial)
        self.health = Health(settings, self.trial, lambda: self._make_room([]), clock)
        metrics = JobMetrics(CollectorRegistry() if registry is None else registry)
        self.claims = Claims(settings, queue, results, self.health, clock, metrics)
        self.partial_runs = PartialRuns(settings, queue, benchmarks, clock)
        self._jobs = Jobs(
            self.folder, executor, launcher, self.partial_runs, self.claims, self.health, results, contents,
            PrivateResults(private_results(settings)),
            publish_s=settings.lease_s / 4, clock=clock, on_published=self._offer_report,
        )  # fmt: skip
        self.jobs = self._jobs.running
        self._begun = False

    @property
    def abilities(self) -> Abilities | None:
        """What this worker can run; None before a trial job has found it out."""
        return self.trial.found

    def tick(self) -> None:
        """One round. What goes wrong with one request is logged and tried again in the next round."""
        if not self._begun:
            self._begin()
            self._begun = True
        attempt("follow the jobs", self._jobs.follow)
        attempt("give back what was lost", self._reap)
        attempt("look after this worker", self._look_after)
        claimed: list[Request] = []
        if self.health.fit:
            attempt("claim requests", self._claim, claimed)
        attempt("write down what became of the requests", self.claims.flush_changes)
        if claimed:
            attempt("make room on the disk", self._make_room, claimed)
        for request in claimed:
            attempt(f"launch {request.model}", self._jobs.launch, request)
        attempt("remove old logs", self.old_logs.work, self.clock())
        attempt("remove what ended requests kept", self._sweep)
        attempt("tell models of their scores", self.reporter.work, self.clock())

    def stop(self) -> None:
        """End our jobs and give their requests back, which counts as no failure; leave them where they outlive us."""
        self._jobs.stop()
        attempt("give back what has no job", self.claims.give_back_unheld, self._held(), claims_now=False)
        self.claims.note_change()
        attempt("write down what became of the requests", self.claims.flush_changes)
        self.health.close()

    def _begin(self) -> None:
        """Take up what an earlier process left: its jobs and, where they outlive it, what it knew of the cluster.

        There a trial job may wait for hours: it shows that jobs still run while requests are claimed already.
        """
        self._jobs.adopt()
        known = self.registration.stored() if self.executor.outlives_scheduler else None
        if known and not known.trouble:
            self.trial.found = known
            self.health.trust(Part.EXECUTOR)

    def _reap(self) -> None:
        """Give back what others lost, and what we did."""
        self.claims.reap(self._held())
        self.claims.give_back_unheld(self._held(), claims_now=self.health.fit and self.executor.slots() > 0)

    def _held(self) -> set[str]:
        """The claims under which our jobs run."""
        return {job.claim for job in self.jobs.values()}

    def _look_after(self) -> None:
        """Find out whether this worker is fit to claim and what it can run; say in the store what has changed."""
        self.health.look()
        if self.registration.update(self.abilities, self.health.trouble):
            self.claims.note_change()

    def _sweep(self) -> None:
        if self.partial_runs.sweep():
            self.claims.note_change()

    def _claim(self, claimed: list[Request]) -> None:
        """Claim as many requests as there are slots, into `claimed`."""
        while self.executor.slots() > len(claimed):
            request = self.claims.claim(self.registration.written)
            if request is None:
                return
            claimed.append(request)

    def _make_room(self, starting: list[Request]) -> None:
        self.housekeeping.work(starting, [job.request for job in self.jobs.values()])

    def _offer_report(self, request: Request, path: str) -> None:
        self.reporter.add(request.benchmark, path, self.clock())
