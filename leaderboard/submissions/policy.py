"""How much may be submitted, by whom, and what may not be: a benchmark's `policy` and what maintainers decided since.

Decisions are in `policy/{benchmark}.json` of the results store, each with who, when and why; the last one about a
subject holds. docs/policy.md explains the rules to organisers and submitters.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from leaderboard import FileStore
from leaderboard.benchmarks import Benchmark
from leaderboard.errors import NotFound, Unreadable
from leaderboard.records import TIME_FORMAT, AnyRequest, Person, Versioned, namespace_of, now, utc
from leaderboard.stores.edit import EditedFiles, content_of, edit
from leaderboard.submissions.allowances import NOT_COUNTED, TODAY, Allowance, competition_allowances, midnight

DecisionKind = Literal["quota", "official_provider", "do_not_submit", "copy"]
"""What a decision is about: a person's or organisation's quota, whether an organisation is an official provider,
whether a model may be submitted, whether a model may be submitted although its weights are another one's."""


class Decision(BaseModel):
    """What a maintainer decided."""

    model_config = ConfigDict(frozen=True)

    kind: DecisionKind
    subject: str
    """Name of a person or organisation, or `org/name` of a model."""
    effect: Literal["lift", "impose"]
    """`lift`: the rule does not hold for the subject. `impose`: it does (again), also where the file says nothing."""
    by: str
    """Who decided."""
    time: str
    """When (UTC)."""
    why: str
    """The reason; for `do_not_submit` it is shown to submitters."""


class Decisions(Versioned):
    """One file of decisions."""

    schema_version: int = 1
    decisions: list[Decision] = Field(default_factory=list)
    """Oldest first; none is ever taken out."""


class Rules(NamedTuple):
    """A benchmark's policy as it holds now."""

    benchmark: Benchmark
    decisions: Mapping[tuple[DecisionKind, str], Decision]
    """The last one about each (kind, subject in lower case)."""

    @property
    def limited(self) -> bool:
        """Whether there is a quota."""
        benchmark = self.benchmark
        quota = benchmark.policy.quota
        has_quota = quota.person is not None or quota.organisation is not None
        return has_quota or benchmark.bundle is not None or benchmark.competition is not None

    def official(self) -> set[str]:
        """The official providers, in lower case."""
        listed = {name.casefold() for name in self.benchmark.policy.official_providers}
        decided = {subject: entry for (kind, subject), entry in self.decisions.items() if kind == "official_provider"}
        return {name for name in listed | decided.keys() if name not in decided or decided[name].effect == "impose"}

    def is_official(self, org: str) -> bool:
        """Whether an organisation is an official provider; no name is none."""
        return bool(org) and org.casefold() in self.official()

    def refusal(self, *models: str) -> tuple[str, str] | None:
        """The first of `models` that may not be submitted, and why; None when all may be."""
        for model in models:
            decided = self._decided("do_not_submit", model)
            if decided is not None:
                if decided.effect == "impose":
                    return model, decided.why
                continue
            for entry in self.benchmark.policy.do_not_submit:
                if fnmatchcase(model.casefold(), entry.model.casefold()):
                    return model, entry.reason
        return None

    def refused(self) -> list[tuple[str, str]]:
        """The models that may not be submitted, or patterns of their names, each with the reason."""
        decided = [decision for (kind, _), decision in self.decisions.items() if kind == "do_not_submit"]
        lifted = {decision.subject.casefold() for decision in decided}
        listed = [entry for entry in self.benchmark.policy.do_not_submit if entry.model.casefold() not in lifted]
        imposed = [(decision.subject, decision.why) for decision in decided if decision.effect == "impose"]
        return [(entry.model, entry.reason) for entry in listed] + imposed

    def may_copy(self, model: str) -> bool:
        """Whether a maintainer let the model in although its weights are another one's."""
        decided = self._decided("copy", model)
        return decided is not None and decided.effect == "lift"

    def allowances(
        self,
        person: Person,
        model: str,
        requests: Iterable[AnyRequest],
        at: datetime,
        members: frozenset[str] = frozenset(),
    ) -> list[Allowance]:
        """What `person` may still submit at `at`, with `model` next; empty when nothing limits it.

        A submission counts for whoever sent it, never for the model's owner. It also counts for an organisation when
        the model is the organisation's and its sender belongs to it, and in a competition for all `members` of the
        sender's team.
        """
        requests = list(requests)
        in_competition: list[Allowance] = []
        if not self._is_lifted(person.name):
            in_competition = competition_allowances(self.benchmark, members or {person.name}, requests, at)
        return in_competition + self._of_policy(person, model, requests, at)

    def _of_policy(self, person: Person, model: str, requests: Sequence[AnyRequest], at: datetime) -> list[Allowance]:
        """What the benchmark's policy and its bundle leave."""
        org = organisation(person, model)
        if self.is_official(org):
            return []
        quota = self.benchmark.policy.quota
        period = timedelta(days=quota.period_days)
        counted = [request for request in requests if self._counts(request, at, period)]
        allowances = self._of_phase(person, requests, at)
        if quota.person is not None and not self._is_lifted(person.name):
            own = [
                request
                for request in counted
                if request.charged_to.casefold() == person.name.casefold() and not self.is_official(request.sender_org)
            ]
            allowances.append(_allowance("person", person.name, quota.person, own, quota.period_days))
        if quota.organisation is not None and org and not self._is_lifted(org):
            own = [request for request in counted if request.sender_org.casefold() == org.casefold()]
            allowances.append(_allowance("organisation", org, quota.organisation, own, quota.period_days))
        return allowances

    def _of_phase(self, person: Person, requests: Iterable[AnyRequest], at: datetime) -> list[Allowance]:
        """What the phase of a bundle allows one person: in a UTC day, and in all."""
        phase = self.benchmark.bundle.phase_at(at) if self.benchmark.bundle else None
        if phase is None:
            return []
        own = [
            submitted
            for request in requests
            if request.benchmark == self.benchmark.id and request.track == phase.track
            and request.charged_to.casefold() == person.name.casefold() and request.status not in NOT_COUNTED
            and (submitted := _moment(request.submitted_time)) is not None
        ]  # fmt: skip
        begin = midnight(at)
        today = sum(begin <= submitted for submitted in own)
        limits = [
            (phase.max_submissions_per_day, today, 1.0, utc(begin + timedelta(days=1)), TODAY),
            (phase.max_submissions, len(own), 0.0, None, f"in the phase {phase.name}"),
        ]
        return [
            Allowance(whose="person", name=person.name, limit=limit, used=used, period_days=days, frees_at=frees,
                      period=words)
            for limit, used, days, frees, words in limits
            if limit
        ]  # fmt: skip

    def _counts(self, request: AnyRequest, at: datetime, period: timedelta) -> bool:
        submitted = _moment(request.submitted_time)
        mine = request.benchmark == self.benchmark.id and request.status not in NOT_COUNTED
        return mine and submitted is not None and submitted + period > at

    def _decided(self, kind: DecisionKind, subject: str) -> Decision | None:
        return self.decisions.get((kind, subject.casefold()))

    def _is_lifted(self, name: str) -> bool:
        decided = self._decided("quota", name)
        return decided is not None and decided.effect == "lift"


