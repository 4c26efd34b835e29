"""How a page is answered: its status, its headers, and nothing where the reader's browser has it already."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl, quote, urlencode

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from leaderboard.api.answers import has_already
from leaderboard.api.problems import retry_after, status_of
from leaderboard.api.root_path import path_of
from leaderboard.documents.content_policy import HEADER, content_policy, framers_of
from leaderboard.documents.frame import Page, Place, document, trouble
from leaderboard.documents.visit import SUBJECT, Visit
from leaderboard.errors import Infrastructure, PodiumError, TooMany
from leaderboard.service import Service


def answers(service: Service, page: Page) -> Callable[[Request], Response]:
    """What answers readers of `page`."""
    policy = {HEADER: content_policy(framers_of(service.settings), makes_functions=False)}

    def answer(request: Request) -> Response:
        """The page; where there is none, the sentence that says why."""
        place = place_of(service, request)
        if moved := moved_to(place):
            return RedirectResponse(moved, 308)
        status, headers = 200, policy
        visit = visit_of(place)
        try:
            visit = Visit(visit.rest, visit.query, service.identity.visitor(request))
            drawn = page.draw(service, visit)
        except PodiumError as error:
            drawn, status = trouble(error), status_of(error)
            if isinstance(error, Infrastructure | TooMany):
                headers = policy | {"Retry-After": str(retry_after(error))}
        return sent(request, document(service, page, visit, place, drawn), status, headers)

    return answer


def sent(request: Request, text: str, status: int, headers: Mapping[str, str]) -> Response:
    """The document, or 304 where the reader's browser has the same one."""
    tag = f'W/"{hashlib.sha256(text.encode()).hexdigest()[:20]}"'
    headers = {**headers, "ETag": tag, "Cache-Control": "private, no-cache", "Vary": "Cookie, Authorization"}
    if status == 200 and has_already(request, tag):
        return Response(status_code=304, headers=headers)
    return HTMLResponse(text, status, headers)


def place_of(service: Service, request: Request) -> Place:
    """Where the reader is."""
    settings = service.settings
    origin = settings.public_url.rstrip("/") or f"{request.url.scheme}://{request.url.netloc}{settings.root}"
    return Place(origin, path_of(request.scope), request.scope["query_string"].decode("latin-1"))


def visit_of(place: Place) -> Visit:
    """The address in parts."""
    _, *rest = [part for part in place.path.split("/") if part] or [""]
    return Visit(tuple(rest), dict(parse_qsl(place.query)))


def moved_to(place: Place) -> str:
    """The page's own address where it was asked for by an older one; else empty."""
    query = parse_qsl(place.query, keep_blank_values=True)
    subject = "/".join(value.strip("/") for name, value in query if name == SUBJECT)
    if not subject and (place.path == "/" or not place.path.endswith("/")):
        return ""
    path = quote("/".join(filter(None, (place.path.rstrip("/"), subject))))
    others = urlencode([(name, value) for name, value in query if name != SUBJECT])
    return f"/{path.lstrip('/')}" + (f"?{others}" if others else "")
