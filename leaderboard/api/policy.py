"""A benchmark's policy: the rules in its file, what maintainers decided since, and deciding."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from leaderboard.api.answers import kept_model
from leaderboard.api.guard import guarded_router
from leaderboard.benchmarks import Policy
from leaderboard.records.repository import NAME_PATTERN
from leaderboard.service import Service
from leaderboard.submissions.policy import Decision, DecisionKind

SUBJECT = rf"^{NAME_PATTERN}(/{NAME_PATTERN})?$"


class Ruling(BaseModel):
    """What a maintainer says. Who says it is known to the server."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    kind: DecisionKind
    subject: Annotated[str, Field(pattern=SUBJECT, max_length=200)]
    """Name of a person or organisation, or `org/name` of a model."""
    effect: Literal["lift", "impose"]
    why: Annotated[str, Field(min_length=3, max_length=1000)]
    """The reason; everybody can read it."""


class PolicyAnswer(BaseModel):
    """A benchmark's rules and their history."""

    policy: Policy
    """As the benchmark's file says."""
    official_providers: list[str]
    """As they are now, in lower case."""
    decisions: list[Decision]
    """What maintainers decided, oldest first; the last one about a subject holds."""


def policy_routes(service: Service) -> APIRouter:
    """GET and POST /policy/{benchmark}."""
    routes = guarded_router(service, tags=["policy"])

    @routes.get("/policy/{benchmark}", response_model=PolicyAnswer)
    def get_policy(request: Request, benchmark: str) -> Response:
        """The rules for submitting to a benchmark, and every decision about them."""
        rules = service.policies.rules(service.benchmark(benchmark).id)
        answer = PolicyAnswer(
            policy=rules.benchmark.policy,
            official_providers=sorted(rules.official()),
            decisions=service.policies.history(rules.benchmark.id),
        )
        return kept_model(request, answer)

    @routes.post("/policy/{benchmark}", status_code=201)
    def decide(request: Request, benchmark: str, ruling: Ruling) -> Decision:
        """Lift a rule for one subject, or impose it (again). For maintainers."""
        by = service.identity.asker(request).person
        return service.policies.decide(
            service.benchmark(benchmark).id, ruling.kind, ruling.subject, ruling.effect, by, ruling.why
        )

    return routes
