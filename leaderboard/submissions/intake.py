"""How a submission becomes a request: ask the Hub, check, queue. The one way in, for pages, API and command line."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from leaderboard.benchmarks import Benchmark
from leaderboard.errors import AlreadyRequested, ModelUnavailable, NotAccepted, NotFound, Unreadable
from leaderboard.hub.hub import Hub
from leaderboard.hub.loaded_files import pinned_files
from leaderboard.models.facts import KnownModels, first_twin
from leaderboard.models.lineage import Copy, Twin, is_older, weights_of
from leaderboard.queue.estimates import Estimates
from leaderboard.queue.queue import Queue
from leaderboard.records import (
    Abilities,
    ModelFacts,
    Person,
    PodiumBlock,
    Problem,
    Request,
    Status,
    Submission,
    WeightType,
    is_repo_id,
    is_revision,
    new_id,
    now,
    request_path,
)
from leaderboard.submissions.kinds.checkpoint.checks import (
    Case,
    Lookup,
    base_of,
    base_revision_of,
    check,
    errors,
    native_architectures,
)
from leaderboard.submissions.kinds.checkpoint.checks.catalogue import shown
from leaderboard.submissions.policy import Allowance, Policies, organisation

BEHIND_ALL = "~"
"""Id of a request that is not queued: it comes after those that were submitted in the same second."""
MAX_NAMES = 4
"""How many of the architectures that a config.json names are noted in the request."""


@dataclass(frozen=True)
class Cost:
    """What an evaluation will take; None is unknown."""

    questions: int | None = None
    """Examples over all tasks."""
    expected_seconds: float | None = None
    """From start to end; how it and the others are estimated: leaderboard/queue/estimates.py."""
    queue_position: int | None = None
    """1: the next to run."""
    expected_start: str | None = None
    """When its run would start (UTC)."""
    expected_end: str | None = None
    """When its run would end (UTC)."""


@dataclass(frozen=True)
class Findings:
    """What a look at a submission found."""

    facts: ModelFacts | None
    """Of the checkpoint; None when there are none."""
    base_facts: ModelFacts | None
    """Of the base model of an adapter or delta."""
    problems: list[Problem]
    """Every one; only errors refuse."""
    cost: Cost
    existing: Request | None
    """The request that is already there for the same checkpoint, to be linked to."""
    quota: Sequence[Allowance] = ()
    """What the sender may still submit, this one not yet counted; empty where nothing limits it."""


def unknown(benchmark: Benchmark) -> int | None:
    """The number of questions where nothing tells it."""
    del benchmark
    return None


class Intake:
    """Looks at submissions and queues them."""

    def __init__(
        self,
        hub: Hub,
        queue: Queue,
        benchmarks: Mapping[str, Benchmark],
        abilities: Callable[[], Sequence[Abilities]],
        *,
        models: KnownModels | None = None,
        policies: Policies | None = None,
        questions: Callable[[Benchmark], int | None] = unknown,
    ) -> None:
        self.hub = hub
        self.queue = queue
        self.benchmarks = benchmarks
        self.abilities = abilities
        self.models = models
        self.on_copy: list[Callable[[Copy], None]] = []
        """Called with every copy of known weights that is queued, or that queueing the original shows to be one."""
        self.policies = policies
        self._door = threading.Lock()
        self.questions = questions

    def look(self, submission: Submission, sender: Person) -> Findings:
        """What would happen if `sender` submitted it now. Raises HubUnavailable."""
        case = self._case(submission, sender)
        cost = self._cost(case, sender) if case.benchmark else Cost()
        return Findings(case.facts, case.base_facts, check(case), cost, case.existing, case.allowances)

    def submit(self, submission: Submission, sender: Person) -> Request:
        """Queue it. Raises NotAccepted with every problem, AlreadyRequested, HubUnavailable."""
        case = self._case(submission, sender)
        # One at a time where there is a quota, so that nobody slips past it between counting and queueing.
        with self._door if case.allowances else nullcontext():
            return self._admit(replace(case, allowances=self._allowances(submission, sender)), sender)

    def _admit(self, case: Case, sender: Person) -> Request:
        problems = errors(check(case))
        if problems or case.facts is None:
            raise NotAccepted(problems)
        request = _request(case, case.facts, sender)
        if case.existing is not None and case.existing.model != request.model and case.is_taken:
            [taken] = [one for one in check(case) if one.code == "already_requested"]
            raise AlreadyRequested(taken, case.existing)
        if self.models and case.existing is None:
            names = {name: now() for name in case.earlier_names}
            self.models.note(case.facts, names, f"Note facts of {case.facts.model}")
        queued = self.queue.submit(request)
        if case.twin is not None:
            copy = copied(case.facts, case.twin)
            for tell in self.on_copy:
                tell(copy)
        return queued

    def _case(self, submission: Submission, sender: Person) -> Case:
        model: Lookup = None
        if is_repo_id(submission.model) and is_revision(submission.revision):
            model = self._lookup(submission.model, submission.revision)
        facts = model if isinstance(model, ModelFacts) else None
        base: Lookup = None
        name = base_of(submission, facts)
        if submission.weight_type is not WeightType.ORIGINAL and is_repo_id(name):
            base = self._lookup(name, base_revision_of(submission, facts))
        case = Case(
            submission=submission,
            benchmark=self.benchmarks.get(submission.benchmark),
            model=model,
            base=base,
            native=native_architectures(),
            abilities=self.abilities(),
            allowances=self._allowances(submission, sender),
            refusal=self._refusal(submission, facts, name),
            known_benchmarks=list(self.benchmarks),
        )
        if facts is None or case.benchmark is None:
            return case
        case = self._compared(case, facts)
        earlier = [*case.earlier_names, *(self.models.names(facts.model).earlier if self.models else ())]
        return replace(case, existing=self._existing(_request(case, facts, sender), earlier))

    def _compared(self, case: Case, facts: ModelFacts) -> Case:
        """The case with the known checkpoints that have the same weights.

        A known name that leads to this very repository is an earlier name of it, not a copy.
        """
        twins = self.models.twins(facts) if self.models else []
        earlier = tuple(
            name for name in {one.model for one in twins} - {facts.model} if self._is_now(name, facts.model)
        )
        others = [one for one in twins if one.model not in earlier]
        same = next((one.revision for one in others if one.model == facts.model), "")
        rules = self.policies.rules(case.submission.benchmark) if self.policies else None
        return replace(
            case,
            twin=first_twin(others, facts.model),
            same_weights=same,
            may_copy=rules is not None and rules.may_copy(facts.model),
            earlier_names=earlier,
        )

    def _is_now(self, name: str, model: str) -> bool:
        """Whether the repository that was called `name` is called `model` now."""
        try:
            return self.hub.overview(name).model == model
        except ModelUnavailable:
            return False

    def _allowances(self, submission: Submission, sender: Person) -> list[Allowance]:
        if self.policies is None or submission.benchmark not in self.benchmarks:
            return []
        quota = self.benchmarks[submission.benchmark].policy.quota
        if quota.person is None and quota.organisation is None:
            return []
        rules = self.policies.rules(submission.benchmark)
        return rules.allowances(sender, submission.model, self.queue.view().requests, datetime.now(UTC))

    def _refusal(self, submission: Submission, facts: ModelFacts | None, base: str) -> tuple[str, str] | None:
        if self.policies is None or submission.benchmark not in self.benchmarks:
            return None
        names = [submission.model, facts.model if facts else "", base]
        return self.policies.rules(submission.benchmark).refusal(*(name for name in names if is_repo_id(name)))

    def _lookup(self, model: str, revision: str) -> Lookup:
        try:
            return self.hub.facts(model, revision)
        except ModelUnavailable as reason:
            return reason

    def _existing(self, request: Request, earlier: Iterable[str]) -> Request | None:
        """The request for the same checkpoint, under any name that its repository has or had."""
        for name in (request.model, *earlier):
            try:
                return self.queue.find(request_path(request.model_copy(update={"model": name})))
            except (NotFound, Unreadable):
                continue
        return None

    def _cost(self, case: Case, sender: Person) -> Cost:
        """Reads the queue's view, which is too slow for a submission and quick enough for a look."""
        questions = self.questions(self.benchmarks[case.submission.benchmark])
        if case.facts is None:
            return Cost(questions)
        requests = self.queue.view().requests
        request = case.existing
        if request is None or request.status is not Status.PENDING:
            request = _request(case, case.facts, sender).model_copy(update={"id": BEHIND_ALL})
            requests.append(request)
        estimate = Estimates(requests, case.abilities, datetime.now(UTC)).of(request)
        return Cost(questions, estimate.seconds, estimate.position, estimate.start, estimate.end)


