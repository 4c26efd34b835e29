"""The page that a browser gets at an address that does not exist."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from leaderboard.api.root_path import path_of
from leaderboard.pages.render import render

PROGRAMS = ("/api/", "/gradio_api/", "/podium-assets/")
"""Addresses whose answers only programs read."""


class NotFoundPage:
    """ASGI middleware: answers 404 to a browser that opens a page with a page; everything else passes through."""

    def __init__(self, app: ASGIApp, title: str, head: str) -> None:
        self.app = app
        self.title = title
        self.head = head

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Replace a 404 answer to a navigation by the page."""
        if not _is_navigation(scope):
            await self.app(scope, receive, send)
            return
        page: bytes | None = None

        async def send_page(message: Message) -> None:
            nonlocal page
            if message["type"] == "http.response.start" and message["status"] == 404:
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
        root = str(scope.get("root_path", "")).rstrip("/")
        return render("missing", title=self.title, head=self.head, root=f"{root}/", path=scope["path"]).encode()


def _is_navigation(scope: Scope) -> bool:
    if scope["type"] != "http" or scope["method"] != "GET" or path_of(scope).startswith(PROGRAMS):
        return False
    accepted = [value for name, value in scope["headers"] if name.lower() == b"accept"]
    return any(value.startswith(b"text/html") for value in accepted)
