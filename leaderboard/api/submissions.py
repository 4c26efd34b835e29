"""Submitting: look first, then queue."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from leaderboard import records
from leaderboard.api.guard import guarded_router
from leaderboard.api.problems import Trouble
from leaderboard.api.queue import RequestAnswer, unestimated
from leaderboard.records import BaseSubmission, Person, Problem, Submission
from leaderboard.service import Service
from leaderboard.submissions.allowances import Allowance
from leaderboard.submissions.case import keeps_out
from leaderboard.submissions.rules import errors

REFUSALS: dict[int | str, dict[str, Any]] = {
    409: {"model": Trouble, "description": "Already requested; `existing` is its address"},
    422: {"model": Trouble, "description": "Problems, all of them at once"},
    429: {"model": Trouble, "description": "Earlier ones of yours are still under way"},
    503: {"model": Trouble, "description": "The Hub does not answer; nothing is wrong with the submission"},
}


class FoundModel(BaseModel):
    """What was found on the Hub; null is unknown."""

    model: str
    revision: str
    params: float | None
    architectures: list[str]
    license: str | None
    licence: str | None
    """The same as `license`, under its earlier name."""
    last_modified: str | None
    gated: bool


class CostAnswer(BaseModel):
    """What the evaluation will take; null is unknown."""

    questions: int | None
    expected_seconds: float | None
    queue_position: int | None
    expected_start: str | None
    """When the run would start (UTC)."""
    expected_end: str | None
    """When the run would end (UTC)."""
    expected_error: float | None
    """Half of the last expected times of a run were off by at most this share of it; null while too few are known."""


class Quota(BaseModel):
    """How much of a quota is left."""

    whose: Literal["person", "organisation", "team"]
    """The sender's own, that of the organisation for which they submit, or that of their team."""
    counts: Literal["submissions", "failures"]
    """`submissions`: all but the failed and cancelled ones. `failures`: those that failed after scoring had begun, and
    those that wait or run and may still fail."""
    name: str
    limit: int
    used: int
    """How many of the period count."""
    left: int
    period_days: float
    """0 where the period has no fixed length."""
    period: str
    """The period in words; empty for the last `period_days` days."""
    frees_at: str | None
    """When one more will be free (UTC); null while none is used, and where that is never."""


class LookAnswer(BaseModel):
    """What would happen if this were submitted now."""

    accepted: bool
    """Whether it would be queued: no problem is an error, and it is not in the queue already."""
    existing: str | None
    """Id of the request that is there already for the same."""
    found: FoundModel | None
    """The checkpoint on the Hub; null when there is none, and for other kinds."""
    base: FoundModel | None
    """Its base model, for adapters and deltas."""
    problems: list[Problem]
    """Every problem; warnings do not refuse."""
    cost: CostAnswer
    quota: list[Quota]
    """What the sender may still submit in the period, this one not yet counted; empty where nothing limits it."""


def submission_routes(service: Service) -> APIRouter:
    """POST /submissions/check and POST /submissions."""
    routes = guarded_router(service, tags=["submissions"])

    @routes.post("/submissions/check", responses={429: REFUSALS[429], 503: REFUSALS[503]})
    def check_submission(submission: Submission, request: Request) -> LookAnswer:
        """Look a submission up and check it, without queueing anything."""
        asker = service.identity.asker(request)
        with service.turns.take(asker.key):
            return look(service, submission, asker.person)

    @routes.post("/submissions", status_code=201, responses=REFUSALS)
    def submit(submission: Submission, request: Request, response: Response) -> RequestAnswer:
        """Check a submission and queue it. Who submits is what the server knows, not part of the body."""
        asker = service.identity.asker(request)
        with service.turns.take(asker.key):
            queued = service.intake.submit(submission, asker.person)
        response.headers["Location"] = f"/api/v1/requests/{queued.id}"
        return unestimated(service, queued)

    return routes


def look(service: Service, submission: BaseSubmission, sender: Person) -> LookAnswer:
    """What would happen if `sender` sent `submission`. Raises HubUnavailable."""
    findings = service.intake.look(submission, sender)
    return LookAnswer(
        accepted=not errors(findings.problems) and not keeps_out(findings.existing),
        existing=findings.existing.id if findings.existing is not None else None,
        found=_found(findings.facts),
        base=_found(findings.base_facts),
        problems=list(findings.problems),
        quota=[quota_of(allowance) for allowance in findings.quota],
        cost=CostAnswer(**vars(findings.cost)),
    )


def quota_of(allowance: Allowance) -> Quota:
    """An allowance as the API tells it."""
    return Quota(**allowance.model_dump(), left=allowance.left)


def _found(facts: records.ModelFacts | None) -> FoundModel | None:
    if facts is None:
        return None
    return FoundModel(
        model=facts.model,
        revision=facts.revision,
        params=facts.params,
        architectures=facts.architectures,
        license=facts.license,
        licence=facts.license,
        last_modified=facts.last_modified,
        gated=facts.gated,
    )
