"""GET /embed: the table alone, for a frame of another site. It needs neither Gradio nor a sign-in."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from leaderboard.documents.content_policy import content_policy
from leaderboard.documents.files import asset_address
from leaderboard.documents.frame import STYLE
from leaderboard.documents.leaderboard import options, script_json
from leaderboard.documents.render import render
from leaderboard.service import Service


def embed_routes(service: Service) -> APIRouter:
    """The route; `benchmark` in the address chooses among the board's benchmarks."""
    routes = APIRouter(tags=["leaderboard"])

    @routes.get("/embed", response_class=HTMLResponse)
    def get_embed(benchmark: str = "") -> HTMLResponse:
        """The page."""
        prefix = service.settings.root
        told = options(service, service.benchmark(benchmark), {}, None) | {"embed": True}
        files = {name: prefix + asset_address(name) for name in (STYLE, "table.css", "board.js")}
        page = render(
            "embed",
            title=service.settings.title,
            heading=service.benchmark(benchmark).title,
            files=files,
            options=script_json(told),
        )
        return HTMLResponse(page, headers={"Content-Security-Policy": content_policy(framers="*")})

    return routes
