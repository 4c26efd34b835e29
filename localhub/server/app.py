"""The application: routes, errors in the Hub's format, and paths kept as the client sent them."""

import errno
import re
import secrets
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from localhub.errors import DiskFull, LocalHubError
from localhub.faults import Faults
from localhub.names import NO_NAMESPACE, Kind, RepoName, is_reserved, valid_name
from localhub.oauth import OpenId
from localhub.server import (
    access,
    accounts,
    contents,
    copies,
    discussions,
    faulty,
    leaderboards,
    likes,
    listings,
    oauth,
    pages,
    refs,
    repos,
    storage,
    uploads,
    webhooks,
)
from localhub.server.context import Site, answer
from localhub.server.faulty import FaultMiddleware
from localhub.server.noroute import NoRoute
from localhub.signing import Signer
from localhub.store import Hub
from localhub.webhooks import Webhooks

_ROUTES = (
    faulty,
    accounts,
    oauth,
    webhooks,
    repos,
    listings,
    leaderboards,
    discussions,
    access,
    likes,
    refs,
    uploads,
    storage,
    copies,
    contents,
    pages,
)
_FIRST_NAME = re.compile(
    r"(?:(?:/api|/_lfs)/(?P<kind>models|datasets|spaces)|/(?P<page>datasets|spaces))?"
    r"/(?P<name>[A-Za-z0-9_][A-Za-z0-9._-]*?)(?:\.git)?(?:/|$)"
)
"""The name at which the id of a repo begins in an address."""
DISK_FULL = (
    "The disk of this Hub is full, so the request was not carried out. Delete repositories you do not need, or ask "
    "the Hub's operator for more disk space, then try again."
)


def create_app(root: Path | Hub, *, choose_user: bool = False, fault_switch: bool = False) -> FastAPI:
    """The Hub over a folder, as an ASGI application that may be mounted under a prefix.

    `choose_user`: the sign-in page lets visitors choose any user, without a token. `fault_switch`: the faults of
    `faults.json` are active, and this machine can change them over HTTP. Both are for demos and tests.
    """
    hub = root if isinstance(root, Hub) else Hub(root)
    openid = OpenId(hub.root, hub.accounts)
    hub.repos.sweep()
    openid.sweep()
    hooks = Webhooks(hub.root, hub.accounts)
    site = Site(hub, Signer(hub.root), openid, hooks, choose_user)
    site.listeners.append(hooks.listen)
    app = FastAPI(title="localhub", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.site = site
    app.state.no_route = NoRoute(routes.router for routes in _ROUTES)
    app.state.fault_switch = Faults(hub.root) if fault_switch else None
    for routes in _ROUTES:
        app.router.routes.extend(routes.router.routes)  # a router that is included is resolved again for each app
    if app.state.fault_switch:
        app.add_middleware(FaultMiddleware, faults=app.state.fault_switch)
    app.add_exception_handler(LocalHubError, _error_response)
    app.add_exception_handler(OSError, _disk_full)
    app.add_exception_handler(RequestValidationError, _invalid_request)
    app.add_exception_handler(HTTPException, _no_route)
    app.add_middleware(RawPathMiddleware)
    return app


class RawPathMiddleware:
    """Middleware: routes match the quoted path, so `refs%2Fpr%2F1` stays one segment; responses get a request id."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = b"Root=1-" + secrets.token_hex(12).encode()

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), (b"x-request-id", request_id)]
            await send(message)

        raw = scope.get("raw_path") or scope["path"].encode()
        path = _with_namespace(raw.partition(b"?")[0].decode("latin-1"), scope)
        await self.app({**scope, "path": path}, receive, send_with_id)


def _with_namespace(path: str, scope: Scope) -> str:
    """`path`, with what stands for a namespace before a repo that has none: `/gpt2/raw/…` is `/-/gpt2/raw/…`.

    All routes then are about `namespace/name`. The repo has precedence over a namespace of the same name.
    """
    root = scope.get("root_path", "")
    match = _FIRST_NAME.match(path.removeprefix(root))
    if match is None or is_reserved(match["name"]) or not valid_name(match["name"]):
        return path
    name = RepoName(Kind(match["kind"] or match["page"] or Kind.MODEL), "", match["name"])
    if not scope["app"].state.site.hub.repos.is_known(name):
        return path
    at = len(path) - len(path.removeprefix(root)) + match.start("name")
    return f"{path[:at]}{NO_NAMESPACE}/{path[at:]}"


def _headline(message: str) -> str:
    return re.sub(r"[^ -~]+", " ", message)[:1000].strip()


def _error_response(request: Request, error: Exception) -> Response:
    assert isinstance(error, LocalHubError)
    headers = {"X-Error-Message": _headline(error.message)} | error.headers
    if error.code:
        headers["X-Error-Code"] = error.code
    return answer({"error": error.message}, error.status, headers)


def _disk_full(request: Request, error: Exception) -> Response:
    """A full disk as a message that clients show; any other OSError stays a server error."""
    if not (isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)):
        raise error
    request.app.state.site.hub.repos.drafts.sweep()
    return _error_response(request, DiskFull(DISK_FULL))


def _invalid_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    problems = [f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in error.errors()]
    return answer({"error": "; ".join(problems)}, 400, {"X-Error-Message": _headline("; ".join(problems))})


def _no_route(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _error_response(request, request.app.state.no_route.explained(request, error))
