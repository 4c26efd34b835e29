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
from leaderboard.queue.request_files import obstacle
from leaderboard.queue.workers import nobody_runs
from leaderboard.records import Status
from leaderboard.service import Service


class SetAsideFile(BaseModel):
    """A file in the requests store that cannot be read as a request."""

    path: str
    reason: str


class RequestAnswer(records.Request):
    """A request as its file says, and what the workers say of it."""

    obstacle: str | None = None
    """Why nobody can run it while it is pending; null when a worker can."""


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
        found = filtered(view.requests, benchmark, status or (), sender, name)
        return kept_model(
            request,
            RequestList(
                total=len(found),
                offset=offset,
                requests=answers(service, found[offset : offset + limit]),
                set_aside=[SetAsideFile(path=one.path, reason=one.reason) for one in view.set_aside],
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
    """The requests, each with what keeps every worker from running it."""
    workers = service.workers()

    def why(request: records.Request) -> str | None:
        if request.status is not Status.PENDING:
            return None
        return obstacle(request) or nobody_runs(request, workers) or None

    return [RequestAnswer.model_construct(**dict(request) | {"obstacle": why(request)}) for request in requests]


def filtered(
    requests: Iterable[records.Request],
    benchmark: str = "",
    statuses: Collection[Status] = (),
    sender: str = "",
    name: str = "",
) -> list[records.Request]:
    """Those of `requests` that fit every filter that is not empty, the newest first."""
    found = [
        one
        for one in requests
        if (not benchmark or one.benchmark == benchmark)
        and (not statuses or one.status in statuses)
        and (not sender or one.sender == sender)
        and name.casefold() in one.model.casefold()
    ]
    return sorted(found, key=lambda one: (one.submitted_time, one.id), reverse=True)