def organisation(person: Person, model: str) -> str:
    """The organisation for which `person` submits `model`: the model's namespace, if they belong to it; else empty."""
    namespace = namespace_of(model).casefold()
    return next((org for org in person.orgs if org.casefold() == namespace), "")


def _allowance(
    whose: Literal["person", "organisation"], name: str, limit: int, counted: Sequence[AnyRequest], days: float
) -> Allowance:
    times = sorted(moment for request in counted if (moment := _moment(request.submitted_time)) is not None)
    frees = times[max(len(times) - limit, 0)] + timedelta(days=days) if times and limit else None
    return Allowance(
        whose=whose, name=name, limit=limit, used=len(times), period_days=days, frees_at=utc(frees) if frees else None
    )


def _moment(text: str) -> datetime | None:
    """A time in a request file; other boards' files may hold anything."""
    try:
        return datetime.strptime(text, TIME_FORMAT).replace(tzinfo=UTC)
    except ValueError:
        return None


class Policies:
    """The policies of all benchmarks over the results store. Safe for threads and several processes."""

    def __init__(self, store: FileStore, benchmarks: Mapping[str, Benchmark]) -> None:
        self._store = store
        self._benchmarks = benchmarks

    def rules(self, benchmark_id: str) -> Rules:
        """The rules as they hold now. Raises NotFound for an unknown benchmark, Unreadable."""
        decisions = self._read(benchmark_id)
        last = {(entry.kind, entry.subject.casefold()): entry for entry in decisions.decisions}
        return Rules(self._benchmark(benchmark_id), last)

    def history(self, benchmark_id: str) -> list[Decision]:
        """Every decision about a benchmark, oldest first. Raises NotFound, Unreadable."""
        return self._read(benchmark_id).decisions

    def decide(
        self,
        benchmark_id: str,
        kind: DecisionKind,
        subject: str,
        effect: Literal["lift", "impose"],
        by: Person,
        why: str,
    ) -> Decision:
        """Write a maintainer's decision down. Raises NotFound, Unreadable, Conflict."""
        decision = Decision(kind=kind, subject=subject, effect=effect, by=by.name, time=now(), why=why)
        path = policy_path(self._benchmark(benchmark_id).id)

        def decide(files: EditedFiles) -> Decision:
            known = _parsed(path, files.find(path))
            known.decisions.append(decision)
            files.write(path, (known.model_dump_json(indent=2) + "\n").encode())
            return decision

        return edit(self._store, decide, f"{effect} {kind} of {subject}")

    def _benchmark(self, benchmark_id: str) -> Benchmark:
        if benchmark_id not in self._benchmarks:
            raise NotFound(f"There is no benchmark {benchmark_id!r} here. There are: {', '.join(self._benchmarks)}.")
        return self._benchmarks[benchmark_id]

    def _read(self, benchmark_id: str) -> Decisions:
        path = policy_path(self._benchmark(benchmark_id).id)
        return _parsed(path, content_of(self._store, path))


def _parsed(path: str, content: bytes | None) -> Decisions:
    """The decisions in a file; none where there is no file. Raises Unreadable."""
    if content is None:
        return Decisions()
    try:
        return Decisions.model_validate(json.loads(content))
    except (ValueError, ValidationError, RecursionError) as error:
        raise Unreadable(path, f"it does not hold decisions ({error})") from error


def policy_path(benchmark_id: str) -> str:
    """Path of a benchmark's decisions in the results store."""
    return f"policy/{benchmark_id}.json"
