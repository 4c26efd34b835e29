"""/docs: the API's description, shown by Swagger UI. Its files come with a package; nothing is loaded from elsewhere.

FastAPI's own page loads Swagger UI from a CDN and starts it by a script in the markup, which our policy refuses.
"""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

from leaderboard.documents.render import render


def mount_reference(app: FastAPI, head: str, root: str = "") -> None:
    """Serve /docs for the routes that `app` has, and Swagger UI's files below /docs-assets."""
    app.mount("/docs-assets", StaticFiles(packages=[("fastapi_offline", "static")]))

    @app.get("/docs", include_in_schema=False)
    def reference() -> HTMLResponse:
        return HTMLResponse(render("reference", title=app.title, head=head, root=root))
