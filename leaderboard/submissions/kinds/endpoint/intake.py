"""How hosted models are taken in."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from leaderboard.records import EndpointSubmission, Problem, Request, new_id, now
from leaderboard.records.kinds.named import EndpointRequest
from leaderboard.submissions.case import Case, Context
from leaderboard.submissions.kinds.kind import KindIntake


@dataclass(frozen=True, kw_only=True)
class EndpointCase(Case):
    """A hosted model and who submits it."""

    submission: EndpointSubmission
    owner: str
    """The sender's name."""

    @property
    def name(self) -> str:
        """`sender/name`."""
        return f"{self.owner}/{self.submission.name}"


class EndpointIntake(KindIntake[EndpointSubmission, EndpointCase]):
    """Takes hosted models."""

    def look(self, submission: EndpointSubmission, context: Context) -> EndpointCase:
        """Nothing is asked of the endpoint yet."""
        return EndpointCase(
            submission=submission,
            benchmark=context.benchmark,
            known_benchmarks=context.known_benchmarks,
            abilities=context.abilities,
            owner=context.sender.name,
        )

    def check(self, case: EndpointCase) -> list[Problem]:
        """Every problem of the endpoint."""
        return []

    def request(self, case: EndpointCase, context: Context) -> Request | None:
        """The request; its digest is that of what tells one endpoint from another."""
        submission = case.submission
        same = "\n".join((submission.endpoint.url, submission.endpoint.model, submission.endpoint.api))
        return EndpointRequest(
            kind=submission.kind,
            model=case.name,
            revision=hashlib.sha256(same.encode()).hexdigest(),
            description=submission.description,
            endpoint=submission.endpoint,
            tokenizer=submission.tokenizer,
            submitted_time=now(),
            sender=context.sender.name,
            id=new_id(),
            benchmark=submission.benchmark,
            track=submission.track,
        )
