"""Pages that people read: HTML documents that the server writes whole, which small scripts then keep up to date.

One file a page with `draw(service, visit)`; add a page by adding it to `reading_pages`. They work without JavaScript.
"""

from __future__ import annotations

from functools import partial

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from leaderboard.compare import Comparisons
from leaderboard.documents import about, compare, flags, leaderboard, model, plots, queue, request
from leaderboard.documents.answers import answers
from leaderboard.documents.frame import SUBJECTS, Page
from leaderboard.service import Service

METHODS = ["GET", "HEAD"]


def reading_pages(service: Service) -> list[Page]:
    """Every page that is a document."""
    comparisons = Comparisons(service.boards, service.results)
    return [
        Page("Leaderboard", leaderboard.draw, styles=("table.css",), modules=("board.js",), main_class="board-page"),
        Page("Queue", queue.draw, scripts=("live.js",)),
        Page("Compare", partial(compare.draw, comparisons), styles=("compare.css",)),
        Page("Plots", plots.draw, styles=("compare.css",), modules=("plots.js",)),
        Page("About", about.draw),
        Page("Flags", flags.draw),
        Page("Request", request.draw, scripts=("live.js", "actions.js")),
        Page("Model", model.draw, scripts=("actions.js",)),
    ]


def document_routes(service: Service) -> APIRouter:
    """A route for each page."""
    routes = APIRouter(tags=["pages"], include_in_schema=False, default_response_class=HTMLResponse)
    for page in reading_pages(service):
        below = "/{subject:path}" if page.title in SUBJECTS else "/"
        for path in {page.path, page.path.rstrip("/") + below}:  # the first page has one address
            routes.add_api_route(path, answers(service, page), methods=METHODS)
    return routes
