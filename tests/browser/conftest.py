"""A whole Podium for the browser: a Hub on loopback with the demo's checkpoints, the service as a process, Chromium."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import localhub
from scripts.screenshots import CHROMIUM, FLAGS
from scripts.seed_hub import seed
from scripts.service import Running, running

playwright = pytest.importorskip("playwright.sync_api")
PATIENCE_MS = 20_000


@pytest.fixture(scope="session")
def podium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The service in embedded mode, with the demo's Hub."""
    folder = tmp_path_factory.mktemp("podium")
    seed(folder / "hub")
    with (
        localhub.running(folder / "hub") as hub,
        running(hub.endpoint, folder, {"PODIUM_TICK_S": "0.5", "PODIUM_BENCHMARKS": "tiny,open-llm-v1"}) as service,
    ):
        yield service


@pytest.fixture(scope="session")
def chromium() -> Iterator[playwright.Browser]:
    """A real browser."""
    if not CHROMIUM.exists():
        pytest.skip("Chromium is not installed")
    playwright.expect.set_options(timeout=PATIENCE_MS)
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: playwright.Browser, podium: Running) -> Iterator[playwright.Page]:
    """A page of a reader with a wide screen.

    It fails the test on script errors, on requests to anywhere else, and on what the page's own policy refuses.
    """
    context = chromium.new_context(viewport={"width": 1400, "height": 900}, base_url=podium.address)
    context.set_default_timeout(PATIENCE_MS)
    trouble: list[str] = []
    context.on(
        "request", lambda request: trouble.append(request.url) if _is_foreign(request.url, podium.address) else None
    )
    context.on("weberror", lambda error: trouble.append(str(error.error)))
    context.on(
        "console", lambda message: trouble.append(message.text) if "Content Security Policy" in message.text else None
    )
    page = context.new_page()
    yield page
    context.close()
    assert trouble == []


def _is_foreign(url: str, address: str) -> bool:
    return not url.startswith((address, "data:", "blob:"))
