"""Pages as documents in a real Chromium: without JavaScript, on Back, on paper, and what a first visit loads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from leaderboard.settings import PROJECT
from scripts.service import running
from tests.browser.test_table import ROWS, address, expect, names

pytestmark = pytest.mark.browser
__all__ = ["address"]
MAX_REQUESTS, MAX_BYTES = 12, 60_000
PATIENCE_MS = 30_000
COUNT_PRINTED = """() => addEventListener('beforeprint', () => {
  window.printed = document.querySelectorAll('.pt-name').length;
})"""


@pytest.fixture
def still(chromium: Any, address: str) -> Iterator[Any]:
    """A page of a reader whose browser runs no scripts."""
    context = chromium.new_context(viewport={"width": 1400, "height": 900}, base_url=address, java_script_enabled=False)
    context.set_default_timeout(PATIENCE_MS)
    yield context.new_page()
    context.close()


@pytest.fixture
def reader(chromium: Any, address: str) -> Iterator[Any]:
    context = chromium.new_context(viewport={"width": 1400, "height": 900}, base_url=address)
    context.set_default_timeout(PATIENCE_MS)
    yield context.new_page()
    context.close()


def test_the_board_is_read_searched_sorted_filtered_and_paged_without_scripts(still: Any) -> None:
    still.goto("/")
    assert len(names(still)) == 50
    still.get_by_role("link", name="BBH").click()
    assert "sort=bbh" in still.url
    expect(still.locator("th[aria-sort=descending]")).to_contain_text("BBH")
    still.locator(".pt-links summary").click()
    still.get_by_role("link", name="4bit").click()
    assert "precisions=4bit" in still.url and "sort=bbh" in still.url
    first = names(still)
    still.get_by_role("link", name="Next").click()
    assert "page=1" in still.url and not set(first) & set(names(still))
    still.get_by_role("searchbox").fill("org3")
    still.get_by_role("searchbox").press("Enter")
    assert "precisions=4bit" in still.url and all(name.startswith("org3/") for name in names(still))


@pytest.mark.parametrize("path", ["/queue", "/compare", "/plots", "/about", "/model/org1/model-0001", "/nowhere"])
def test_every_page_says_what_it_is_without_scripts(still: Any, path: str) -> None:
    still.goto(path)
    expect(still.locator("main h1")).to_be_visible()
    expect(still.locator("footer.site")).to_be_visible()
    still.get_by_role("link", name="Leaderboard", exact=True).click()
    assert len(names(still)) == 50


def test_plots_are_drawn_and_compared_checkpoints_chosen_without_scripts(still: Any) -> None:
    still.goto("/plots")
    expect(still.get_by_role("img", name="How are the scores of each task spread")).to_be_visible()
    still.goto("/compare")
    still.get_by_label("Add a checkpoint by name").fill("model-0010")
    still.get_by_label("Add a checkpoint by name").press("Enter")
    still.get_by_role("link", name="org1/model-0010").click()
    expect(still.locator(".chosen-list li")).to_have_count(1)


def test_back_shows_the_rows_that_were_shown(reader: Any) -> None:
    reader.goto("/?search=org1")
    expect(reader.locator(".board.live")).to_be_visible()
    reader.locator(".pt-port").evaluate("port => port.scrollTop = 3200")
    row = reader.locator("tr[data-at='105'] .pt-name")
    expect(row).to_be_visible()
    name = row.inner_text()
    row.click()
    reader.wait_for_url("**/model/**")
    reader.go_back()
    expect(reader.locator("tr[data-at='105'] .pt-name")).to_have_text(name)
    assert abs(reader.locator(".pt-port").evaluate("port => port.scrollTop") - 3200) < 40


def test_paper_has_every_row_that_was_chosen(reader: Any) -> None:
    reader.goto("/?search=org1 model-1")
    expect(reader.locator(".board.live")).to_be_visible()
    total = int(reader.locator(".pt-status").text_content().split(" ")[0])
    assert 50 < total < ROWS
    reader.evaluate(
        "addEventListener('beforeprint', () => { window.printed = document.querySelectorAll('.pt-name').length })"
    )
    reader.pdf()
    assert reader.evaluate("window.printed") == total
    expect(reader.locator("tr[data-at='0']")).to_be_visible()


def test_a_first_visit_loads_little(reader: Any) -> None:
    session = reader.context.new_cdp_session(reader)
    session.send("Network.enable")
    loaded: list[float] = []
    session.on("Network.loadingFinished", lambda event: loaded.append(event["encodedDataLength"]))
    with reader.expect_response("**/podium-assets/dom.js"):
        reader.goto("/")
    expect(reader.locator(".board.live")).to_be_visible()
    reader.wait_for_load_state("networkidle")
    assert 0 < len(loaded) <= MAX_REQUESTS and sum(loaded) <= MAX_BYTES


def test_what_is_typed_before_the_script_comes_is_searched(reader: Any) -> None:
    held: list[Any] = []
    reader.route("**/podium-assets/board.js*", lambda route: held.append(route))
    reader.goto("/", wait_until="commit")
    field = reader.get_by_role("searchbox")
    field.fill("org5")
    expect(reader.locator(".board.live")).to_have_count(0)
    held[0].continue_()
    expect(reader.locator(".board.live")).to_be_visible()
    expect(field).to_have_value("org5")
    expect(reader.locator(".pt-name").first).to_contain_text("org5/")
    assert "search=org5" in reader.url


def test_a_second_board_at_another_port_is_not_empty_in_the_same_tab(reader: Any, address: str) -> None:
    other = address.replace("127.0.0.1", "localhost")
    for place in (address, other):
        reader.goto(f"{place}/")
        expect(reader.locator(".board.live .pt-name").first).to_be_visible()


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A board of 30 benchmarks."""
    folder = tmp_path_factory.mktemp("many")
    benchmarks = folder / "benchmarks"
    benchmarks.mkdir()
    (benchmarks / "tasks").symlink_to(PROJECT / "benchmarks" / "tasks")
    tiny = (PROJECT / "benchmarks" / "tiny.yaml").read_text()
    for number in range(1, 31):
        title = f"Questions of the year {number} about a subject with a long title"
        text = tiny.replace("id: tiny\n", f"id: year-{number}\n").replace("title: Tiny\n", f"title: {title}\n")
        (benchmarks / f"year-{number}.yaml").write_text(text)
    changes = {"PODIUM_BENCHMARKS_DIR": str(benchmarks), "PODIUM_BENCHMARKS": "", "PODIUM_EMBEDDED": "false"}
    with running("http://127.0.0.1:9", folder, changes) as service:
        yield service.address


@pytest.mark.parametrize("path", ["/about", "/submit"])
def test_one_of_thirty_benchmarks_is_found_by_typing(chromium: Any, many: str, path: str) -> None:
    page = chromium.new_context(viewport={"width": 1400, "height": 900}, base_url=many).new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(path)
    page.locator("details.many summary").click()
    titles = page.locator("details.many li").all_inner_texts()
    assert len(titles) == 30 and [int(title.split()[4]) for title in titles] == list(range(1, 31)), "2 before 10"
    page.get_by_label("Filter benchmarks").fill("year 27")
    expect(page.locator("details.many li:visible")).to_have_count(1)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{path}?benchmark=year-27")
    expect(page.locator("details.many [data-chosen]")).to_have_text(titles[26])
    page.context.close()
