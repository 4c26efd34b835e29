"""Gradio's HTML documents made ours: addresses below a page (`/model/org/name`), the board's own title."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from markupsafe import escape
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from leaderboard.pages.content_policy import HEADER, content_policy

SAME_PAGE = b"""<script>{
  const config = window.gradio_config, root = new URL(config.root, location.href).pathname.replace(/\\/$/, "");
  config.page[location.pathname.slice(root.length).replace(/^\\/|\\/$/g, "")] = config.page[config.current_page];
}</script>"""
"""Gradio's script looks its page up by the address; this tells it that the address is that page."""
SCRIPTS = b"<script data-gradio-mode>"


class Documents:
    """ASGI middleware around Gradio's pages; everything else passes through untouched."""

    def __init__(
        self, app: ASGIApp, title: str, pages: Sequence[str], deep: Sequence[str], head: str, framers: str = "'self'"
    ) -> None:
        self.app = app
        self.title = title
        self.pages = set(pages)
        self.deep = set(deep)
        self.head = head
        self.framers = framers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve `/model/org/name` as Gradio's page `/model`, with relative addresses that still hold."""
        parts = scope["path"].strip("/").split("/") if scope["type"] == "http" else []
        if not parts or not (parts[0] in self.deep or (len(parts) == 1 and parts[0] in self.pages)):
            await self.app(scope, receive, send)
            return
        path = f"/{parts[0]}"
        inner = {**scope, "path": path, "raw_path": path.encode(), "headers": _uncompressed(scope["headers"])}
        base = "../" * (scope["path"].count("/") - 1) or "./"
        nonce = secrets.token_urlsafe(16)
        policy = content_policy(self.framers, nonce).encode()
        await self.app(inner, receive, Rewriter(send, self._replacements(base, nonce), policy).send)

    def _replacements(self, base: str, nonce: str) -> list[tuple[bytes, bytes]]:
        ours = f'<base href="{base}" />{self.head}'
        return [
            (SCRIPTS, SAME_PAGE + SCRIPTS),
            (b"<script", f'<script nonce="{nonce}"'.encode()),  # what is in Gradio's JSON has its "<" escaped
            (b'<base href="./" />', ours.encode()),
            (b'content="Gradio"', f'content="{escape(self.title)}"'.encode()),
            (b'content="Click to try out the app!"', b'content="Leaderboard"'),
            (b'content="@Gradio"', b'content=""'),
        ]


class Rewriter:
    """Holds an HTML answer back until it is whole, and puts ours into it."""

    def __init__(self, send: Send, replacements: Sequence[tuple[bytes, bytes]], policy: bytes) -> None:
        self._send = send
        self._policy = policy
        self._replacements = replacements
        self._start: Message | None = None
        self._body = b""

    async def send(self, message: Message) -> None:
        """Pass `message` on, rewritten where it is HTML."""
        if message["type"] == "http.response.start":
            kinds = [value for name, value in message["headers"] if name.lower() == b"content-type"]
            if kinds and kinds[0].startswith(b"text/html"):
                self._start = message
                return
        if self._start is None:
            await self._send(message)
            return
        self._body += message.get("body", b"")
        if message.get("more_body"):
            return
        for old, new in self._replacements:
            self._body = self._body.replace(old, new)
        length = str(len(self._body)).encode()
        kept = [(name, value) for name, value in self._start["headers"] if name.lower() != b"content-length"]
        await self._send({**self._start, "headers": [*kept, (b"content-length", length), (HEADER, self._policy)]})
        await self._send({"type": "http.response.body", "body": self._body})


def _uncompressed(headers: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    return [(name, value) for name, value in headers if name.lower() != b"accept-encoding"]
