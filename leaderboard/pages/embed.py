"""GET /embed: the table alone, for a frame of another site. It needs neither Gradio nor a sign-in."""

from __future__ import annotations

import json
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from markupsafe import Markup

from leaderboard.board.boards import describe
from leaderboard.pages.content_policy import content_policy
from leaderboard.pages.render import render
from leaderboard.service import Service


def embed_routes(service: Service) -> APIRouter:
    """The route; `benchmark` in the address chooses among the board's benchmarks."""
    routes = APIRouter(tags=["leaderboard"])

    @routes.get("/embed", response_class=HTMLResponse)
    def get_embed(request: Request, benchmark: str = "") -> HTMLResponse:
        """The page."""
        prefix = str(request.scope.get("root_path", "")).rstrip("/")
        options = {
            "about": describe(service.benchmark(benchmark)),
            "hub": service.settings.hub_endpoint,
            "prefix": prefix,
            "embed": True,
        }
        page = render("embed", title=service.settings.title, prefix=prefix, options=script_json(options))
        return HTMLResponse(page, headers={"Content-Security-Policy": content_policy(framers="*")})

    return routes


def script_json(value: Any) -> Markup:
    """JSON that is safe inside a script element: no `</script>`, no `<!--`."""
    return Markup(json.dumps(value, ensure_ascii=False).replace("<", "\\u003c"))
