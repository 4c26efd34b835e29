"""How much somebody may send: a limit for each route, held before anything of the body is kept."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from leaderboard.api.plain import plain_page
from leaderboard.api.problems import status_of, trouble_answer
from leaderboard.api.root_path import path_of
from leaderboard.errors import TooLarge

DEFAULT_BYTES = 1_000_000
LIMITS: dict[str, int] = {
    "/api/v1/submissions": 64_000,
    "/api/v1/uploads": 64_000,
    "/api/v1/uploads/": 1 << 40,  # streamed to disk; the route takes no more than was announced
    "/api/v1/sign-out": 1_000,
    "/gradio_api": 64_000,
}
"""Path -> bytes of a body to it or below it, only below it for one that ends with a slash, where that is not
DEFAULT_BYTES."""


class BodyLimits:
    """ASGI middleware: answers 413 to a body over its route's limit, announced or not."""

    def __init__(self, app: ASGIApp, limits: Mapping[str, int] = LIMITS, default: int = DEFAULT_BYTES) -> None:
        self.app = app
        self.limits = limits
        self.default = default

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with a body that ends at the limit."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = self.limit(path_of(scope))
        if _announced(scope) > limit:
            await _refusal(scope, limit)(scope, receive, send)
            return
        body = _Counted(receive, send, limit)
        await self.app(scope, body.receive, body.send)
        if body.over and not body.answered:
            await _refusal(scope, limit)(scope, receive, send)

    def limit(self, path: str) -> int:
        """Bytes that a body to `path` may have."""
        fitting = [
            limit
            for start, limit in self.limits.items()
            if path == start or path.startswith(start if start.endswith("/") else f"{start}/")
        ]
        return fitting[-1] if fitting else self.default


class _Counted:
    """The two ends of one request. Over the limit the app sees a client that left, and what it then says is dropped."""

    def __init__(self, receive: Receive, send: Send, limit: int) -> None:
        self._receive = receive
        self._send = send
        self._left = limit
        self.over = False
        self.answered = False

    async def receive(self) -> Message:
        """The next message."""
        if self.over:
            return {"type": "http.disconnect"}
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        self.over = self._left < 0
        return {"type": "http.disconnect"} if self.over else message

    async def send(self, message: Message) -> None:
        """Pass an answer on."""
        if self.answered or not self.over:
            self.answered = True
            await self._send(message)


def _announced(scope: Scope) -> int:
    """Content-Length; 0 where it is missing (a chunked body is counted) or no number (the server refuses that)."""
    lengths = [value for name, value in scope["headers"] if name == b"content-length"]
    return int(lengths[0]) if lengths and lengths[0].isdigit() and len(lengths[0]) < 20 else 0


def _refusal(scope: Scope, limit: int) -> Response:
    error = TooLarge(f"What you sent is longer than the {limit:,} bytes that this address takes. Send less.")
    wants_page = Request(scope).headers.get("accept", "").startswith("text/html")
    root = scope.get("root_path", "")
    page = plain_page("This is too long", str(error), status_of(error), root=root) if wants_page else None
    answer = page or trouble_answer(error)
    answer.headers["Connection"] = "close"  # the rest of the body is not read
    return answer
