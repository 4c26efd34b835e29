"""Signing in and out in a browser, and who one is."""

from __future__ import annotations

import re
import time
from typing import Any, Literal

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from pydantic import BaseModel

from leaderboard.api.guard import guarded_router
from leaderboard.api.parameters import FOREIGN
from leaderboard.api.plain import plain_page
from leaderboard.api.problems import status_of
from leaderboard.errors import NotAllowed, PodiumError
from leaderboard.identity import Role, Session
from leaderboard.identity.oidc import SIGN_IN_S
from leaderboard.service import Service

HERE = "/api/v1/sign-in"
PENDING_COOKIE = "podium_sign_in"
STAMP_COOKIE = "podium_stamp"
"""Read by our pages' script, which sends it back as the header STAMP_HEADER."""
LOOPBACK = ("localhost", "127.0.0.1", "::1")
OWN_HOST = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?")
NOT_KEPT = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


class Me(BaseModel):
    """Who asks, as this board knows them."""

    name: str | None
    """Account on the Hub; null for whoever is not signed in."""
    orgs: list[str]
    """Their organisations on the Hub."""
    sender: str | None
    """What is written into their submissions as sender; null where they have to sign in first."""
    roles: list[Role]
    """Beside these, everybody is the owner of the models in their own and their organisations' namespaces."""
    sign_in: Literal["off", "optional", "required"]
    """Whether submitting needs signing in here."""


def sign_in_routes(service: Service) -> APIRouter:
    """GET /me, /sign-in, /sign-in/callback, /sign-in/client.json; POST /sign-out."""
    routes = guarded_router(service, tags=["people"])
    identity, settings = service.identity, service.settings

    @routes.get("/me", response_model=Me)
    def get_me(request: Request, response: Response) -> Me:
        """Who you are here."""
        response.headers.update(NOT_KEPT)
        asker = identity.asker(request)
        roles = identity.roles_of(asker)
        return Me(
            name=None if asker.is_stranger else asker.name,
            orgs=[] if asker.is_stranger else list(asker.person.orgs),
            sender=asker.name if Role.SUBMITTER in roles else None,
            roles=roles,
            sign_in=settings.sign_in,
        )

    @routes.get("/sign-in", response_class=RedirectResponse, status_code=303)
    def sign_in(request: Request, back: str = "/") -> Response:
        """To the Hub, to say who you are, and from there back to `back`."""
        try:
            address, cookie = identity.begin(f"{_public(service, request)}{HERE}/callback", _inside(back))
        except PodiumError as error:
            return _trouble(error, settings.root)
        answer = RedirectResponse(address, 303, NOT_KEPT)
        answer.set_cookie(PENDING_COOKIE, cookie, max_age=SIGN_IN_S, **_cookie(service, service.settings.root + HERE))
        return answer

    @routes.get("/sign-in/callback", response_class=RedirectResponse, status_code=303, openapi_extra=FOREIGN)
    def come_back(request: Request, state: str = "", code: str = "") -> Response:
        """Where the Hub sends you back to."""
        try:
            session, back = identity.finish(request.cookies.get(PENDING_COOKIE, ""), state, code)
        except PodiumError as error:
            return _trouble(error, settings.root)
        answer = RedirectResponse(service.settings.root + back, 303, NOT_KEPT)
        _keep(answer, service, session)
        answer.delete_cookie(PENDING_COOKIE, **_cookie(service, service.settings.root + HERE))
        return answer

    @routes.get("/sign-in/client.json")
    def describe_client(request: Request) -> JSONResponse:
        """This board as an application, for providers that read this instead of a registration."""
        public = _public(service, request)
        return JSONResponse(
            {
                "client_id": identity.provider.client_id,
                "client_name": settings.title,
                "client_uri": public,
                "redirect_uris": [f"{public}{HERE}/callback"],
                "grant_types": ["authorization_code"],
                "response_types": ["code"],
                "scope": settings.oauth_scopes,
                "token_endpoint_auth_method": "client_secret_basic" if settings.oauth_client_secret else "none",
            }
        )

    @routes.post("/sign-out", status_code=204)
    def sign_out(request: Request) -> Response:
        """End the session of this browser."""
        if session := identity.session(request):
            identity.end(session)
        answer = Response(status_code=204, headers=NOT_KEPT)
        answer.delete_cookie(identity.session_cookie, **_cookie(service))
        answer.delete_cookie(STAMP_COOKIE, **_cookie(service) | {"httponly": False})
        return answer

    return routes


def _keep(answer: Response, service: Service, session: Session) -> None:
    """Have the browser keep the session, and the stamp that our pages send along."""
    left = session.expires - int(time.time())
    identity = service.identity
    answer.set_cookie(identity.session_cookie, identity.seal(session), max_age=left, **_cookie(service))
    stamp = _cookie(service) | {"httponly": False}
    answer.set_cookie(STAMP_COOKIE, identity.stamp(session), max_age=left, **stamp)


def _cookie(service: Service, path: str = "") -> dict[str, Any]:
    """Options of a cookie for `path`, or for the whole board and nothing else of its host."""
    return {
        "path": path or service.settings.root or "/",
        "httponly": True,
        "secure": service.identity.secure,
        "samesite": "lax",
    }


def _public(service: Service, request: Request) -> str:
    """Our address as people reach it, without a slash at its end. Raises NotAllowed where nothing says it.

    The Host header is what a client sends: it only chooses among the names of this machine.
    """
    if service.settings.public_url:
        return service.settings.public_url.rstrip("/")
    address, port = request.scope.get("server") or ("", None)
    named = OWN_HOST.fullmatch(request.headers.get("host", ""))
    if named is None or address not in LOOPBACK:
        raise NotAllowed(
            "Signing in does not work at this address. This board's operator has to set PODIUM_PUBLIC_URL to the "
            "address under which people reach the board."
        )
    return f"http://{named[1]}:{port}{service.settings.root}"


def _inside(back: str) -> str:
    """`back` if it is a path of ours, else the first page: never another site."""
    plain = back.isprintable() and "\\" not in back and len(back) <= 1000
    return back if plain and back.startswith("/") and not back.startswith("//") else "/"


def _trouble(error: PodiumError, root: str) -> HTMLResponse:
    """A page of its own: whoever signs in looks at a browser, not at a program."""
    links = {"Sign in": HERE, "To the board": "/"}
    return plain_page("You are not signed in", str(error), status_of(error), links, NOT_KEPT, root)
