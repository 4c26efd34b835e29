"""Content-Security-Policy: what a page of ours may load and run, and who may show it in a frame."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from leaderboard.settings import Settings

HEADER = "content-security-policy"


def content_policy(framers: str, inline_scripts: Sequence[str] = (), makes_functions: bool = True) -> str:
    """The policy. `framers`: sources that may frame the page; `inline_scripts`: hashes of those that may run.

    Gradio makes functions from text (`makes_functions`) and sets styles, so its pages must be allowed to. Handlers in
    markup (`onerror=`) and other inline scripts are not, whatever somebody manages to write into a page.
    """
    scripts = "script-src 'self' 'unsafe-eval'" if makes_functions else "script-src 'self'"
    return "; ".join(
        (
            "default-src 'self'",
            " ".join((scripts, *inline_scripts)),
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "worker-src 'self' blob:",
            "object-src 'none'",
            "base-uri 'self'",
            "form-action 'self'",
            f"frame-ancestors {framers}",
        )
    )


def framers_of(settings: Settings) -> str:
    """Who may show our pages in a frame: ourselves; on a Space also the Hub, which shows it so."""
    return f"'self' {settings.hub_endpoint.rstrip('/')}" if settings.on_space else "'self'"


class ContentPolicies:
    """ASGI middleware: puts the policy on every HTML document that has none."""

    def __init__(self, app: ASGIApp, framers: str) -> None:
        self.app = app
        self.policy = content_policy(framers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=list(message.get("headers", ())))
                headers.setdefault("x-content-type-options", "nosniff")
                if headers.get("content-type", "").startswith("text/html"):
                    headers.setdefault(HEADER, self.policy)
                message = {**message, "headers": headers.raw}
            await send(message)

        await self.app(scope, receive, with_policy)
