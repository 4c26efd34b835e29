"""axe finds nothing on any page, wide and narrow, light and dark."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from leaderboard.records import Failure, Fault, Request
from leaderboard.service import open_service
from leaderboard.settings import Settings
from scripts.service import Running, running
from tests.browser.test_compare import NOWHERE, made_up_evaluations, rows_of

pytestmark = pytest.mark.browser
WIDTHS = {"wide": 1400, "narrow": 390}


@pytest.fixture(scope="module")
def axe() -> str:
    """axe-core's script, from the package that brings it."""
    package = pytest.importorskip("axe_playwright_python")
    return (Path(package.__file__).parent / "axe.min.js").read_text()


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("accessible")
    made_up_evaluations(folder)
    with running(NOWHERE, folder, {"PODIUM_EMBEDDED": "false", "PODIUM_SIGN_IN": "optional"}) as service:
        yield service


@pytest.fixture(scope="module")
def addresses(board: Running) -> list[str]:
    """Every page, in its states."""
    folders = {f"{name}_dir": board.folder / name for name in ("requests", "results", "work")}
    queue = open_service(Settings.model_validate({**folders, "benchmarks": "tiny", "hub_endpoint": NOWHERE})).queue
    requests = [
        queue.submit(Request(benchmark="tiny", model=f"lab/model-{number}", revision=f"{number}" * 40, sender="bob"))
        for number in range(1, 4)
    ]
    queue.claim(requests[1], "w1", 6000)
    failure = Failure(fault=Fault.SUBMISSION, code="checkpoint_unreadable", message="A safetensors file is damaged.")
    queue.fail(queue.claim(requests[2], "w1", 6000), failure)
    rows = ",".join(rows_of(board.address))
    return [
        "/", "/?search=nothing", "/queue", "/compare", f"/compare?rows={rows}", f"/plots?rows={rows}", "/about",
        "/model/org/good", "/model/lab/model-1", *(f"/request/{request.id}" for request in requests), "/model/no/one",
        "/nowhere", "/docs", "/embed", "/submit", "/organise", "/manage/tiny",
    ]  # fmt: skip


def violations(page: Any, axe: str) -> list[tuple[str, list[str]]]:
    page.evaluate(axe)
    found = page.evaluate("axe.run({resultTypes: ['violations']})")
    return [(each["id"], [node["html"][:160] for node in each["nodes"]]) for each in found["violations"]]


@pytest.mark.parametrize(
    "look",
    [
        "wide light",
        "narrow dark",
        pytest.param("wide dark", marks=pytest.mark.soak),
        pytest.param("narrow light", marks=pytest.mark.soak),
    ],
)
def test_axe_finds_nothing(axe: str, chromium: Any, board: Running, addresses: list[str], look: str) -> None:
    width, scheme = look.split()
    context = chromium.new_context(
        viewport={"width": WIDTHS[width], "height": 844}, base_url=board.address, color_scheme=scheme, bypass_csp=True
    )
    context.set_default_timeout(30_000)
    page = context.new_page()
    wrong: dict[str, list[tuple[str, list[str]]]] = {}
    for address in addresses:
        page.goto(address)
        page.locator("h1").first.wait_for(state="attached")
        page.wait_for_load_state("networkidle" if "/request/" not in address and "queue" not in address else "load")
        wrong |= {address: found} if (found := violations(page, axe)) else {}
        if page.locator("details").count():
            page.evaluate("document.querySelectorAll('details').forEach((fold) => (fold.open = true))")
            wrong |= {f"{address}, unfolded": found} if (found := violations(page, axe)) else {}
    page.goto("/")
    for chip in ("Type", "Size", "Hide", "Columns", "Scores", "Export"):
        page.locator(".board.live").get_by_role("button", name=chip, exact=chip != "Hide").click()
        wrong |= {chip: found} if (found := violations(page, axe)) else {}
        page.keyboard.press("Escape")
    context.close()
    assert wrong == {}
