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
AT_ONCE = "*, ::before, ::after { transition: none !important }"
"""Colours that change do so before axe looks."""


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
    "looks",
    [
        "wide light, narrow dark",
        pytest.param("narrow dark", marks=pytest.mark.soak),
        pytest.param("wide dark", marks=pytest.mark.soak),
        pytest.param("narrow light", marks=pytest.mark.soak),
    ],
)
def test_axe_finds_nothing(axe: str, chromium: Any, board: Running, addresses: list[str], looks: str) -> None:
    """Each page is loaded for the first look and unfolded; a window that changes gives the others."""
    first, *others = looks.split(", ")
    context = chromium.new_context(**window(first), base_url=board.address, bypass_csp=True)
    context.set_default_timeout(30_000)
    page = context.new_page()
    wrong: dict[str, list[tuple[str, list[str]]]] = {}

    def look(state: str) -> None:
        wrong.update({state: found} if (found := violations(page, axe)) else {})

    for address in addresses:
        change(page, first)
        page.goto(address)
        page.locator("h1").first.wait_for(state="attached")
        page.wait_for_load_state("networkidle" if "/request/" not in address and "queue" not in address else "load")
        page.evaluate("document.querySelectorAll('details').forEach((fold) => (fold.open = true))")
        look(address)
        page.add_style_tag(content=AT_ONCE)
        for other in others:
            change(page, other)
            look(f"{address}, {other}")
    page.goto("/")
    page.add_style_tag(content=AT_ONCE)
    for chip in ("Type", "Size", "Hide", "Columns", "Scores", "Export"):
        page.locator(".board.live").get_by_role("button", name=chip, exact=chip != "Hide").click()
        for each in (first, *others):
            change(page, each)
            look(f"{chip}, {each}")
        page.keyboard.press("Escape")
    context.close()
    assert wrong == {}


def window(look: str) -> dict[str, Any]:
    """Size and colours of a look."""
    width, scheme = look.split()
    return {"viewport": {"width": WIDTHS[width], "height": 844}, "color_scheme": scheme}


def change(page: Any, look: str) -> None:
    page.set_viewport_size(window(look)["viewport"])
    page.emulate_media(color_scheme=window(look)["color_scheme"])
