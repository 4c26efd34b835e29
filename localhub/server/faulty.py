"""Fault injection around the application, and the routes that control it."""

import asyncio
import ipaddress
import json
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from localhub.errors import Forbidden, Invalid, NotFound
from localhub.faults import Fault, Faults
from localhub.server.context import Json, answer

ADDRESS = "/_localhub/faults"
router = APIRouter()


class FaultMiddleware:
    """Middleware that injects the active faults into requests."""

    def __init__(self, app: ASGIApp, faults: Faults) -> None:
        self.app, self.faults = app, faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or "/_localhub/" in scope["path"]:
            await self.app(scope, receive, send)
            return
        hit = {fault.kind: fault for fault in self.faults.strike(scope["method"], scope["path"])}
        if "slow" in hit:
            await asyncio.sleep(hit["slow"].seconds)
        for kind in ("429", "503", "500"):
            if kind in hit:
                await _refusal(hit[kind])(scope, receive, send)
                return
        if "stale-tree" in hit:
            scope = {**scope, "localhub.stale": True}
        if "lost-answer" in hit or "closed" in hit:
            await self.app(scope, receive, _swallow)
            await _lose(scope, receive, send, closed="closed" in hit)
            return
        await self.app(scope, receive, send)


async def _swallow(message: Message) -> None:
    """Discard the response."""


async def _lose(scope: Scope, receive: Receive, send: Send, *, closed: bool) -> None:
    if not closed:
        await JSONResponse({"error": "Bad gateway"}, 502)(scope, receive, send)
        return
    # An announced body that never comes makes the server close the connection.
    headers = [(b"content-type", b"application/json"), (b"content-length", b"1000000")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"{", "more_body": True})


def _refusal(fault: Fault) -> Response:
    if fault.kind == "429":
        wait = max(0, round(fault.seconds))
        headers = {"RateLimit": f'"api";r=0;t={wait}', "RateLimit-Policy": '"fixed window";"api";q=500;w=300'}
        return JSONResponse({"error": "We had to rate limit you, you hit the quota of 500 api requests"}, 429, headers)
    message = "Service Unavailable" if fault.kind == "503" else "Internal Error - We're working hard to fix this"
    return JSONResponse({"error": message}, int(fault.kind))


async def _switch(request: Request) -> Faults:
    faults: Faults | None = request.app.state.fault_switch
    if faults is None:
        raise NotFound("Fault injection is off: start the Hub with --fault-switch")
    host = request.client.host if request.client else ""
    try:
        near = ipaddress.ip_address(host).is_loopback
    except ValueError:
        near = False
    if not near or "x-forwarded-for" in request.headers or "forwarded" in request.headers:
        raise Forbidden("The faults can be changed from this machine only")
    return faults


Switch = Annotated[Faults, Depends(_switch)]


@router.get(ADDRESS)
def present(switch: Switch) -> Response:
    """The active faults, and how often each kind occurred."""
    return answer({"faults": [vars(fault) for fault in switch.present()], "counts": dict(switch.counts)})


@router.put(ADDRESS)
def replace(switch: Switch, data: Json) -> Response:
    """Replace the active faults with `{"seed": 0, "faults": [{"kind": ..., "probability": ..., "path": ...}]}`."""
    faults, seed = data.get("faults"), data.get("seed", 0)
    if not isinstance(faults, list) or not all(isinstance(fault, dict) for fault in faults):
        raise Invalid(f"Expected {json.dumps({'seed': 0, 'faults': [{'kind': '503', 'probability': 0.2}]})}")
    switch.set([Fault.load(fault) for fault in faults], seed=int(seed))
    return present(switch)


@router.delete(ADDRESS)
def clear(switch: Switch) -> Response:
    """Switch all faults off."""
    switch.set([])
    return present(switch)
