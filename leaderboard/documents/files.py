"""Scripts, style sheets and pictures that the browser loads."""

from __future__ import annotations

import hashlib
from functools import cache

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse

from leaderboard.documents.render import FOLDER
from leaderboard.errors import NotFound

ASSETS = {
    path.name: path
    for path in (FOLDER / "theme.css", FOLDER / "podium.js", FOLDER / "podium.svg", *(FOLDER / "assets").iterdir())
}
"""Files that the browser loads, by name."""
YEAR_S = 365 * 24 * 3600


def asset_routes() -> APIRouter:
    """GET /podium-assets/NAME."""
    routes = APIRouter()

    @routes.get("/podium-assets/{name}", include_in_schema=False)
    def get_asset(name: str, request: Request) -> FileResponse:
        if name not in ASSETS:
            raise NotFound(f"This board has no file {name!r}.")
        current = request.url.query == digest(name)
        caching = f"public, max-age={YEAR_S}, immutable" if current else "no-cache"
        return FileResponse(ASSETS[name], headers={"Cache-Control": caching})

    return routes


@cache
def digest(name: str) -> str:
    """The beginning of the file's SHA-256: it changes with the content."""
    return hashlib.sha256(ASSETS[name].read_bytes()).hexdigest()[:12]


def asset_address(name: str) -> str:
    """Where the browser finds a file of ours, below the board's root; another address when its content changes."""
    return f"/podium-assets/{name}?{digest(name)}"
