"""A whole Podium for the browser: a Hub on loopback with the demo's checkpoints, the service as a process, Chromium."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import localhub
from scripts.seed_hub import seed

playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
ROOT = Path(__file__).resolve().parents[2]
PATIENCE_MS = 20_000


@dataclass(frozen=True)
class Running:
    """The service as a reader meets it."""

    address: str
    folder: Path
    """Holds requests/, results/ and work/."""


def podium_environment(hub: str, folder: Path) -> dict[str, str]:
    """The environment of a service that keeps everything in `folder` and picks a free port."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PODIUM_", "HF_"))}
    return kept | {
        "HF_ENDPOINT": hub,
        "HF_HOME": str(folder / "hf"),
        "OMP_NUM_THREADS": "1",
        "PODIUM_BENCHMARKS": "tiny",
        "PODIUM_REQUESTS_DIR": str(folder / "requests"),
        "PODIUM_RESULTS_DIR": str(folder / "results"),
        "PODIUM_WORK_DIR": str(folder / "work"),
        "PODIUM_PORT": "0",
        "PODIUM_TICK_S": "0.5",
    }


@pytest.fixture(scope="session")
def podium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The service in embedded mode, with the demo's Hub."""
    folder = tmp_path_factory.mktemp("podium")
    seed(folder / "hub")
    with localhub.running(folder / "hub") as hub, (folder / "service.log").open("w") as log:
        command = [sys.executable, str(ROOT / "app.py")]
        environment = podium_environment(hub.endpoint, folder)
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            found = re.search(r"http://\S+", line)
            assert found, (folder / "service.log").read_text()
            yield Running(found[0], folder)
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=30) == 0, "SIGTERM ends the service cleanly"
        finally:
            process.kill()
            process.wait()


@pytest.fixture(scope="session")
def chromium() -> Iterator[playwright.Browser]:
    """A real browser."""
    if not CHROMIUM.exists():
        pytest.skip("Chromium is not installed")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: playwright.Browser, podium: Running) -> Iterator[playwright.Page]:
    """A page of a reader with a wide screen; it fails the test on script errors and on requests to anywhere else."""
    context = chromium.new_context(viewport={"width": 1400, "height": 900}, base_url=podium.address)
    context.set_default_timeout(PATIENCE_MS)
    playwright.expect.set_options(timeout=PATIENCE_MS)
    trouble: list[str] = []
    context.on("request", lambda asked: trouble.append(asked.url) if _is_foreign(asked.url, podium.address) else None)
    context.on("weberror", lambda error: trouble.append(str(error.error)))
    page = context.new_page()
    yield page
    context.close()
    assert trouble == []


def _is_foreign(url: str, address: str) -> bool:
    return not url.startswith((address, "data:", "blob:"))
