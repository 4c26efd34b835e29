"""The pages: Gradio Blocks, one file a tab with `TITLE` and `build(service)`; add a tab by adding it to TABS.

A page's address is its title in lower case; the first tab's is `/`.
"""

from __future__ import annotations

import hashlib
import warnings
from typing import Any, Protocol

import gradio as gr
from fastapi import FastAPI
from fastapi.responses import FileResponse

from leaderboard.errors import NotFound
from leaderboard.pages import (
    about,
    compare,
    flags,
    leaderboard,
    manage,
    model,
    organise,
    participate,
    plots,
    queue,
    request,
    submit,
)
from leaderboard.pages.content_policy import ContentPolicies, framers_of
from leaderboard.pages.documents import Documents
from leaderboard.pages.missing import NotFoundPage
from leaderboard.pages.offered import OfferedRoutes
from leaderboard.pages.program_calls import MAX_IN_ALL, ProgramCalls, callable_by_programs
from leaderboard.pages.reference import mount_reference
from leaderboard.pages.render import FOLDER
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

PAGES: list[Tab] = [request, model, flags, organise, manage, participate]
"""Reached by links; the rest of the address names their subject."""

NAMES = ("", *(page.TITLE.lower() for page in (*TABS[1:], *PAGES)))
"""First part of each page's address; the first page has none."""

ASSETS = {path.name: path for path in (FOLDER / "theme.css", FOLDER / "podium.js", *(FOLDER / "assets").iterdir())}
"""Files that the browser loads, by name."""

STYLE = "theme.css"
SCRIPTS = ("address.js", "actions.js", "people.js", "podium.js", "live.js", "submit.js")
"""Those of every document, in order."""

LOOK_S, PROGRESS_S = 0.1, 1.0
"""How often Gradio looks for calls of programs, and for their progress, in seconds; none of them tells any."""


def build_pages(service: Service) -> gr.Blocks:
    """All pages, each at its own address, so that a reader loads only one page."""
    first, *others = TABS
    addresses = [(first.TITLE, "/"), *((tab.TITLE, f"/{tab.TITLE.lower()}") for tab in others)]
    pages = gr.Blocks(title=service.settings.title, analytics_enabled=False, fill_width=True)
    with pages:
        top_bar(service, first.TITLE, addresses)
        first.build(service)
        add_tools(service)
    for page in (*others, *PAGES):
        with pages.route(page.TITLE, page.TITLE.lower(), show_in_navbar=False):
            top_bar(service, page.TITLE, addresses)
            page.build(service)
    pages.queue(max_size=MAX_IN_ALL, default_concurrency_limit=2)
    # Only programs' calls go through Gradio's queue; it would look for them a thousand times a second.
    pages._queue.sleep_when_free = LOOK_S
    pages._queue.progress_update_sleep_when_free = PROGRESS_S
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
    options |= {"max_file_size": "1kb", "favicon_path": FOLDER / "podium.svg"}  # no page of ours takes files
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "SSR mode is not supported")  # we ask for none
        pages = build_pages(service)
        gr.mount_gradio_app(
            app, pages, "/", root_path=service.settings.root or None, theme=theme(), head=head(), **options
        )
    framers = framers_of(service.settings)
    app.add_middleware(
        Documents,
        pages=NAMES,
        deep=[page.TITLE.lower() for page in PAGES],
        style=asset_address(STYLE),
        framers=framers,
    )
    app.add_middleware(ProgramCalls, offered=callable_by_programs(pages))
    app.add_middleware(NotFoundPage, title=service.settings.title, head=head())
    app.add_middleware(ContentPolicies, framers=framers)
    app.add_middleware(OfferedRoutes)


def send_asset(name: str) -> FileResponse:
    """A script or style sheet of ours."""
    if name not in ASSETS:
        raise NotFound(f"This board has no file {name!r}.")
    return FileResponse(ASSETS[name], headers={"Cache-Control": "no-cache"})


def head() -> str:
    """What the head of every document links to."""
    style = f'<link rel="stylesheet" href="{asset_address(STYLE)}">'
    scripts = (f'<script defer src="{asset_address(name)}"></script>' for name in SCRIPTS)
    return "".join(('<meta name="color-scheme" content="light dark">', style, *scripts))


def asset_address(name: str) -> str:
    """Where the browser finds a file of ours, relative to a page; another one when its content changes."""
    return f"podium-assets/{name}?{hashlib.sha256(ASSETS[name].read_bytes()).hexdigest()[:12]}"
