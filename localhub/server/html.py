"""Plain pages: every text from outside goes through `escape`."""

import re
from html import escape

from starlette.responses import HTMLResponse, Response

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1d2430}"
    "table{border-collapse:collapse}td,th{text-align:left;padding:.2rem 1rem .2rem 0}pre{white-space:pre-wrap;"
    "overflow-wrap:anywhere;background:#f4f6f9;padding:.8rem;border-radius:6px}article{border:1px solid #d6dce5;"
    "border-radius:6px;padding:.6rem 1rem;margin:1rem 0}small{color:#5a6577}button,input{font:inherit;padding:.4rem}"
    "@media(prefers-color-scheme:dark){body{background:#12161d;color:#e3e8f0}pre{background:#1c222c}article{border-color"
    ":#39424f}a{color:#8ab4ff}small{color:#9aa5b5}}"
)
_ADDRESS = re.compile(r"https?://[^\s<>\"']+")
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action *; frame-ancestors 'none'; base-uri 'none'"


def page(title: str, body: str, status: int = 200) -> Response:
    """A whole page; `title` is escaped here, `body` is HTML already."""
    html = (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style><body>{body}</body></html>"
    )
    headers = {"Content-Security-Policy": _POLICY, "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}
    return HTMLResponse(html, status, headers)


def link(address: str, text: str) -> str:
    """A link, both parts escaped."""
    return f'<a href="{escape(address, quote=True)}">{escape(text)}</a>'


def linked(text: str) -> str:
    """Text from outside, escaped, with links where it has addresses."""
    pieces, at = [], 0
    for match in _ADDRESS.finditer(text):
        pieces += [escape(text[at : match.start()]), link(match[0], match[0])]
        at = match.end()
    return "".join(pieces) + escape(text[at:])
