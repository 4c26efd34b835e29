"""What a page may load and run, and who may frame it, in a real Chromium."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.browser.test_table import address, expect

pytestmark = pytest.mark.browser
__all__ = ["address"]

PAGES = {
    "/": ".pt-name",
    "/submit": "button",
    "/queue": "[role=search], form",
    "/compare": "h1",
    "/plots": ".plot svg",
    "/about": "h1",
    "/manage": "h1",
    "/model/org1/model-0001": "h1",
    "/docs": "summary code",
    "/nowhere": "h1",
    "/embed": ".pt-name",
}
"""Address -> what is there once the page has been drawn."""


@pytest.fixture
def watched(chromium: Any, address: str) -> Iterator[tuple[Any, list[str]]]:
    """A page, and what its policy refused."""
    context = chromium.new_context(viewport={"width": 1400, "height": 900}, base_url=address)
    context.set_default_timeout(20_000)
    page = context.new_page()
    refused: list[str] = []
    page.on(
        "console", lambda message: refused.append(message.text) if "Content Security Policy" in message.text else None
    )
    yield page, refused
    context.close()


def test_pages_and_plots_need_nothing_that_the_policy_refuses(watched: tuple[Any, list[str]]) -> None:
    page, refused = watched
    for path, drawn in PAGES.items():
        answer = page.goto(path)
        assert "frame-ancestors" in answer.headers["content-security-policy"], path
        expect(page.locator(drawn).first).to_be_visible()
        assert refused == [], path


def test_swagger_ui_needs_nothing_that_the_policy_refuses(watched: tuple[Any, list[str]]) -> None:
    page, refused = watched
    page.goto("/docs")
    page.get_by_role("button", name="Try it out in Swagger UI").click()
    expect(page.locator(".opblock-summary").first).to_be_visible()
    page.locator(".opblock-summary").first.click()
    expect(page.get_by_role("button", name="Try it out", exact=True)).to_be_visible()
    assert refused == []


def test_a_handler_that_somebody_wrote_into_a_page_does_not_run(watched: tuple[Any, list[str]]) -> None:
    page, refused = watched
    page.goto("/about")
    expect(page.locator("h1").first).to_be_visible()
    result = page.evaluate("""() => new Promise((done) => {
      document.addEventListener("securitypolicyviolation", (event) => done(event.effectiveDirective));
      document.body.insertAdjacentHTML("beforeend", '<img src="data:," onerror="window.hit = 1">');
    })""")
    assert result == "script-src-attr" and page.evaluate("window.hit") is None and refused


@pytest.fixture
def elsewhere(address: str, tmp_path: Path) -> Iterator[str]:
    """Another site, with two of our pages in frames."""
    frames = "".join(f'<iframe src="{address}{path}" width="900" height="600"></iframe>' for path in ("/embed", "/"))
    (tmp_path / "index.html").write_text(f"<!doctype html>{frames}")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=tmp_path)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def test_other_sites_can_frame_the_embedded_table_and_nothing_else(
    watched: tuple[Any, list[str]], elsewhere: str
) -> None:
    page, _ = watched
    page.goto(elsewhere)
    expect(page.frame_locator("iframe >> nth=0").locator(".pt-name").first).to_be_visible()
    assert page.frames[1].url.endswith("/embed") and page.frames[2].url.startswith("chrome-error:")
