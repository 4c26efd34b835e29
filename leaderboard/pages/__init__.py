"""The pages: Gradio Blocks, one file a tab with `TITLE` and `build(service)`; add a tab by adding it to TABS.

A page's address is its title in lower case; the first tab's is `/`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import gradio as gr
from fastapi import FastAPI
from fastapi.responses import FileResponse

from leaderboard.pages import about, leaderboard, model, queue, request, submit
from leaderboard.pages.documents import Documents
from leaderboard.pages.render import HERE
from leaderboard.pages.shell import head, theme, top_bar
from leaderboard.service import Service


class Tab(Protocol):
    """What a page's module has."""

    TITLE: str
    """Its name in the top bar."""

    def build(self, service: Service) -> None:
        """Lay the page out inside the Blocks that are open."""


TABS: list[Tab] = [leaderboard, submit, queue, about]
"""In the order of the top bar."""

PAGES: list[Tab] = [request, model]
"""Reached by links; what follows their name in the address names their subject."""


def build_pages(service: Service) -> gr.Blocks:
    """All pages, each at its own address, so that a reader loads only the one they read."""
    first, *others = TABS
    names = [(first.TITLE, "/"), *((one.TITLE, f"/{one.TITLE.lower()}") for one in others)]
    pages = gr.Blocks(title=service.settings.title, analytics_enabled=False, fill_width=True)
    with pages:
        top_bar(service, first.TITLE, names)
        first.build(service)
    for one in (*others, *PAGES):
        with pages.route(one.TITLE, one.TITLE.lower(), show_in_navbar=False):
            top_bar(service, one.TITLE, names)
            one.build(service)
    return pages


def mount_pages(app: FastAPI, service: Service) -> None:
    """Serve the pages at `/` of `app`, below every route that it has already."""
    options: dict[str, Any] = {"footer_links": [], "run_history": False, "ssr_mode": False, "show_error": False}
    for script in sorted((HERE / "assets").iterdir()):
        app.add_api_route(f"/podium-assets/{script.name}", _file(script), include_in_schema=False)
    gr.mount_gradio_app(
        app, build_pages(service), "/", theme=theme(), css_paths=[HERE / "theme.css"], head=head(), **options
    )
    app.add_middleware(
        Documents,
        title=service.settings.title,
        pages=["", *(one.TITLE.lower() for one in TABS)],
        deep=[one.TITLE.lower() for one in PAGES],
    )


def _file(path: Path) -> Callable[[], FileResponse]:
    """A route that sends one file of ours."""

    def send() -> FileResponse:
        return FileResponse(path, headers={"Cache-Control": "no-cache"})

    return send
