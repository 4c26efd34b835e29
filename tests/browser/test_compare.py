"""Compare and Plots in a browser: choosing, differences, examples, drawings; wide and narrow, light and dark."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from playwright.sync_api import Page, expect

from leaderboard.benchmarks import load_benchmark
from scripts.service import ROOT, Running, running
from tests.leaderboard.compared import Place

pytestmark = pytest.mark.browser
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def podium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The service over made-up evaluations of the tiny benchmark: one weak, one good, and the good one again."""
    folder = tmp_path_factory.mktemp("compared")
    made_up_evaluations(folder)
    with running(NOWHERE, folder, {"PODIUM_EMBEDDED": "false"}) as service:
        yield service


def made_up_evaluations(folder: Path) -> None:
    """Publish them."""
    benchmark = load_benchmark(ROOT / "benchmarks" / "tiny.yaml")
    place, rng = Place(folder, benchmark), np.random.default_rng(3)
    tasks = [part.task for column in benchmark.columns for part in column.parts]
    for name, chance, attempt in (("weak", 0.55, 1), ("good", 0.95, 1), ("good", 0.95, 2)):
        answers = {task: list((rng.random(60) < chance).astype(float)) for task in tasks}
        place.publish(f"org/{name}", answers, attempt=attempt)


def rows_of(address: str) -> list[str]:
    """Ids of the board's rows."""
    answer = httpx.get(f"{address}/api/v1/benchmarks/tiny/rows", trust_env=False, timeout=60).json()
    return [row["id"] for row in answer["rows"]]


def test_comparing(page: Page) -> None:
    page.goto("/compare")
    page.get_by_label("Add a checkpoint by name").fill("weak")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="org/weak").click()
    expect(page.locator(".chosen-list li")).to_have_count(1)
    page.get_by_label("Add a checkpoint by name").fill("good")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="org/good").first.click()

    expect(page.locator(".sentences")).to_contain_text(re.compile(r"good is ahead on \d of 7 tasks"))
    expect(page.locator("table.compare tbody tr")).to_have_count(8)
    expect(page.locator("table.compare .diff.ahead").first).to_contain_text("▲")
    page.get_by_role("link", name="Use as baseline").click()
    expect(page.locator("table.compare .diff.behind").first).to_contain_text("▼")

    first = page.locator("article.asked").first
    expect(first.locator(".answer.right")).to_have_count(1)
    expect(first.locator(".answer.wrong")).to_have_count(1)
    page.get_by_label("Which examples").select_option("wrong")
    expect(page.locator("article.asked .answer.right")).to_have_count(0)
    page.get_by_label("Text in question or answer").fill("no such text")
    page.keyboard.press("Enter")
    expect(page.get_by_text("No example contains “no such text”.")).to_be_visible()
    address = page.url
    page.goto("/")
    page.goto(address)
    expect(page.get_by_text("No example contains “no such text”.")).to_be_visible()


SLOWLY = """() => {
  const asked = window.fetch;
  window.fetch = async (where, options) => {
    if (String(where.url ?? where).includes("/compare")) await new Promise((wake) => setTimeout(wake, 1000));
    return asked(where, options);
  };
}"""
"""Script: the page is asked for again a second late."""


def test_a_change_while_the_page_is_drawn_is_not_lost(page: Page) -> None:
    page.goto("/compare")
    page.get_by_role("link", name="org/weak").wait_for()
    page.evaluate(SLOWLY)
    page.get_by_label("Add a checkpoint by name").fill("weak")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="org/weak").click()  # still the link of the page that is being replaced
    expect(page.locator(".chosen-list li")).to_have_count(1)


def test_two_evaluations_of_one_checkpoint(page: Page) -> None:
    page.goto("/compare?find=good")
    page.get_by_role("link", name="org/good").first.click()
    page.get_by_text("1 other evaluation of this checkpoint").click()
    page.locator("#again-runs a").click()
    expect(page.locator(".sentences")).to_contain_text("within chance")
    expect(page.locator("table.compare .diff:is(.ahead, .behind)")).to_have_count(0)


@pytest.mark.parametrize("width", [1400, 390])
def test_the_pages_fit(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    page.emulate_media(color_scheme="dark")
    rows = ",".join(_ids(page))
    for path, there in ((f"/compare?rows={rows}", "table.compare"), (f"/plots?rows={rows}", ".plot > svg")):
        page.goto(path)
        expect(page.locator(there).first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") == width


def test_plots(page: Page) -> None:
    rows = ",".join(_ids(page))
    page.goto(f"/plots?rows={rows}")
    spread = page.locator(".plot[data-figure*=spread]")
    spread.scroll_into_view_if_needed()
    drawing = spread.get_by_role("img", name="How are the scores of each task spread")
    assert drawing.locator("path[fill='var(--plot-hill)']").count() == 8, "drawn by the server"
    loaded: list[str] = []
    page.on("request", lambda request: loaded.append(request.url))
    page.mouse.move(5, 5)
    assert not [url for url in loaded if "plotly" in url]
    spread.hover()
    expect(spread.locator(".main-svg").first).to_be_visible()
    assert [url for url in loaded if "plotly" in url], "fetched when a plot is touched"
    marks = "place => place.data.filter(one => one.marker?.symbol === 'diamond').map(one => one.name)"
    assert set(spread.evaluate(marks)) == {"org/good", "org/weak"}
    page.locator("select[name=task]").select_option("dates")
    expect(page.get_by_role("heading", name="How has the best Dates score risen?")).to_be_visible()
    page.locator("#table-spread summary").click()
    expect(page.locator("#table-spread tbody tr")).to_have_count(8)
    with page.expect_download() as saved:
        page.locator("section", has=spread).get_by_role("link", name="CSV").click()
    assert Path(saved.value.path()).read_text().startswith("task,title,n,lowest")
    page.get_by_role("link", name="Compare them").click()
    expect(page.locator("table.compare")).to_be_visible()


def _ids(page: Page) -> list[str]:
    answer = page.request.get("/api/v1/benchmarks/tiny/rows").json()
    return [row["id"] for row in answer["rows"]]
