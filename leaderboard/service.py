"""The front half put together: what the pages, the API and the command line work with."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from pydantic import ValidationError

from leaderboard import FileStore
from leaderboard.artifacts.places import (
    fetch_private_data,
    open_artifacts,
    open_uploads,
    private_answers,
    private_data,
    private_results,
)
from leaderboard.artifacts.store import ArtifactStore
from leaderboard.artifacts.uploads import Uploads
from leaderboard.benchmarks import Benchmark, as_shown, choose_benchmark, load_benchmarks
from leaderboard.board.boards import Boards, ContentsSource
from leaderboard.board.contents import Contents
from leaderboard.board.final import CompetitionBoards, Decided
from leaderboard.community.discussions import Discussions
from leaderboard.community.flag_desk import FlagDesk, KnownModel
from leaderboard.community.flags import Category, Draft, Flags
from leaderboard.community.removals import Removals
from leaderboard.community.request_desk import RequestDesk
from leaderboard.community.rights import Rights
from leaderboard.community.votes import Votes
from leaderboard.competitions.competitions import Competitions
from leaderboard.endpoints.places import address_rules, endpoint_secrets
from leaderboard.errors import BadBenchmark, NotFound, PodiumError, Unreadable
from leaderboard.hub.discussions import HubDiscussions
from leaderboard.hub.hub import Hub
from leaderboard.identity import Asker, Identity
from leaderboard.live.look import QueueLook
from leaderboard.live.watch import QueueWatch
from leaderboard.models.facts import KnownModels
from leaderboard.models.lineage import Copy
from leaderboard.monitoring.monitor import Monitor
from leaderboard.opening import FILE_KINDS, Stores, open_private_store, open_stores
from leaderboard.packaging.kits import Kits, check_kits
from leaderboard.predictions.labels import missing_columns
from leaderboard.predictions.parts import unusable_parts
from leaderboard.queue.estimates import CurrentEstimates, Estimates
from leaderboard.queue.queue import Queue
from leaderboard.records import Abilities, Person, is_same
from leaderboard.results.job_logs import JobLogs
from leaderboard.results.private_results import PrivateResults
from leaderboard.results.results import Results
from leaderboard.settings import Settings
from leaderboard.submissions.intake import Intake, questions_asked
from leaderboard.submissions.policy import Policies
from leaderboard.submissions.private_answers import PrivateAnswers
from leaderboard.submissions.turns import Turns

log = logging.getLogger(__name__)
BOARD = "podium"
"""Who proposes what the board finds by itself."""


@dataclass(frozen=True)
class Service:
    """The parts that a request for a page or an answer needs, opened once a process."""

    settings: Settings
    benchmarks: Mapping[str, Benchmark]
    """As everybody may know them: without hidden columns."""
    whole_benchmarks: Mapping[str, Benchmark]
    """With hidden columns, for those who run jobs."""
    stores: Stores
    hub: Hub
    queue: Queue
    results: Results
    results_store: FileStore
    contents: Contents
    competition_boards: CompetitionBoards
    """What boards show of competitions."""
    boards: Boards
    intake: Intake
    identity: Identity
    policies: Policies
    models: KnownModels
    artifacts: ArtifactStore
    """What people uploaded."""
    competitions: Competitions
    """What organisers and participants decide."""
    current_estimates: CurrentEstimates = field(default_factory=CurrentEstimates)
    """When the requests of the queue will run, kept for a second."""
    turns: Turns = field(default_factory=Turns)
    """Of those who have checkpoints looked up."""
    solution_runners: list[Callable[[Benchmark, Path], list[str]]] = field(default_factory=list)
    """Each runs the sample solutions of a benchmark with its private folder, and says what is wrong with them; none
    where this process runs no programs."""
    on_submit: list[Callable[[], None]] = field(default_factory=list)
    """Called after every submission: who works on the queue in this process need not wait for its next round."""

    @cached_property
    def rights(self) -> Rights:
        """Who is who to a request, a flag or a model."""
        return Rights(self.identity)

    @cached_property
    def uploads(self) -> Uploads:
        """What people are uploading."""
        return open_uploads(self.settings, self.artifacts)

    @cached_property
    def kits(self) -> Kits:
        """Starting kits of the benchmarks."""
        private = self.settings.private_dir.absolute()
        return Kits(self.benchmarks, lambda benchmark_id: private_data(self.settings, benchmark_id), private / "kits")

    @cached_property
    def monitor(self) -> Monitor:
        """Health, readiness and metrics of this process."""
        return Monitor(self.settings, self.stores, self.queue)

    @cached_property
    def logs(self) -> JobLogs:
        """The ends of jobs' logs, as workers wrote them."""
        return JobLogs(self.queue.store)

    @cached_property
    def private_results(self) -> PrivateResults:
        """What results hold that is not for everybody."""
        return PrivateResults(private_results(self.settings))

    @cached_property
    def private_answers(self) -> PrivateAnswers:
        """What submitters answered for the organisers alone."""
        return PrivateAnswers(private_answers(self.settings))

    @cached_property
    def watch(self) -> QueueWatch:
        """Those who follow requests, and the one who looks for all of them."""
        return QueueWatch(QueueLook(self.queue, self.logs, self.workers))

    @cached_property
    def discussions(self) -> Discussions:
        """Of flags and of failed requests."""
        return Discussions(self.results_store, forum(self.settings))

    @cached_property
    def flags(self) -> Flags:
        """What is held against models."""
        return Flags(self.results_store, repositories=self.models.repositories)

    @cached_property
    def removals(self) -> Removals:
        """Models that were removed."""
        return Removals(self.flags, lambda model: self.models.names(model).now)

    @cached_property
    def flag_desk(self) -> FlagDesk:
        """What people do with flags."""
        desk = FlagDesk(self.flags, self.discussions, self.rights, self.present_model, self.settings.address)
        desk.on_removal.append(self.request_desk.end_all)
        return desk

    @cached_property
    def request_desk(self) -> RequestDesk:
        """What people do with requests."""
        votes = Votes(self.queue)
        return RequestDesk(
            self.queue, votes, self.discussions, self.rights, self.settings.address, self.wake, self.removals
        )

    def present_model(self, model: str) -> KnownModel | None:
        """The model that is called so; None when it was never requested or measured here, under any name."""
        names = self.models.names(model)
        if not self.models.get(names.now):  # nothing is kept of it, so its requests tell how it is spelled
            same = (each.model for each in self.queue.view() if is_same(each.model, model))
            names = names._replace(now=next(same, model))
        known = {names.now, *names.earlier}
        requested = any(names.include(request.model, request.submitted_time) for request in self.queue.view())
        blocks = (
            block
            for benchmark in self.benchmarks
            for name in known
            for block in self.results.of_model(benchmark, name).values()
        )
        measured = {block.revision for block in blocks if names.include(block.model, block.time, block.revision)}
        return KnownModel(names.now, names.commits | measured) if requested or measured else None

    def publish_decisions(self, benchmark_id: str) -> None:
        """Write what was decided, and what the Hub renamed, to the files that others read: as promptly as results."""
        with suppress(Unreadable):  # the board tells of the file, and an operator fixes it
            self.flags.follow_renames()
        self.contents.publish_decisions(benchmark_id)

    def flag_copy(self, copy: Copy) -> None:
        """Propose a flag against a copy, with its evidence. What hinders that is logged: the submission stands."""
        draft = Draft(
            model=copy.model,
            category=Category.COPY,
            evidence=(
                f"The weights of {copy.model} at {copy.revision} are those of {copy.of} at {copy.of_revision}: every "
                f"safetensors file that is loaded has the same SHA-256 on the Hub (compared as {copy.weights})."
            ),
        )
        try:
            self.flag_desk.propose(draft, Asker(Person(name=BOARD)))
        except PodiumError as error:
            log.warning("No flag was proposed against %s: %s", copy.model, error)

    def workers(self) -> list[Abilities]:
        """What the workers that registered themselves can do."""
        return abilities(self.queue.store)

    def estimates(self) -> Estimates:
        """When the requests of the queue will run, as of now."""
        return self.current_estimates.get(self.queue.view(), self.workers(), datetime.now(UTC))

    def wake(self) -> None:
        """Tell whoever works on the queue in this process that there is something to do."""
        for call in self.on_submit:
            call()

    def benchmark(self, benchmark_id: str) -> Benchmark:
        """The benchmark of that id; the first one for an empty id. Raises NotFound, naming the known ones."""
        return choose_benchmark(self.benchmarks, benchmark_id)


