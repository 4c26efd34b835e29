"""Who may call which route: `leaderboard.identity.rights.ROUTES`, held at the one door of the API.

Behind it routes ask `Identity.asker` who it is, which the HTTP request remembers from here.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from enum import Enum
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool

from leaderboard.api.parameters import Parameters
from leaderboard.errors import NotAllowed
from leaderboard.identity import Role
from leaderboard.identity.rights import ROUTES
from leaderboard.service import Service

PREFIX = "/api/v1"


def guarded_router(service: Service, tags: list[str | Enum], prefix: str = "") -> APIRouter:
    """A router whose routes let through who may call them, before anything of the body is read.

    They raise NotSignedIn, NotAllowed, HubUnavailable, and NotAccepted for a parameter that the route does not take.
    (A dependency would do so only after the whole body was read.)
    """

    class GuardedRoute(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            answer = super().get_route_handler()
            parameters = Parameters(self)

            async def guard(request: Request) -> Response:
                await check(service, request, self.path)
                if request.method in ("GET", "HEAD"):
                    parameters.check(request)
                return await answer(request)

            return guard

    return APIRouter(route_class=GuardedRoute, tags=tags, prefix=PREFIX + prefix)


async def check(service: Service, request: Request, path: str) -> None:
    """Raise NotSignedIn, NotAllowed or HubUnavailable unless who asks may call the route at `path`."""
    name = f"{'GET' if request.method == 'HEAD' else request.method} {path.removeprefix(PREFIX)}"
    role = ROUTES.get(name.replace(":path}", "}"))
    if role is None:
        raise NotAllowed(f"Nobody may call {name}: nothing says who may.")
    if role is not Role.READER:
        await run_in_threadpool(service.identity.allow, request, role)
