"""What is told of a request and of the queue: the data of each event, by its name. Pure.

Every event holds the whole present state of its subject, never a difference: who missed some has lost nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping

from leaderboard.queue.estimates import Estimate, Estimates
from leaderboard.queue.view import QueueView
from leaderboard.records import OPEN, Request, Status
from leaderboard.results.log_parts import log_parts

Told = Mapping[str, str]
"""Name of an event -> its data, a JSON object in one line; in the order in which they are sent."""
END = "end"
"""The last event of a request that has ended, or is not there any more."""
MOST_WAITING = 200
"""So many of those that wait are told of, the next ones to run."""


def request_events(request: Request, estimate: Estimate, error: float | None, log: str) -> Told:
    """All that is told of one request; `error` is that of the estimates."""
    progress = request.progress.model_dump(mode="json") if request.progress else None
    told: dict[str, object] = {
        "status": {
            "status": request.status.value,
            "attempts": request.attempts,
            "failure": request.failure.model_dump(mode="json") if request.failure else None,
            "state": state_of(request),
        },
        "position": {"queue_position": estimate.position, "obstacle": estimate.obstacle or None},
        "expected": {
            "expected_seconds": estimate.seconds,
            "expected_start": estimate.start,
            "expected_end": estimate.end,
            "expected_error": error if estimate.seconds is not None else None,
        },
        "progress": {"progress": progress},
        "log": {"parts": [{"kind": part.kind, "summary": part.summary, "text": part.text} for part in log_parts(log)]},
    }
    if request.status not in OPEN:
        told[END] = {"status": request.status.value}
    return {name: json.dumps(data) for name, data in told.items()}


def queue_events(view: QueueView, estimates: Estimates) -> Told:
    """All that is told of the queue."""
    waiting = next_ones(view.open, estimates)
    told: dict[str, object] = {
        "queue": {"counts": view.counts, "state": queue_state(view, estimates)},
        "running": {
            "running": [
                {
                    "id": request.id,
                    "progress": request.progress.model_dump(mode="json", exclude={"tasks"})
                    if request.progress
                    else None,
                    "expected_end": estimates.of(request).end,
                }
                for request in view.running
            ]
        },
        "waiting": {
            "waiting": [
                {
                    "id": request.id,
                    "queue_position": estimates.of(request).position,
                    "expected_start": estimates.of(request).start,
                }
                for request in waiting
            ]
        },
    }
    return {name: json.dumps(data) for name, data in told.items()}


def state_of(request: Request) -> str:
    """Changes whenever a page about the request has to be drawn again, which progress and times are no reason for."""
    return f"{request.status.value} {len(request.history)} {len(request.edits)} {request.votes}"


def queue_state(view: QueueView, estimates: Estimates) -> str:
    """The same of the queue's page: how many there are in each status, what runs, and what waits in which order."""
    running = sorted(request.id for request in view.running)
    waiting = [request.id for request in next_ones(view.open, estimates)]
    text = json.dumps([view.counts, running, waiting])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def next_ones(requests: Iterable[Request], estimates: Estimates) -> list[Request]:
    """The requests that run next, in their order."""
    placed = [
        (position, request)
        for request in requests
        if request.status is Status.PENDING and (position := estimates.of(request).position) is not None
    ]
    return [request for _, request in sorted(placed, key=lambda each: each[0])[:MOST_WAITING]]
