"""Thirty benchmarks in one deployment: the switch has every title, in natural order, and parts of them can be typed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import localhub
from scripts.service import Running, running
from tests.browser.conftest import PATIENCE_MS, playwright
from tests.shared import ROOT

pytestmark = pytest.mark.browser
TITLE = "A benchmark whose title is longer than most, number {}"


@pytest.fixture(scope="module")
def thirty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service with thirty benchmarks and no worker."""
    folder: Path = tmp_path_factory.mktemp("thirty")
    (folder / "benchmarks").mkdir()
    tiny = (ROOT / "benchmarks" / "tiny.yaml").read_text()
    tiny = tiny.replace("include_path: tasks/tiny", f"include_path: {ROOT}/benchmarks/tasks/tiny")
    for number in range(1, 31):
        text = tiny.replace("id: tiny\n", f"id: b{number}\n").replace(
            "title: Tiny\n", f"title: {TITLE.format(number)}\n"
        )
        (folder / "benchmarks" / f"b{number}.yaml").write_text(text)
    settings = {
        "PODIUM_EMBEDDED": "false",
        "PODIUM_BENCHMARKS": "",
        "PODIUM_BENCHMARKS_DIR": str(folder / "benchmarks"),
    }
    with localhub.running(folder / "hub") as hub, running(hub.endpoint, folder, settings) as service:
        yield service


@pytest.fixture
def page(chromium: playwright.Browser, thirty: Running) -> Iterator[playwright.Page]:
    context = chromium.new_context(viewport={"width": 1400, "height": 900}, base_url=thirty.address)
    context.set_default_timeout(PATIENCE_MS)
    yield context.new_page()
    context.close()


def test_a_title_is_found_by_a_part_of_it(page: playwright.Page) -> None:
    page.goto("/")
    switch = page.get_by_role("combobox", name="Benchmark")
    playwright.expect(switch).to_have_value(TITLE.format(1))
    titles = page.locator("#benchmark-titles option").evaluate_all("options => options.map(option => option.value)")
    assert titles == [TITLE.format(number) for number in range(1, 31)]
    switch.fill("number 17")
    switch.press("Enter")
    page.wait_for_url(re.compile(r"[?&]benchmark=b17$"))
    playwright.expect(page.get_by_role("combobox", name="Benchmark")).to_have_value(TITLE.format(17))


def test_what_is_typed_and_left_changes_nothing(page: playwright.Page) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto("/queue?benchmark=b2")
    switch = page.get_by_role("combobox", name="Benchmark")
    playwright.expect(switch).to_have_value(TITLE.format(2))
    switch.fill("no such title")
    switch.press("Enter")
    switch.blur()
    playwright.expect(switch).to_have_value(TITLE.format(2))
    assert page.url.endswith("/queue?benchmark=b2")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it fits a narrow screen"
