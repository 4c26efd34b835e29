"""Screenshots of every page for the docs: `python -m scripts.screenshots` writes them to docs/images.

A service over the demo's Hub evaluates the demo's checkpoints first; then it takes each page at 1400 and 390 px, light
and dark. Needs Chromium and playwright.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import httpx
import typer
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

import localhub
from scripts.demo import submit_checkpoint
from scripts.seed_hub import manifest, seed
from scripts.service import ROOT, running

BROWSERS = (Path("/usr/bin/chromium-headless-shell"), Path("/usr/bin/chromium"))
CHROMIUM = next(filter(Path.exists, BROWSERS), BROWSERS[-1])
"""Where the browser is, if it is installed. The headless shell has no windows: a page takes a third of the time."""
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SIZES = {"wide": ViewportSize(width=1400, height=900), "narrow": ViewportSize(width=390, height=844)}
SCHEMES: tuple[Literal["light"], Literal["dark"]] = ("light", "dark")
WAIT_S = 600
OPEN = ("PENDING", "RUNNING")


def requests(api: httpx.Client) -> list[dict[str, Any]]:
    """Every request of the queue."""
    rows: list[dict[str, Any]] = api.get("/requests?limit=1000").json()["requests"]
    return rows


def pages(api: httpx.Client) -> Mapping[str, str]:
    """Name of the screenshot -> address, with a finished request's model and the two best rows."""
    finished = next(request for request in requests(api) if request["status"] == "FINISHED")
    best = ",".join(row["id"] for row in api.get("/benchmarks/tiny/rows?limit=2").json()["rows"])
    return {
        "leaderboard": "/",
        "compare": f"/compare?rows={best}",
        "plots": f"/plots?rows={best}",
        "submit": "/submit?model=podium-demo/tiny-merge&precision=float32",
        "queue": "/queue",
        "request": f"/request/{finished['id']}",
        "model": f"/model/{finished['model']}",
        "about": "/about",
    }


READY = {"leaderboard": ".board.live", "submit": "#found ul.checks", "compare": "table.compare", "plots": ".plot svg"}
"""Page -> selector to wait for, where it is not a heading."""


def take(page: Page, name: str, address: str, path: Path) -> None:
    """Save one screenshot of the top of the page."""
    page.goto(address)
    page.wait_for_selector(READY.get(name, ".page :is(h1, h2)"))
    page.wait_for_timeout(700)
    page.screenshot(path=path)


def take_all(browser: Browser, base: str, addresses: Mapping[str, str], folder: Path) -> None:
    """Every page in both sizes and both themes."""
    for size, viewport in SIZES.items():
        for scheme in SCHEMES:
            context = browser.new_context(viewport=viewport, base_url=base, color_scheme=scheme)
            for name, address in addresses.items():
                page = context.new_page()
                take(page, name, address, folder / f"{name}-{size}-{scheme}.png")
                page.close()
            context.close()


def wait(api: httpx.Client, most: int) -> None:
    """Wait until at most `most` requests are open. Raises TimeoutError."""
    for _ in range(WAIT_S):
        if sum(request["status"] in OPEN for request in requests(api)) <= most:
            return
        time.sleep(1)
    raise TimeoutError(f"The requests did not end within {WAIT_S} seconds.")


def main(folder: Annotated[Path, typer.Option(help="Folder for the screenshots.")] = ROOT / "docs" / "images") -> None:
    """Take the screenshots."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as driver:
        root = Path(scratch)
        commits = seed(root / "hub")
        browser = driver.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        with localhub.running(root / "hub") as hub, running(hub.endpoint, root) as service:
            api = httpx.Client(base_url=f"{service.address}/api/v1", timeout=60)
            for entry in manifest()["submissions"]:  # some are refused, as in the demo
                submit_checkpoint(api, entry, commits)
            wait(api, most=3)
            take_all(browser, service.address, {"queue-running": "/queue"}, folder)
            wait(api, most=0)
            take_all(browser, service.address, pages(api), folder)
            api.close()
        browser.close()


if __name__ == "__main__":
    typer.run(main)
