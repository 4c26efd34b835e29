"""Content-Security-Policy: what a page of ours may load and run, and who may show it in a frame."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from leaderboard.settings import Settings

HEADER = b"content-security-policy"


def content_policy(framers: str, nonce: str = "") -> str:
    """The policy. `framers`: sources that may frame the page; `nonce`: of the inline scripts that may run.

    Gradio makes functions from text (`js_on_load`) and sets styles, so both must be allowed. Handlers in markup
    (`onerror=`) and scripts without the nonce are not, whatever somebody manages to write into a page.
    """
    scripts = "'self' 'unsafe-eval'" + (f" 'nonce-{nonce}'" if nonce else "")
    return "; ".join(
        (
            "default-src 'self'",
            f"script-src {scripts}",
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
        self.policy = (HEADER, content_policy(framers).encode())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = {name.lower(): value for name, value in message.get("headers", ())}
                more = [(b"x-content-type-options", b"nosniff")] if b"x-content-type-options" not in headers else []
                if headers.get(b"content-type", b"").startswith(b"text/html") and HEADER not in headers:
                    more.append(self.policy)
                message = {**message, "headers": [*message.get("headers", ()), *more]}
            await send(message)

        await self.app(scope, receive, with_policy)
