"""The queue: lists of requests, one request, its file, its log."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel

from leaderboard import records
from leaderboard.api.answers import Page, kept, kept_model
from leaderboard.api.guard import guarded_router
from leaderboard.queue.estimates import Estimate, hindrance
from leaderboard.queue.priority import Standing
from leaderboard.records import Status, is_submitter
from leaderboard.service import Service


class SetAsideFile(BaseModel):
    """A file in the requests store that cannot be read as a request."""

    path: str
    reason: str


class PriorityTerm(BaseModel):
    """A term of the sum that decides when a waiting request runs."""

    term: str
    """`waiting`, `size`, `votes`, `official` or `share`."""
    points: float
    why: str
    """In words."""


class PriorityAnswer(BaseModel):
    """What put a waiting request at its place: what maintainers gave comes first, then the points decide."""

    given: float
    """By maintainers; 0 unless they did."""
    points: float
    """The sum of the terms."""
    terms: list[PriorityTerm]
    """Those that are not 0."""


class RequestAnswer(records.Request):
    """A request as its file says, and what the workers say of it."""

    obstacle: str | None = None
    """Why nobody can run it while it is pending; null when a worker can."""
    queue_position: int | None = None
    """Its place among those that wait and can be run, 1 is the next; null for others, and right after a submission."""
    expected_seconds: float | None = None
    """How long its run is expected to take, while it waits or runs; null is unknown, also for what follows."""
    expected_start: str | None = None
    """When its run is expected to start (UTC); of one that runs, when it did."""
    expected_end: str | None = None
    """When its run is expected to end (UTC)."""
    expected_error: float | None = None
    """Half of the last expected times of a run were off by at most this share of it; null while too few are known."""
    ranking: PriorityAnswer | None = None
    """Why it has this place; null unless it waits and its file lets it be claimed."""


class RequestList(Page):
    """Requests, the newest first."""

    requests: list[RequestAnswer]
    set_aside: list[SetAsideFile]
    """Files that cannot be read; never part of `total`."""


def queue_routes(service: Service) -> APIRouter:
    """GET /requests, /requests/{id}, /requests/{id}/file, /requests/{id}/log."""
    routes = guarded_router(service, tags=["requests"], prefix="/requests")

    @routes.get("", response_model=RequestList)
    def list_requests(
        request: Request,
        benchmark: str = "",
        status: Annotated[list[Status] | None, Query()] = None,
        sender: str = "",
        name: Annotated[str, Query(description="Part of the model's name, in any case")] = "",
        offset: Annotated[int, Query(ge=0)] = 0,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> Response:
        """Requests that fit every filter, the newest first."""
        view = service.queue.view()
        matching = filtered(view, benchmark, status or (), sender, name)
        return kept_model(
            request,
            RequestList(
                total=len(matching),
                offset=offset,
                requests=answers(service, view.in_full(matching[offset : offset + limit])),
                set_aside=[SetAsideFile(path=file.path, reason=file.reason) for file in view.set_aside],
            ),
        )

    @routes.get("/{request_id}", response_model=RequestAnswer)
    def get_request(request: Request, request_id: str) -> Response:
        """One request as it stands."""
        return kept_model(request, answers(service, [service.queue.get(request_id)])[0])

    @routes.get("/{request_id}/file", response_class=Response)
    def get_file(request: Request, request_id: str) -> Response:
        """The request file, byte for byte."""
        return kept(request, service.queue.raw(request_id))

    @routes.get("/{request_id}/log", response_class=PlainTextResponse)
    def get_log(request: Request, request_id: str, lines: Annotated[int, Query(ge=1, le=1000)] = 200) -> Response:
        """The last lines of its log; empty while there is none."""
        text = service.logs.read(service.queue.get(request_id).id, lines)
        return kept(request, text.encode(), "text/plain; charset=utf-8")

    return routes


def answers(service: Service, requests: Sequence[records.Request]) -> list[RequestAnswer]:
    """The requests, each with what is expected of it."""
    if not any(request.status in records.OPEN for request in requests):
        return [answer(request, Estimate()) for request in requests]
    estimates = service.estimates()
    error = estimates.accuracy.error
    return [answer(request, estimates.of(request), error) for request in requests]


def unestimated(service: Service, request: records.Request) -> RequestAnswer:
    """A request that was just queued: what keeps every worker from running it, without a look at the whole queue."""
    return answer(request, Estimate(obstacle=hindrance(request, service.workers())))


def answer(request: records.Request, estimate: Estimate, error: float | None = None) -> RequestAnswer:
    """The request with its estimate; `error`: of estimates, where there is one."""
    return RequestAnswer.model_construct(
        **dict(request)
        | {
            "obstacle": estimate.obstacle or None,
            "queue_position": estimate.position,
            "expected_seconds": estimate.seconds,
            "expected_start": estimate.start,
            "expected_end": estimate.end,
            "expected_error": error if estimate.seconds is not None else None,
            "ranking": ranking(estimate.standing) if estimate.standing else None,
        }
    )


def ranking(standing: Standing) -> PriorityAnswer:
    """What put a request at its place."""
    terms = [PriorityTerm(term=term.name, points=round(term.points, 4), why=term.why) for term in standing.terms]
    return PriorityAnswer(given=standing.given, points=round(standing.points, 4), terms=terms)


def filtered(
    requests: Iterable[records.AnyRequest],
    benchmark: str = "",
    statuses: Collection[Status] = (),
    sender: str = "",
    name: str = "",
) -> list[records.AnyRequest]:
    """Those of `requests` that fit every filter that is not empty, the newest first."""
    matching = [
        request
        for request in requests
        if (not benchmark or request.benchmark == benchmark)
        and (not statuses or request.status in statuses)
        and (not sender or is_submitter(request, sender))
        and (not name or name.casefold() in request.model.casefold())
    ]
    return sorted(matching, key=lambda request: (request.submitted_time, request.arrived, request.id), reverse=True)
