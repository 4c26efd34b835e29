"""The pages: Gradio Blocks, one file a tab with `TITLE` and `build(service)`; add a tab by adding it to TABS.

A page's address is its title in lower case; the first tab's is `/`.
"""

from __future__ import annotations

import hashlib
import warnings
from pathlib import Path
from typing import Any, Protocol

import gradio as gr
from fastapi import FastAPI
from fastapi.responses import FileResponse

from leaderboard.errors import NotFound
from leaderboard.pages import about, compare, leaderboard, model, plots, queue, request, submit
from leaderboard.pages.bounded_queue import BoundedQueue
from leaderboard.pages.content_policy import ContentPolicies, framers_of
from leaderboard.pages.documents import Documents
from leaderboard.pages.missing import Missing
from leaderboard.pages.offered import Offered
from leaderboard.pages.reference import mount_reference
from leaderboard.pages.render import HERE
from leaderboard.pages.shell import theme, top_bar
from leaderboard.pages.tools import add_tools
from leaderboard.service import Service


class Tab(Protocol):
    """What a page's module has."""

    TITLE: str
    """Its name in the top bar."""

    def build(self, service: Service) -> None:
        """Lay the page out inside the Blocks that are open."""


TABS: list[Tab] = [leaderboard, submit, queue, compare, plots, about]
"""In the order of the top bar."""

PAGES: list[Tab] = [request, model]
"""Reached by links; what follows their name in the address names their subject."""

ASSETS = {path.name: path for path in (HERE / "theme.css", HERE / "podium.js", *(HERE / "assets").iterdir())}
"""Files that the browser asks for, by name."""

SCRIPTS = ("actions.js", "people.js", "podium.js")
"""Those of every document, in order."""


def build_pages(service: Service) -> gr.Blocks:
    """All pages, each at its own address, so that a reader loads only the one they read."""
    first, *others = TABS
    names = [(first.TITLE, "/"), *((one.TITLE, f"/{one.TITLE.lower()}") for one in others)]
    pages = gr.Blocks(title=service.settings.title, analytics_enabled=False, fill_width=True)
    with pages:
        top_bar(service, first.TITLE, names)
        first.build(service)
        add_tools(service)
    for one in (*others, *PAGES):
        with pages.route(one.TITLE, one.TITLE.lower(), show_in_navbar=False):
            top_bar(service, one.TITLE, names)
            one.build(service)
    pages._queue = BoundedQueue(pages)
    return pages


def mount_pages(app: FastAPI, service: Service) -> None:
    """Serve the pages at `/` of `app`, below every route that it has already."""
    mount_reference(app, head())
    app.include_router(plots.script_routes())
    app.add_api_route("/podium-assets/{name}", send_asset, include_in_schema=False)
    options: dict[str, Any] = {
        "mcp_server": True,
        "footer_links": [],
        "run_history": False,
        "ssr_mode": False,
        "show_error": False,
    }
    options |= {"max_file_size": "1kb", "favicon_path": HERE / "podium.svg"}  # no page of ours takes files
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "SSR mode is not supported")  # we ask for none
        gr.mount_gradio_app(app, build_pages(service), "/", theme=theme(), **options)
    framers = framers_of(service.settings)
    app.add_middleware(
        Documents,
        title=service.settings.title,
        pages=["", *(one.TITLE.lower() for one in TABS)],
        deep=[one.TITLE.lower() for one in PAGES],
        head=head(),
        framers=framers,
    )
    app.add_middleware(Missing, title=service.settings.title, head=head())
    app.add_middleware(ContentPolicies, framers=framers)
    app.add_middleware(Offered)


def send_asset(name: str) -> FileResponse:
    """A script or style sheet of ours."""
    if name not in ASSETS:
        raise NotFound(f"There is no file {name!r} here.")
    return FileResponse(ASSETS[name], headers={"Cache-Control": "no-cache"})


def head() -> str:
    """What every document links to before Gradio starts, so that nothing is drawn in other colours first."""
    style, *scripts = (f"podium-assets/{name}?{_version(ASSETS[name])}" for name in ("theme.css", *SCRIPTS))
    return f'<meta name="color-scheme" content="light dark"><link rel="stylesheet" href="{style}">' + "".join(
        f'<script defer src="{script}"></script>' for script in scripts
    )


def _version(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]
