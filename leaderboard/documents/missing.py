"""The page that a browser gets at an address that does not exist."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from leaderboard.api.root_path import path_of
from leaderboard.documents.frame import Page, Place, document
from leaderboard.documents.render import render
from leaderboard.documents.visit import Visit
from leaderboard.service import Service

PROGRAMS = ("/api/", "/gradio_api/", "/podium-assets/")
"""Addresses whose answers only programs read."""


class NotFoundPage:
    """ASGI middleware: answers 404 to a browser that opens a page with a page; everything else passes through."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self.app = app
        self.service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Replace a 404 answer to a navigation by the page."""
        if not _is_navigation(scope):
            await self.app(scope, receive, send)
            return
        page: bytes | None = None

        async def send_page(message: Message) -> None:
            nonlocal page
            if message["type"] == "http.response.start" and message["status"] == 404 and not _is_page(message):
                page = self._page(scope)
                headers = [(b"content-type", b"text/html; charset=utf-8"), (b"content-length", b"%d" % len(page))]
                message = {**message, "headers": headers}
            elif page is not None:
                if message.get("more_body"):
                    return
                message = {"type": "http.response.body", "body": page}
            await send(message)

        await self.app(scope, receive, send_page)

    def _page(self, scope: Scope) -> bytes:
        path = path_of(scope)
        page, place = Page("Page not found", lambda *_: ""), Place(self.service.settings.address, path)
        drawn = render("missing", path=path)
        return document(self.service, page, Visit(), place, drawn).encode()


def _is_page(start: Message) -> bool:
    """Whether the answer that begins so is a page already."""
    return Headers(raw=start["headers"]).get("content-type", "").startswith("text/html")


def _is_navigation(scope: Scope) -> bool:
    if scope["type"] != "http" or scope["method"] != "GET" or path_of(scope).startswith(PROGRAMS):
        return False
    accepted = [value for name, value in scope["headers"] if name.lower() == b"accept"]
    return any(value.startswith(b"text/html") for value in accepted)
