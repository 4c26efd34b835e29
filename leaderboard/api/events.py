"""Server-sent events: a request, or the whole queue, followed without asking again and again."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from leaderboard.api.guard import guarded_router
from leaderboard.api.problems import Trouble
from leaderboard.live.events import END
from leaderboard.live.look import QUEUE
from leaderboard.live.watch import Listener, QueueWatch
from leaderboard.service import Service

KEEP_ALIVE_S = 15.0
"""Proxies end connections on which nothing comes for a minute, some after 30 seconds."""
RECONNECT_MS = 3000
HEADERS = {"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"}
"""No proxy keeps, compresses or collects the events."""
ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/event-stream": {}}, "description": "Events until the request has ended"},
    429: {"model": Trouble, "description": "Too many follow already"},
}


class EventStream(StreamingResponse):
    """What a listener is told, as events; the listener leaves with the connection."""

    media_type = "text/event-stream"

    def __init__(self, watch: QueueWatch, topic: str, keep_alive_s: float = KEEP_ALIVE_S) -> None:
        """Raises TooMany."""
        self._watch = watch
        self._listener = watch.join(topic)
        super().__init__(events(self._listener, keep_alive_s), headers=HEADERS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send events until the request has ended or the client has left."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._watch.leave(self._listener)


def event_routes(service: Service) -> APIRouter:
    """GET /requests/{id}/events, /queue/events."""
    routes = guarded_router(service, tags=["requests"])

    @routes.get("/requests/{request_id}/events", response_class=StreamingResponse, responses=ANSWERS)
    async def follow_request(request_id: str) -> EventStream:
        """Follow one request: `status`, `position`, `expected`, `progress` and `log`, then `end`.

        A connection begins with the present state, whatever `Last-Event-ID` says; an event comes when its data change.
        """
        request = await run_in_threadpool(service.queue.get, request_id)
        return EventStream(service.watch, request.id)

    @routes.get("/queue/events", response_class=StreamingResponse, responses=ANSWERS)
    async def follow_queue() -> EventStream:
        """Follow the whole queue: `queue` (counts by status), `running` (how far each is) and `waiting` (the next)."""
        return EventStream(service.watch, QUEUE)

    return routes


async def events(listener: Listener, keep_alive_s: float) -> AsyncIterator[str]:
    """The text of the stream."""
    sent: Mapping[str, str] = {}
    yield f"retry: {RECONNECT_MS}\n\n"
    while END not in sent:
        told = await listener.next(keep_alive_s)
        if told is None:
            yield ": nothing new\n\n"
            continue
        if not told:
            return
        for name, data in told.items():
            if sent.get(name) != data:
                digest = hashlib.sha256(f"{name} {data}".encode()).hexdigest()[:12]
                yield f"id: {digest}\nevent: {name}\ndata: {data}\n\n"
        sent = told
