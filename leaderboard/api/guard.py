"""Who may call which route: `leaderboard.identity.rights.ROUTES`, held at the one door of the API."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from leaderboard.errors import NotAllowed
from leaderboard.identity import Role
from leaderboard.identity.rights import ROUTES
from leaderboard.service import Service


def guard(service: Service) -> Callable[[Request], Awaitable[None]]:
    """A dependency that lets through who may call the route. It raises NotSignedIn, NotAllowed, HubUnavailable."""

    async def check(request: Request) -> None:
        name = f"{request.method} {request.scope['route'].path}"
        role = ROUTES.get(name.replace(":path}", "}"))
        if role is None:
            raise NotAllowed(f"Nobody may call {name}: nothing says who may.")
        if role is not Role.READER:
            await run_in_threadpool(service.identity.allow, request, role)

    return check