def open_service(settings: Settings) -> Service:
    """Open the stores and the Hub that `settings` name. Raises BadBenchmark, BadSettings, HubUnavailable."""
    whole_benchmarks = load_benchmarks(settings.benchmarks_dir, settings.benchmark_ids)
    benchmarks = as_shown(whole_benchmarks)
    stores = open_stores(settings, benchmarks)
    requests_store, results_store = stores.requests, stores.results
    hub = Hub(settings.hub_endpoint, settings.token, settings.hub_timeout_s)
    queue = Queue(requests_store)
    results = Results(results_store, stores.details)
    policies = Policies(results_store, benchmarks)
    models = KnownModels(results_store)
    competitions = Competitions(results_store, queue, lambda: open_private_store(settings))
    contents = Contents(results_store, queue, benchmarks, models, results.blocks)
    kept_back = PrivateResults(private_results(settings))
    final = CompetitionBoards(
        ContentsSource(contents.version, contents.frame, contents.published),
        benchmarks,
        kept_back,
        lambda: datetime.now(UTC),
        Decided(
            opened=competitions.openings.opened,
            chosen=lambda benchmark_id: competitions.selections.of(benchmark_id),
            participant=competitions.teams.participant,
        ),
    )
    artifacts = open_artifacts(settings)
    if challenges := [benchmark.id for benchmark in benchmarks.values() if FILE_KINDS & set(benchmark.kinds)]:
        artifacts.prepare()
        for benchmark_id in challenges:
            fetch_private_data(settings, benchmark_id)
    service = Service(
        settings=settings,
        benchmarks=benchmarks,
        whole_benchmarks=whole_benchmarks,
        stores=stores,
        hub=hub,
        queue=queue,
        results=results,
        results_store=results_store,
        contents=contents,
        competition_boards=final,
        boards=Boards(ContentsSource(final.version, final.frame, final.published), benchmarks, settings.hub_endpoint),
        intake=Intake(
            hub,
            queue,
            benchmarks,
            lambda: abilities(requests_store),
            models=models,
            policies=policies,
            questions=lambda benchmark: questions_asked(results.each(benchmark.id), benchmark),
            artifacts=artifacts,
            private=lambda benchmark_id: private_data(settings, benchmark_id),
            endpoints=address_rules(settings),
            secrets=endpoint_secrets(settings),
            answers=PrivateAnswers(private_answers(settings)),
        ),
        identity=Identity(settings, hub),
        policies=policies,
        models=models,
        artifacts=artifacts,
        competitions=competitions,
    )
    check_labels(settings, benchmarks.values())
    check_kits(benchmarks)
    service.boards.on_change.append(service.publish_decisions)
    service.intake.members = competitions.teams.members
    service.intake.removed = service.removals.why
    service.intake.team = competitions.teams.name_of
    service.intake.on_copy.append(service.flag_copy)
    service.intake.on_queued.append(service.wake)
    return service


