"""A page that needs nothing else: one sentence, for a browser that no page of the board can be sent to."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from fastapi.responses import HTMLResponse

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
STYLE = "font: 15px system-ui; max-width: 34em; margin: 4em auto; color-scheme: light dark"
BOARD = {"To the board": "/"}


def plain_page(
    heading: str,
    sentence: str,
    status: int,
    links: Mapping[str, str] = BOARD,
    headers: Mapping[str, str] | None = None,
    root: str = "",
) -> HTMLResponse:
    """The page, with `links` (text -> path below `root`) below the sentence."""
    anchors = " · ".join(f'<a href="{escape(root + path)}">{escape(text)}</a>' for text, path in links.items())
    page = (
        '<!doctype html><html lang="en"><meta name="viewport" content="width=device-width">'
        f'<title>{escape(heading)}</title><body style="{STYLE}">'
        f'<h1 style="font-size: 1.2em">{escape(heading)}</h1><p>{escape(sentence)}</p><p>{anchors}</p></body></html>'
    )
    return HTMLResponse(page, status, {**(headers or {}), "Content-Security-Policy": POLICY})
