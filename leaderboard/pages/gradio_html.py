"""Gradio's HTML documents: addresses below a page (`/manage/tiny`), and headers that fit what is in them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from leaderboard.api.root_path import path_of
from leaderboard.documents.content_policy import HEADER, content_policy
from leaderboard.documents.visit import SUBJECT


class GradioPages:
    """ASGI middleware around Gradio's pages; it changes no byte of them. Everything else passes through untouched.

    Gradio finds its page by the exact address. `/manage/tiny` is therefore redirected to `/manage?subject=tiny`;
    address.js then shows the reader the first form again.
    """

    def __init__(
        self, app: ASGIApp, pages: Sequence[str], deep: Sequence[str], style: str, framers: str = "'self'"
    ) -> None:
        """`pages`: names of all pages; `deep`: those of them below which there are addresses.

        `style`: the style sheet that browsers fetch at once, before Gradio's script adds it to the page.
        """
        self.app = app
        self.pages = frozenset(pages)
        self.deep = frozenset(deep)
        self.style = style
        self.framers = framers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Redirect to the page's own address, or pass the page on with its headers."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = path_of(scope)
        name, _, rest = path.removeprefix("/").partition("/")
        if path == f"/{name}" and name in self.pages:
            inner = {**scope, "headers": uncompressed(scope["headers"])}
            await self.app(inner, receive, HeaderSender(send, self.style, self.framers).send)
        elif name in (self.deep if rest.strip("/") else self.pages) and scope["method"] in ("GET", "HEAD"):
            await RedirectResponse(_page_address(scope, name, rest.strip("/")))(scope, receive, send)
        else:
            await self.app(scope, receive, send)


class HeaderSender:
    """Holds an HTML answer back until it is whole, to allow exactly the scripts that are in it."""

    def __init__(self, send: Send, style: str, framers: str) -> None:
        self._send = send
        self._style = style
        self._framers = framers
        self._start: Message | None = None
        self._body = b""

    async def send(self, message: Message) -> None:
        """Pass `message` on; where it is HTML, with its policy and its style sheet."""
        if message["type"] == "http.response.start" and _is_html(message):
            self._start = message
            return
        if self._start is None:
            await self._send(message)
            return
        self._body += message.get("body", b"")
        if message.get("more_body"):
            return
        headers = MutableHeaders(scope=self._start)
        headers[HEADER] = content_policy(self._framers, inline_script_hashes(self._body.decode()))
        headers["link"] = f"<{self._style}>; rel=preload; as=style"
        await self._send(self._start)
        await self._send({"type": "http.response.body", "body": self._body})


class InlineScripts(HTMLParser):
    """Collects the text of every script element that has no `src`."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a script."""
        if tag == "script" and "src" not in dict(attrs):
            self._inside = True
            self.texts.append("")

    def handle_data(self, data: str) -> None:
        """Take a script's text, which may come in pieces."""
        if self._inside:
            self.texts[-1] += data

    def handle_endtag(self, tag: str) -> None:
        """End a script."""
        if tag == "script":
            self._inside = False


def inline_script_hashes(document: str) -> list[str]:
    """Sources for a Content-Security-Policy that allow the scripts written into `document`, in its order."""
    parser = InlineScripts()
    parser.feed(document)
    digests = (hashlib.sha256(text.encode()).digest() for text in parser.texts)
    return [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests]


def _is_html(start: Message) -> bool:
    return Headers(raw=start["headers"]).get("content-type", "").startswith("text/html")


def _page_address(scope: Scope, name: str, subject: str) -> str:
    """The page's own address relative to the one asked for, which holds behind every proxy."""
    query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    values = [(SUBJECT, subject)] * bool(subject) + [(key, value) for key, value in query if key != SUBJECT]
    up = "../" * (path_of(scope).count("/") - 1)
    return f"{up}{name}?{urlencode(values, safe='/')}" if values else f"{up}{name}"


def uncompressed(headers: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """`headers` without the request for a compressed answer, which could not be read here."""
    return [(name, value) for name, value in headers if name.lower() != b"accept-encoding"]
