"""What is told of the end of a request. The body is described in docs/reference.md."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

from pydantic import BaseModel, ConfigDict

from leaderboard.records import ENDED, Failure, Request, Status


class Notice(BaseModel):
    """The end of a request: the body of the webhook's POST."""

    model_config = ConfigDict(frozen=True, protected_namespaces=())

    schema_version: int = 1
    event: Literal["request.ended"] = "request.ended"
    delivery: str
    """The same for the same end, should it come twice; another one for every end."""
    board: str
    """Title of the board."""
    url: str
    """The request's page."""
    request_id: str
    model: str
    revision: str
    benchmark: str
    precision: str
    sender: str
    submitted_time: str
    """UTC, as `ended_time`."""
    status: Status
    """FINISHED, FAILED or CANCELLED."""
    ended_time: str
    by: str
    """The worker or the person that ended it."""
    note: str
    """As in the request's history."""
    attempts: int
    failure: Failure | None = None
    """Why it failed, for the last end of a request that is still FAILED."""


def ends(requests: Iterable[Request], since: str, board: str, address: str) -> Iterator[Notice]:
    """Every end at `since` (UTC) or later; `address`: of the board."""
    for request in requests:
        if not request.history or request.history[-1].time < since:
            continue
        for number, entry in enumerate(request.history):
            if entry.to in ENDED and entry.time >= since:
                last = number == len(request.history) - 1
                yield Notice(
                    delivery=delivery(request.id, number),
                    board=board,
                    url=f"{address}/request/{request.id}",
                    request_id=request.id,
                    model=request.model,
                    revision=request.revision,
                    benchmark=request.benchmark,
                    precision=request.precision,
                    sender=request.sender,
                    submitted_time=request.submitted_time,
                    status=entry.to,
                    ended_time=entry.time,
                    by=entry.by,
                    note=entry.note,
                    attempts=request.attempts,
                    failure=request.failure if last and entry.to is Status.FAILED else None,
                )


def delivery(request_id: str, number: int) -> str:
    """The name of the end that the entry of this number (from 0) in a request's history notes."""
    return f"{request_id}-{number}"
