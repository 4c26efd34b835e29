"""Taking part in a competition: its terms, what may still be submitted, and answers for its organisers."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel

from leaderboard.api.guard import guarded_router
from leaderboard.api.submissions import Quota, quota_of
from leaderboard.errors import NotFound
from leaderboard.service import Service


class QuotaAnswer(BaseModel):
    """What somebody may still submit to a benchmark."""

    benchmark: str
    person: str
    """Who asks, as the server knows them."""
    members: list[str]
    """Whose submissions count together: theirs alone, or those of all members of their team."""
    quota: list[Quota]
    """Each limit; empty where nothing limits it."""


class TermsAnswer(BaseModel):
    """What participants agree to."""

    benchmark: str
    version: str
    """To be sent as `terms` of a submission that accepts them."""
    text: str
    """Markdown."""


class PrivateAnswersAnswer(BaseModel):
    """What a submitter answered for the organisers alone."""

    request: str
    """Its id."""
    answers: dict[str, bool | float | str]
    """Key of each question -> answer."""


def participation_routes(service: Service) -> APIRouter:
    """GET /quota, /benchmarks/{benchmark}/terms, /requests/{id}/private-answers."""
    routes = guarded_router(service, tags=["competitions"])

    @routes.get("/quota")
    def get_quota(
        request: Request, benchmark: Annotated[str, Query(description="Id; the first one by default")] = ""
    ) -> QuotaAnswer:
        """What whoever asks may still submit to a benchmark now, and when more will be free."""
        person = service.identity.asker(request).person
        benchmark_id = service.benchmark(benchmark).id
        return QuotaAnswer(
            benchmark=benchmark_id,
            person=person.name,
            members=sorted(service.intake.members(benchmark_id, person.name)),
            quota=[quota_of(allowance) for allowance in service.intake.quota(benchmark_id, person)],
        )

    @routes.get("/benchmarks/{benchmark}/terms")
    def get_terms(benchmark: str) -> TermsAnswer:
        """The terms of a competition, which a submission accepts by naming their version."""
        rules = service.benchmark(benchmark).competition
        if rules is None or rules.terms is None:
            raise NotFound(f"The benchmark {benchmark} has no terms.")
        return TermsAnswer(benchmark=benchmark, version=rules.terms.version, text=rules.terms.text)

    @routes.get("/requests/{request_id}/private-answers")
    def get_private_answers(request_id: str) -> PrivateAnswersAnswer:
        """Answers to questions that are not public, for the maintainers."""
        submitted = service.queue.get(request_id)
        return PrivateAnswersAnswer(request=submitted.id, answers=service.private_answers.read(submitted.id))

    return routes