def check_labels(settings: Settings, benchmarks: Iterable[Benchmark]) -> None:
    """Raise BadBenchmark when the labels of a benchmark for predictions are missing or lack a column.

    Of a competition also when they do not make the parts that it needs.
    """
    lines = []
    for benchmark in benchmarks:
        private = private_data(settings, benchmark.id)
        missing = missing_columns(benchmark, private)
        sentences = [missing] if missing else unusable_parts(benchmark, private)
        lines += [f"{benchmark.folder / benchmark.id}.yaml:1: {sentence}" for sentence in sentences]
    if lines:
        raise BadBenchmark(lines)


def forum(settings: Settings) -> HubDiscussions | None:
    """Where on the Hub this board's discussions are; None where it keeps them itself."""
    repo = settings.hub_discussions
    if settings.store == "hub":
        repo = repo or settings.hub_results or f"{settings.hub_namespace}/results"
    return HubDiscussions(repo, settings.hub_endpoint, settings.token, settings.hub_timeout_s) if repo else None


def abilities(store: FileStore) -> list[Abilities]:
    """What the workers that registered themselves can do; a file that does not say so is passed over."""
    registered = []
    for path in store.list("workers/"):
        try:
            registered.append(Abilities.model_validate_json(store.read(path)[0]))
        except (ValidationError, NotFound):
            continue
    return registered
