"""How hosted models are taken in: the address judged, the tokenizer looked up and pinned. The endpoint is not asked."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from leaderboard.benchmarks import Benchmark
from leaderboard.benchmarks.generation import GENERATES, output_types
from leaderboard.endpoints.addresses import AddressRules, Place, Refusal, parse, refused
from leaderboard.endpoints.secrets import EndpointSecret
from leaderboard.errors import ModelUnavailable
from leaderboard.hub.loaded_files import CONFIGS, TOKENIZER_FILES, pinned_files
from leaderboard.records import EndpointSubmission, ModelFacts, Person, Problem, Request, is_repo_id, new_id, now
from leaderboard.records.kinds.named import EndpointRequest
from leaderboard.submissions.case import Case, Context
from leaderboard.submissions.kinds.checkpoint.checks.checkpoint import has_auto_map
from leaderboard.submissions.kinds.checkpoint.checks.submission import has_vocabulary
from leaderboard.submissions.kinds.endpoint.catalogue import ENDPOINT
from leaderboard.submissions.kinds.kind import KindIntake

MOST_COLUMNS = 10
"""Columns without a score that are named."""


@dataclass(frozen=True, kw_only=True)
class EndpointCase(Case):
    """A hosted model, what is known of its address, key and tokenizer, and who submits it."""

    submission: EndpointSubmission
    sender: Person
    place: Place | None
    """Where it is; None where the address cannot be read."""
    refusals: tuple[Refusal, ...]
    """What is wrong with the address."""
    trusted: bool
    """Whether the operator named the host."""
    secret: EndpointSecret | None
    """The key that it names; None where it names none, or one that is not there."""
    tokenizer: ModelFacts | ModelUnavailable | None
    """What the Hub says of its tokenizer; None where none is named, or where the name is not one."""

    @property
    def name(self) -> str:
        """`sender/name`."""
        return f"{self.sender.name}/{self.submission.name}"


class EndpointIntake(KindIntake[EndpointSubmission, EndpointCase]):
    """Takes hosted models."""

    def look(self, submission: EndpointSubmission, context: Context) -> EndpointCase:
        """Resolve the name and ask the Hub for the tokenizer. Raises HubUnavailable, Infrastructure."""
        endpoint = submission.endpoint
        place, refusals = _judged(endpoint.url, context.endpoints)
        tokenizer: ModelFacts | ModelUnavailable | None = None
        if is_repo_id(submission.tokenizer):
            try:
                tokenizer = context.hub.facts(submission.tokenizer)
            except ModelUnavailable as reason:
                tokenizer = reason
        return EndpointCase(
            submission=submission,
            benchmark=context.benchmark,
            known_benchmarks=context.known_benchmarks,
            abilities=context.abilities,
            sender=context.sender,
            place=place,
            refusals=refusals,
            trusted=place is not None and context.endpoints.trusts(place),
            secret=context.secrets.get(endpoint.secret) if endpoint.secret else None,
            tokenizer=tokenizer,
        )

    def check(self, case: EndpointCase) -> list[Problem]:
        """Every problem of the endpoint."""
        return [*_address(case), *_interface(case), *_secret(case), *_tokenizer(case)]

    def request(self, case: EndpointCase, context: Context) -> Request | None:
        """The request; its digest is that of what tells one endpoint from another."""
        submission = case.submission
        facts = case.tokenizer if isinstance(case.tokenizer, ModelFacts) else None
        tokenizer, commit = (facts.model, facts.revision) if facts else ("", "")
        endpoint = submission.endpoint
        same = "\n".join((endpoint.url, endpoint.model, endpoint.api, tokenizer, commit))
        return EndpointRequest(
            kind=submission.kind,
            model=case.name,
            revision=hashlib.sha256(same.encode()).hexdigest(),
            description=submission.description,
            local_scores=submission.local_scores,
            endpoint=endpoint,
            tokenizer=tokenizer,
            tokenizer_revision=commit,
            files=tokenizer_files(facts) if facts else {},
            use_chat_template=endpoint.api == "chat",
            submitted_time=now(),
            sender=context.sender.name,
            id=new_id(),
            benchmark=submission.benchmark,
            track=submission.track,
        )


def tokenizer_files(facts: ModelFacts) -> dict[str, str]:
    """The files from which the tokenizer is made -> what they hold. Raises HubUnavailable."""
    wanted = {name for name in facts.files if name in TOKENIZER_FILES or name in CONFIGS or name.endswith(".tiktoken")}
    shown = facts.model_copy(update={"files": {name: facts.files[name] for name in wanted}})
    return pinned_files(shown)


def unanswered(benchmark: Benchmark, api: str, tokenizer: bool) -> list[str]:
    """Keys of the harness columns that an endpoint cannot answer: those with tasks that need log-likelihoods.

    Tasks whose definition cannot be found here are taken to be answered.
    """
    if api == "completions" and tokenizer:
        return []
    types = output_types(benchmark)
    return [
        column.key
        for column in benchmark.columns
        if any(types.get(part.task, GENERATES) != GENERATES for part in column.parts)
    ]


def _judged(url: str, rules: AddressRules) -> tuple[Place | None, tuple[Refusal, ...]]:
    place = parse(url)
    if isinstance(place, Refusal):
        return None, (place,)
    return place, tuple(refused(place, rules))


def _address(case: EndpointCase) -> Iterator[Problem]:
    for refusal in case.refusals:
        yield ENDPOINT.problem(refusal.code, found=refusal.found)


def _interface(case: EndpointCase) -> Iterator[Problem]:
    """The benchmark takes the interface, and it answers all columns, unless the benchmark allows less."""
    benchmark, api = case.benchmark, case.submission.endpoint.api
    if benchmark is None:
        return
    if api not in benchmark.endpoint.apis:
        known = {"known": ", ".join(benchmark.endpoint.apis)}
        yield ENDPOINT.problem_with("endpoint_api_not_taken", known, benchmark=benchmark.title, value=api)
        return
    lost = unanswered(benchmark, api, bool(case.submission.tokenizer))
    if not lost:
        return
    asked = [column.key for column in benchmark.columns if column.run]
    titles = ", ".join(benchmark.column(key).title for key in lost[:MOST_COLUMNS])
    words = {
        "why": "The interface chat gives no log-likelihoods"
        if api == "chat"
        else "Log-likelihoods over completions need the model's tokenizer",
        "columns": titles + (f" and {len(lost) - MOST_COLUMNS} more" if len(lost) > MOST_COLUMNS else ""),
    }
    code = "endpoint_columns_left_out" if benchmark.endpoint.partial else "endpoint_columns_unscored"
    if set(lost) == set(asked):
        code = "endpoint_nothing_scored"
    yield ENDPOINT.problem_with(code, words, benchmark=benchmark.title)


def _secret(case: EndpointCase) -> Iterator[Problem]:
    """The key is there, its sender may name it, and it is sent to no other host. One sentence, so that none is told."""
    name, secret, place = case.submission.endpoint.secret, case.secret, case.place
    if not name or place is None:
        return
    if secret is None or not secret.may_be_named_by(case.sender) or not secret.is_for(place):
        yield ENDPOINT.problem("endpoint_secret_unknown", value=name, sender=case.sender.name)
    elif place.scheme != "https" and not case.trusted:
        yield ENDPOINT.problem("endpoint_secret_in_clear", value=name)


def _tokenizer(case: EndpointCase) -> Iterator[Problem]:
    """The tokenizer can be read and loaded without code."""
    name, facts = case.submission.tokenizer, case.tokenizer
    if not name:
        return
    if not isinstance(facts, ModelFacts):
        why = facts.code.replace("_", " ") if facts is not None else "it is not a name"
        yield ENDPOINT.problem("endpoint_tokenizer_unreadable", value=name, why=why)
        return
    named = {"value": facts.model, "sha": facts.revision[:7]}
    if not has_vocabulary(facts):
        yield ENDPOINT.problem("endpoint_tokenizer_missing", **named)
    file = "tokenizer_config.json"
    if has_auto_map(facts.configs.get(file)):
        yield ENDPOINT.problem("endpoint_tokenizer_code", file=file, **named)
