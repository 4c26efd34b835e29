"""What the leaderboard page is measured against: the same rows, headings and styles as a page that never changes.

The server of the board itself sends it, so that both are answered, compressed and painted under the same conditions.
"""

from __future__ import annotations

import re

import httpx
from fastapi import FastAPI
from fastapi.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Route

from leaderboard.settings import PROJECT

PAGE, CONSTANT_PAGE, CONSTANT, SCRIPT = "/static.html", "/constant.html", "/constant.json", "/constant.js"
SCRIPTS = re.compile(r"<script\b.*?</script>", re.DOTALL)


class StaticTable:
    """The routes of the page and of an answer that is always the same, and what they send."""

    def __init__(self, app: FastAPI) -> None:
        self._page = self._answer = b""
        pages = [
            Route(PAGE, lambda _: HTMLResponse(self._page)),
            Route(CONSTANT_PAGE, lambda _: HTMLResponse(self._page + f'<script src="{SCRIPT}"></script>'.encode())),
            Route(CONSTANT, lambda _: Response(self._answer, media_type="application/json")),
            Route(SCRIPT, lambda _: FileResponse(PROJECT / "scripts" / "static_table.js")),
        ]
        app.router.routes[:0] = pages

    def copy(self, address: str, rows: str) -> None:
        """Take the page at `address` without its scripts, and the answer at `rows`."""
        with httpx.Client(base_url=address, trust_env=False, timeout=120) as client:
            self._page = SCRIPTS.sub("", client.get("/").raise_for_status().text).encode()
            self._answer = client.get(rows).raise_for_status().content