def _request(case: Case, facts: ModelFacts, sender: Person) -> Request:
    """The request that an accepted submission becomes; its history begins when it is queued."""
    said, base = case.submission, case.base_facts
    return Request(
        model=facts.model,
        base_model=base.model if base else base_of(said, facts),
        revision=facts.revision,
        precision=said.precision.value,
        weight_type=said.weight_type.value,
        params=case.params_b,
        architectures=";".join(shown(name) for name in (case.whole.architectures if case.whole else [])[:MAX_NAMES]),
        license=shown(facts.licence) if facts.licence else "",
        model_type=said.model_type.value,
        use_chat_template=said.use_chat_template,
        submitted_time=now(),
        sender=sender.name,
        sender_org=organisation(sender, facts.model),
        id=new_id(),
        benchmark=said.benchmark,
        track=said.track,
        requested_revision=said.revision,
        base_revision=base.revision if base else "",
        files=pinned_files(facts),
        base_files=pinned_files(base) if base else {},
        stored_bits=case.stored_bits,
    )


def copied(facts: ModelFacts, twin: Twin) -> Copy:
    """Which of two repositories with the same weights is the copy: the one that came to the Hub later."""
    weights = weights_of(facts)
    if is_older(facts.created_at, twin.created_at):
        return Copy(twin.model, twin.revision, facts.model, facts.revision, weights)
    return Copy(facts.model, facts.revision, twin.model, twin.revision, weights)


def questions_asked(blocks: Iterable[PodiumBlock], benchmark: Benchmark) -> int | None:
    """Examples over all columns, from a published result of the same version of the benchmark; None without one."""
    for block in blocks:
        numbers = [score.n for score in block.scores.values()]
        if block.benchmark_version == benchmark.version and block.limit is None and all(numbers):
            return sum(number for number in numbers if number)
    return None
