"""A whole Podium for the browser: a Hub on loopback with the demo's checkpoints, the service as a process, Chromium."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import localhub
from leaderboard.settings import PROJECT
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
    with watched_page(chromium, podium.address) as (page, trouble):
        watch_requests(page, podium.address, trouble)
        watch_policy(page, trouble)
        yield page


@contextmanager
def served_table(table: Path) -> Iterator[str]:
    """The address of a service over a contents table."""
    command = [sys.executable, str(PROJECT / "scripts" / "table_servers.py"), "Podium", str(table)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT) as process:
        assert process.stdout is not None
        ready = next(line for line in process.stdout if line.startswith("READY "))
        yield ready.split()[1]
        process.kill()


@contextmanager
def watched_page(chromium: playwright.Browser, address: str) -> Iterator[tuple[playwright.Page, list[str]]]:
    """A page of a wide screen, and its trouble: script errors, and what is added. Trouble at the end fails the test."""
    context = chromium.new_context(viewport={"width": 1400, "height": 900}, base_url=address)
    context.set_default_timeout(PATIENCE_MS)
    trouble: list[str] = []
    context.on("weberror", lambda error: trouble.append(str(error.error)))
    yield context.new_page(), trouble
    context.close()
    assert trouble == []


def watch_requests(page: playwright.Page, address: str, trouble: list[str]) -> None:
    """Requests to anywhere but `address` are trouble."""
    own = (address, "data:", "blob:")
    page.context.on("request", lambda request: None if request.url.startswith(own) else trouble.append(request.url))


def watch_policy(page: playwright.Page, trouble: list[str]) -> None:
    """What the page's own policy refuses is trouble."""
    page.context.on(
        "console", lambda message: trouble.append(message.text) if "Content Security Policy" in message.text else None
    )
