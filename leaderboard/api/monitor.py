"""/healthz, /readyz and /metrics of the service, and how long readers wait, by route."""

from __future__ import annotations

import time
from collections.abc import Collection

from fastapi import APIRouter, Request, Response
from prometheus_client import CollectorRegistry, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from leaderboard.api.root_path import path_of
from leaderboard.monitoring.monitor import ALIVE, HEALTH, METRICS, READINESS, Answer
from leaderboard.service import Service

BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
API = "/api/v1"
"""Where the routes lie whose patterns begin below it."""
OTHER = "other"
"""Stands for every method and route that is none of ours."""


def monitor_routes(service: Service) -> APIRouter:
    """The three routes."""
    routes = APIRouter(tags=["operating"])

    @routes.get(HEALTH)
    async def get_health() -> Response:
        """Whether this process answers. It looks at nothing else."""
        return _sent(ALIVE)

    @routes.get(READINESS)
    def get_readiness(request: Request) -> Response:
        """Each check with a sentence; 503 when one fails."""
        return _asked(service, request, READINESS)

    @routes.get(METRICS)
    def get_metrics(request: Request) -> Response:
        """Metrics for Prometheus, for the networks in PODIUM_METRICS_FROM."""
        return _asked(service, request, METRICS)

    return routes


def _asked(service: Service, request: Request, path: str) -> Response:
    client = request.client.host if request.client else ""
    return _sent(service.monitor.answer(path, client, request.headers))


def _sent(answer: Answer) -> Response:
    return Response(answer.body, answer.status, {"Cache-Control": "no-store"}, answer.media_type)


class ReaderTimes:
    """ASGI middleware: measures the time until each answer begins, by route, method and class of status."""

    def __init__(self, app: ASGIApp, registry: CollectorRegistry, pages: Collection[str]) -> None:
        """`pages`: names of the pages; any other path that is no route of ours counts as OTHER."""
        self.app = app
        self.pages = {f"/{name}" for name in pages}
        self.times = Histogram(
            "podium_http_seconds",
            "Seconds until the answer to a request began.",
            ["route", "method", "status"],
            buckets=BUCKETS_S,
            registry=registry,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start = time.perf_counter()

        async def measured(message: Message) -> None:
            if message["type"] == "http.response.start":
                seconds = time.perf_counter() - start
                status = f"{message['status'] // 100}xx"
                self.times.labels(self._route(scope), self._method(scope), status).observe(seconds)
            await send(message)

        await self.app(scope, receive, measured)

    def _route(self, scope: Scope) -> str:
        """The route's own pattern, never the path that was asked for: anybody may write any path."""
        path = path_of(scope)
        if path in self.pages:
            return path
        pattern = str(getattr(scope.get("route"), "path", "")) or OTHER
        return f"{API}{pattern}" if path.startswith(f"{API}/") and not pattern.startswith(API) else pattern

    def _method(self, scope: Scope) -> str:
        return str(scope["method"]) if scope["method"] in METHODS else OTHER
