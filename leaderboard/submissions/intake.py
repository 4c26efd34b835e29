"""How a submission becomes a request: look, check, policy, queue. The one way in, for pages, API and command line.

What depends on the kind of the submission is in `leaderboard.submissions.kinds`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from leaderboard.artifacts.store import ArtifactStore
from leaderboard.benchmarks import Benchmark
from leaderboard.endpoints.addresses import AddressRules
from leaderboard.endpoints.secrets import EndpointSecrets
from leaderboard.errors import AlreadyRequested, NotAccepted, NotFound, Unreadable
from leaderboard.hub.hub import Hub
from leaderboard.models.facts import KnownModels
from leaderboard.models.lineage import Copy
from leaderboard.queue.estimates import Estimates
from leaderboard.queue.queue import Queue
from leaderboard.records import (
    Abilities,
    BaseSubmission,
    ModelFacts,
    NamedRequest,
    Person,
    PodiumBlock,
    Problem,
    Request,
    Status,
    request_path,
)
from leaderboard.records.submission import NamedSubmission
from leaderboard.submissions.admission import Admission, Entry
from leaderboard.submissions.allowances import Allowance, Members, only_the_person
from leaderboard.submissions.case import Case, Context
from leaderboard.submissions.entry import accepted_terms, public_answers
from leaderboard.submissions.kinds import INTAKES
from leaderboard.submissions.kinds.kind import KindIntake
from leaderboard.submissions.policy import Policies, Rules
from leaderboard.submissions.private_answers import PrivateAnswers
from leaderboard.submissions.rules import already_requested, errors, every_problem

BEHIND_ALL = "~"
"""Id and arrival of a request that is not queued: it comes after those that were submitted in the same second."""


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
    expected_error: float | None = None
    """Half of the last expected times were off by at most this share."""


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
    """The request that is already there for the same, to be linked to."""
    quota: Sequence[Allowance] = ()
    """What the sender may still submit, this one not yet counted; empty where nothing limits it."""


class _Looked(NamedTuple):
    """What the kind of a submission brought."""

    kind: KindIntake[Any, Any]
    context: Context
    case: Case
    request: Request | None
    """What is queued if it is accepted; None where too little is known."""
    problems: list[Problem]
    """Those of its kind."""


def unknown(benchmark: Benchmark) -> int | None:
    """The number of questions where nothing tells it."""
    del benchmark
    return None


def nowhere(benchmark_id: str) -> Path | None:
    """The private folder of a benchmark where there are none."""
    del benchmark_id
    return None


def not_removed(*models: str) -> str:
    """Why a model was removed from the board, where none was."""
    del models
    return ""


def in_no_team(benchmark_id: str, person: str) -> str:
    """The team of a person where there are none."""
    del benchmark_id, person
    return ""


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
        artifacts: ArtifactStore | None = None,
        private: Callable[[str], Path | None] = nowhere,
        endpoints: AddressRules | None = None,
        secrets: EndpointSecrets | None = None,
        answers: PrivateAnswers | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`answers`: where answers to questions are kept that are not public."""
        self.hub = hub
        self.queue = queue
        self.benchmarks = benchmarks
        self.abilities = abilities
        self.models = models
        self.on_copy: list[Callable[[Copy], None]] = []
        """Called with every copy of known weights that is queued, or that queueing the original shows to be one."""
        self.on_queued: list[Callable[[], None]] = []
        """Called after every submission that was queued."""
        self.policies = policies
        self._door = threading.Lock()
        self.questions = questions
        self.artifacts = artifacts
        self.private = private
        self.endpoints = endpoints or AddressRules()
        self.secrets = secrets or EndpointSecrets()
        self.members: Members = only_the_person
        """Whose submissions count together in a competition."""
        self.team: Callable[[str, str], str] = in_no_team
        """Benchmark id and a person's name -> their team in the competition; empty for none."""
        self.removed: Callable[..., str] = not_removed
        """Names of a model -> why its results were removed from the board, as a sentence; empty where they were not."""
        self._clock = clock
        self._admission = Admission(queue, clock, lambda *who: self.members(*who), answers)

    def look(self, submission: BaseSubmission, sender: Person) -> Findings:
        """What would happen if `sender` submitted it now. Raises HubUnavailable."""
        looked = self._look(submission, sender)
        case = self._under_policy(looked.case, looked.context.rules, sender)
        problems = every_problem(case, looked.problems)
        cost = self._cost(case, looked.request) if case.benchmark else Cost()
        return Findings(case.facts, case.base_facts, problems, cost, case.existing, case.allowances)

    def submit(self, submission: BaseSubmission, sender: Person) -> Request:
        """Queue it. Raises NotAccepted with every problem, AlreadyRequested, HubUnavailable."""
        kind, context, case, request, problems = self._look(submission, sender)
        # One at a time where there is a quota: the store refuses all but one, and each of these would count again.
        with self._door if context.rules and context.rules.limited else nullcontext():
            case = self._under_policy(case, context.rules, sender)
            wrong = errors(every_problem(case, problems))
            if wrong and request is not None and case.benchmark is not None and not case.is_taken:
                # the same may have come in since the look, and have used the limit up
                case = replace(case, existing=self._existing(request, case.known_as))
                wrong = errors(every_problem(case, problems))
            if wrong or request is None:
                raise NotAccepted(wrong)
            kind.accepted(case, context)
            queued = self._queue(case, request, Entry(case, context.rules, sender))
        kind.queued(case, context)
        for call in self.on_queued:
            call()
        return queued

    def quota(self, benchmark_id: str, sender: Person) -> Sequence[Allowance]:
        """What `sender` may still submit now, whatever it is; empty where nothing limits it. Raises NotFound."""
        if self.policies is None:
            return []
        return self._admission.allowances(self.policies.rules(benchmark_id), sender, "", self._clock())

    def _look(self, submission: BaseSubmission, sender: Person) -> _Looked:
        """Look it up and check it, as its kind does."""
        kind, context = INTAKES[submission.kind], self._context(submission, sender)
        case = replace(kind.look(submission, context), at=context.at)
        request = kind.request(case, context)
        if request is not None:
            self._complete(request, case, context)
        if case.may_repeat and isinstance(request, NamedRequest):
            request = self._numbered(request)
        if request is not None and case.benchmark is not None:
            case = replace(case, existing=self._existing(request, case.known_as))
        return _Looked(kind, context, case, request, kind.check(case))

    def _complete(self, request: Request, case: Case, context: Context) -> None:
        """Add what requests of every kind say."""
        if context.rules is not None:
            request.official = context.rules.is_official(request.sender_org)
        if isinstance(request, NamedRequest) and isinstance(case.submission, NamedSubmission):
            request.local_scores = dict(case.submission.local_scores)
        if context.benchmark is not None:
            request.team = self.team(context.benchmark.id, context.sender.name)
            request.disclosure = public_answers(context.benchmark, case.submission)
            request.terms = accepted_terms(context.benchmark)

    def _context(self, submission: BaseSubmission, sender: Person) -> Context:
        """What the kind of the submission may ask."""
        benchmark = self.benchmarks.get(submission.benchmark)
        return Context(
            sender=sender,
            hub=self.hub,
            models=self.models,
            benchmark=benchmark,
            known_benchmarks=list(self.benchmarks),
            rules=self.policies.rules(benchmark.id) if self.policies and benchmark else None,
            abilities=self.abilities(),
            on_copy=self.on_copy,
            artifacts=self.artifacts,
            private=self.private(benchmark.id) if benchmark else None,
            endpoints=self.endpoints,
            secrets=self.secrets,
            at=self._clock(),
        )

    def _existing(self, request: Request, other_names: Iterable[str]) -> Request | None:
        """The request that stands where `request` would, under any name that its subject has or had."""
        for name in (request.model, *other_names):
            with suppress(NotFound, Unreadable):
                return self.queue.find(request_path(request.model_copy(update={"model": name})))
        return None

    def _numbered(self, request: NamedRequest) -> NamedRequest:
        """The request under the first number that is free."""
        while self._existing(request, ()) is not None:
            request = request.model_copy(update={"number": request.number + 1})
        return request

    def _under_policy(self, case: Case, rules: Rules | None, sender: Person) -> Case:
        """The case with what maintainers and the benchmark's policy say of it and its sender now."""
        if not case.is_newcomer:
            case = replace(case, removed=self.removed(*case.own_names))
        if rules is None:
            return case
        at = self._clock()
        allowances = self._admission.allowances(rules, sender, case.name, at)
        return replace(case, refusal=rules.refusal(*case.names), allowances=allowances, at=at)

    def _queue(self, case: Case, request: Request, entry: Entry) -> Request:
        """Put it into the queue, unless the same waits there under another name. Raises AlreadyRequested."""
        if case.existing is not None and case.is_taken and case.existing.model != request.model:
            [taken] = already_requested(case.existing)
            raise AlreadyRequested(taken, case.existing)
        return self.queue.submit(request, lambda queued, files: self._admission.admit(entry, queued, files))

    def _cost(self, case: Case, request: Request | None) -> Cost:
        """Reads the queue's view, which is too slow for a submission and quick enough for a look."""
        questions = self.questions(self.benchmarks[case.submission.benchmark])
        waiting = case.existing if case.existing and case.existing.status is Status.PENDING else None
        if request is None and waiting is None:
            return Cost(questions)
        view = self.queue.view()
        requests = list(view.open)
        if waiting is None and request is not None:
            waiting = request.model_copy(update={"id": BEHIND_ALL, "arrived": BEHIND_ALL})
            requests.append(waiting)
        assert waiting is not None
        estimates = Estimates(requests, case.abilities, self._clock(), view.ended.past)
        estimate, error = estimates.of(waiting), estimates.accuracy.error
        return Cost(questions, estimate.seconds, estimate.position, estimate.start, estimate.end, error)


def questions_asked(blocks: Iterable[PodiumBlock], benchmark: Benchmark) -> int | None:
    """Examples over all columns, from a published result of the same version of the benchmark; None without one."""
    for block in blocks:
        numbers = [score.n for score in block.scores.values()]
        if block.benchmark_version == benchmark.version and block.limit is None and all(numbers):
            return sum(number for number in numbers if number)
    return None
