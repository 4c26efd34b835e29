"""Which of Gradio's own routes are served: those that pages and programs need. No page takes files, so no upload."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from leaderboard.api.problems import trouble_answer
from leaderboard.api.root_path import path_of
from leaderboard.errors import NotFound

GRADIO = "/gradio_api/"
OFFERED = frozenset(
    {
        *("run", "component_server", "startup-events", "theme.css"),  # the pages
        *("info", "openapi.json", "app_id", "call", "cancel", "queue", "reset", "mcp"),  # programs
        "user",  # Spaces
    }
)
"""First part of the path below GRADIO."""


class OfferedRoutes:
    """ASGI middleware: answers 404 below GRADIO to everything that is not OFFERED, before any of its body is read."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what is served."""
        path = path_of(scope) if scope["type"] == "http" else ""
        if not path.startswith(GRADIO) or path.removeprefix(GRADIO).partition("/")[0] in OFFERED:
            await self.app(scope, receive, send)
            return
        answer = trouble_answer(NotFound("This board does not serve this address. It accepts no uploads."))
        await answer(scope, receive, send)
