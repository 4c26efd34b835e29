"""GET /embed: the table alone, for a frame of another site. It needs neither Gradio nor a sign-in."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from leaderboard.documents.content_policy import content_policy
from leaderboard.documents.files import asset_address
from leaderboard.documents.frame import STYLE
from leaderboard.documents.leaderboard import options, script_json
from leaderboard.documents.render import address, render
from leaderboard.service import Service


def embed_routes(service: Service) -> APIRouter:
    """The route; `benchmark` in the address chooses among the board's benchmarks."""
    routes = APIRouter(tags=["leaderboard"])

    @routes.get("/embed", response_class=HTMLResponse)
    def get_embed(benchmark: str = "") -> HTMLResponse:
        """The page."""
        root, chosen = service.settings.root, service.benchmark(benchmark)
        script_options = options(service, chosen, {}, None) | {"embed": True}
        page = render(
            "embed",
            title=service.settings.title,
            heading=chosen.title,
            board=root + address("/", benchmark=benchmark),
            files={name: root + asset_address(name) for name in (STYLE, "table.css", "board.js")},
            options=script_json(script_options),
        )
        return HTMLResponse(
            page, headers={"Content-Security-Policy": content_policy(framers="*", makes_functions=False)}
        )

    return routes
