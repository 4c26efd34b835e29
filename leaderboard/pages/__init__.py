"""The pages that Gradio draws: Blocks, one file a page with `TITLE` and `build(service)`; the forms and their API.

A page's address is its title in lower case. What people read is in `leaderboard.documents`.
"""

from __future__ import annotations

import hashlib
import warnings
from typing import Any, Protocol

import gradio as gr
from fastapi import FastAPI
from gradio import oauth
from starlette.middleware.sessions import SessionMiddleware

from leaderboard.documents import document_routes
from leaderboard.documents.content_policy import ContentPolicies, framers_of
from leaderboard.documents.files import asset_address, asset_routes
from leaderboard.documents.frame import STYLE, head
from leaderboard.documents.missing import NotFoundPage
from leaderboard.documents.plots import script_routes
from leaderboard.documents.preview import preview_routes
from leaderboard.documents.reference import mount_reference
from leaderboard.documents.render import FOLDER
from leaderboard.pages import manage, organise, participate, submit
from leaderboard.pages.gradio_html import GradioPages
from leaderboard.pages.offered import OfferedRoutes
from leaderboard.pages.program_calls import MAX_IN_ALL, ProgramCalls, callable_by_programs
from leaderboard.pages.shell import ended, framed, theme
from leaderboard.pages.tools import add_tools
from leaderboard.service import Service


class Tab(Protocol):
    """What a page's module has."""

    TITLE: str
    """Its name in the top bar."""

    def build(self, service: Service) -> None:
        """Lay the page out inside the Blocks that are open."""


PAGES: list[Tab] = [submit, organise, manage, participate]
"""Each at its own address; below the last three the rest of the address names their subject."""

NAMES = [page.TITLE.lower() for page in PAGES]
"""First part of each page's address."""

SCRIPTS = ("actions.js", "live.js", "submit.js")
"""Those of every page of Gradio's, beside those of all pages."""

LOOK_S, PROGRESS_S = 0.1, 1.0
"""How often Gradio looks for calls of programs, and for their progress, in seconds; none of them tells any."""


def build_pages(service: Service) -> gr.Blocks:
    """All pages, each at its own address, so that a reader loads only one page."""
    pages = gr.Blocks(title=service.settings.title, analytics_enabled=False, fill_width=True)
    with pages:
        add_tools(service)  # Gradio's own first page, which nobody sees: the leaderboard is at its address
    for page in PAGES:
        with pages.route(page.TITLE, page.TITLE.lower(), show_in_navbar=False):
            framed(service, page.TITLE)
            page.build(service)
            ended(service)
    pages.queue(max_size=MAX_IN_ALL, default_concurrency_limit=2)
    # Only programs' calls go through Gradio's queue; it would look for them a thousand times a second.
    pages._queue.sleep_when_free = LOOK_S
    pages._queue.progress_update_sleep_when_free = PROGRESS_S
    return pages


def mount_pages(app: FastAPI, service: Service) -> None:
    """Serve the pages at `/` of `app`, below every route that it has already."""
    mount_reference(app, service)
    app.include_router(script_routes())
    app.include_router(asset_routes())
    app.include_router(preview_routes(service))
    app.include_router(document_routes(service))
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
            app, pages, "/", root_path=service.settings.root or None, theme=theme(), head=head(SCRIPTS), **options
        )
    if service.settings.on_space:
        know_gradios_session(app)
    framers = framers_of(service.settings)
    app.add_middleware(
        GradioPages, pages=NAMES, deep=NAMES[1:], style=asset_address(STYLE).removeprefix("/"), framers=framers
    )
    app.add_middleware(ProgramCalls, offered=callable_by_programs(pages))
    app.add_middleware(NotFoundPage, service=service)
    app.add_middleware(ContentPolicies, framers=framers)
    app.add_middleware(OfferedRoutes)


def know_gradios_session(app: FastAPI) -> None:
    """Have every page and the API know who is signed in by Gradio's button, as Gradio's own pages do."""
    key = hashlib.sha256(f"{oauth.OAUTH_CLIENT_SECRET or ''}-v4".encode()).hexdigest()
    app.add_middleware(SessionMiddleware, secret_key=key, same_site="none", https_only=True)
