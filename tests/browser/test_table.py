"""The leaderboard's table in a real Chromium: search, filters, keyboard, addresses, hostile names, cards, frames."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import numpy as np
import pandas as pd
import pytest

from leaderboard.board.search_help import EXAMPLES, PLACEHOLDER
from tests.browser.conftest import served_table, watch_requests, watched_page

playwright = pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.browser
expect = playwright.expect

ROWS = 2_000
HOSTILE = '<img src=x onerror="window.hit=1">'


def contents() -> pd.DataFrame:
    """A board of 2,000 rows with ties, a missing score, flags, and markup where a submitter may write."""
    rng = np.random.default_rng(0)
    scores = {title: rng.uniform(5, 60, ROWS) for title in ("IFEval", "BBH", "MATH Lvl 5", "GPQA", "MUSR", "MMLU-PRO")}
    frame = pd.DataFrame(
        {
            "fullname": [f"org{at % 9}/model-{at:04d}" for at in range(ROWS)],
            "Model sha": [f"{at:040x}" for at in range(ROWS)],
            "T": "🟢",
            "Type": np.where(np.arange(ROWS) % 2, "pretrained", "chat models (RLHF, DPO, IFT, ...)"),
            "Precision": np.where(np.arange(ROWS) % 3, "bfloat16", "4bit"),
            "Weight type": "Original",
            "Architecture": np.where(np.arange(ROWS) % 5, "LlamaForCausalLM", "Qwen2ForCausalLM"),
            "Hub License": np.where(np.arange(ROWS) % 4, "mit", "apache-2.0"),
            "#Params (B)": np.arange(ROWS) % 90 + 0.5,
            "Flagged": np.arange(ROWS) % 50 == 7,
            "Available on the hub": True,
        }
        | scores
        | {f"{title} Raw": values / 100 for title, values in scores.items()}
        | {f"{title} stderr": values / 50 for title, values in scores.items()}
    )
    frame.loc[3, "IFEval"] = np.nan
    frame.loc[0, ["fullname", "Hub License"]] = [f"org0/{HOSTILE}", HOSTILE]
    frame.loc[0, list(scores)] = 99.0
    return frame


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service over that board."""
    table = tmp_path_factory.mktemp("table") / "contents.parquet"
    contents().to_parquet(table)
    with served_table(table) as address:
        yield address


@pytest.fixture
def reader(chromium: Any, address: str) -> Iterator[Any]:
    """A page of a wide screen; script errors and requests to other places fail the test."""
    with watched_page(chromium, address) as (page, trouble):
        watch_requests(page, address, trouble)
        yield page


def status(page: Any) -> Any:
    return page.locator(".pt-status")


def names(page: Any) -> list[str]:
    model_names: list[str] = page.locator(".pt-name").all_text_contents()
    return model_names


def test_rows_are_windowed_and_come_as_the_reader_scrolls(reader: Any) -> None:
    reader.goto("/")
    expect(status(reader)).to_contain_text("1,960 of 2,000 checkpoints · 40 flagged hidden")
    assert reader.locator("tr[data-at]").count() < 80
    reader.locator(".pt-port").evaluate("port => port.scrollTop = port.scrollHeight")
    expect(reader.locator("tr[data-at='1959'] .pt-name")).to_be_visible()
    expect(reader.locator("tr[data-at='1959'] .pt-rank")).to_have_text("–")
    assert reader.locator("[role=grid]").get_attribute("aria-rowcount") == "1961"


def test_search_and_filters_are_in_the_address_and_come_back_from_it(reader: Any) -> None:
    reader.goto("/")
    reader.get_by_role("searchbox").fill("org1; org2; license: mit")
    expect(status(reader)).to_contain_text("hidden")
    reader.locator(".pt-bar").get_by_role("button", name="Precision").click()
    reader.get_by_role("group", name="Precision").get_by_text("4bit").click()
    reader.locator("thead").get_by_role("button", name="BBH").click()
    expect(reader.locator("th[aria-sort=descending]")).to_contain_text("BBH")
    expect(status(reader)).not_to_contain_text("1,960 of")
    counts, shown = status(reader).inner_text().split(" · updated")[0], names(reader)
    assert all(name.startswith(("org1/", "org2/")) for name in shown)
    assert "precisions=4bit" in reader.url and "sort=bbh" in reader.url
    reader.goto(reader.url)
    expect(status(reader)).to_contain_text(counts)
    assert names(reader) == shown
    assert reader.get_by_role("searchbox").input_value() == "org1; org2; license: mit"


def test_counts_beside_choices_agree_with_the_table(reader: Any) -> None:
    reader.goto("/")
    reader.locator(".pt-bar").get_by_role("button", name="Licence").click()
    choice = reader.get_by_role("group", name="Licence").locator("label", has_text="apache-2.0")
    counted = choice.locator(".pt-count").inner_text()
    choice.click()
    expect(status(reader)).to_contain_text(f"{counted} of 2,000 checkpoints")


def test_an_older_address_of_a_filter_is_understood_and_written_anew(reader: Any) -> None:
    reader.goto("/?licences=apache-2.0")
    chip = reader.locator(".pt-bar").get_by_role("button", name="Licence · 1")
    expect(chip).to_be_visible()
    chip.click()
    expect(reader.get_by_role("group", name="Licence").locator("label", has_text="apache-2.0")).to_be_checked()
    reader.get_by_role("group", name="Licence").locator("label", has_text="mit").click()
    expect(reader.locator(".pt-bar").get_by_role("button", name="Licence · 2")).to_be_visible()
    assert "license=apache-2.0,mit" in reader.url and "licences" not in reader.url


def test_nothing_found_names_the_filter_to_blame_and_drops_it(reader: Any) -> None:
    reader.goto("/?search=no-such-model")
    expect(reader.locator(".pt-empty")).to_contain_text("No matches. Remove:")
    reader.get_by_role("button", name="The search").click()
    expect(status(reader)).to_contain_text("1,960 of 2,000")
    reader.goto("/?architectures=MambaForCausalLM")
    reader.get_by_role("button", name="The architecture filter (1,960 rows)").click()
    expect(status(reader)).to_contain_text("1,960 of 2,000")
    assert "architectures" not in reader.url


def test_an_unknown_field_is_named_and_left_out(reader: Any) -> None:
    reader.goto("/?search=colour: red; org1")
    expect(reader.locator(".pt-warnings")).to_contain_text("There is no field “colour”")
    expect(reader.locator(".pt-name").first).to_contain_text("org1/")


def test_a_long_search_is_carried_out_or_refused_and_never_cut(reader: Any) -> None:
    names = "; ".join(f"some-organisation/a-rather-long-name-of-a-model-{at}-instruct" for at in range(60))
    reader.goto("/")
    expect(status(reader)).to_contain_text("1,960 of 2,000")
    reader.get_by_role("searchbox").fill(f"{names}; model-0010")
    expect(status(reader)).to_contain_text("1 of 2,000")
    reader.get_by_role("searchbox").fill("model " * 300)
    expect(status(reader)).to_contain_text("The search is too long")
    expect(reader.locator("tr[data-at]")).to_have_count(0)
    reader.get_by_role("searchbox").fill("model-0010")
    expect(reader.locator(".pt-name")).to_have_text(["org1/model-0010"])


def test_a_pasted_list_of_names_is_searched_as_alternatives(reader: Any) -> None:
    reader.goto("/")
    field = reader.get_by_role("searchbox")
    field.evaluate(
        """field => {
          const clipboardData = new DataTransfer();
          clipboardData.setData("text", "org1/model-0010\\norg2/model-0011\\n");
          field.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
        }"""
    )
    expect(field).to_have_value("org1/model-0010; org2/model-0011")
    expect(status(reader)).to_contain_text("2 of 2,000")


def test_the_examples_are_those_of_the_documentation(reader: Any) -> None:
    reader.goto("/")
    reader.get_by_role("button", name="How to search").click()
    examples = reader.locator(".pt-help .pt-option")
    expect(examples).to_have_text([f"{query} {meaning}" for query, meaning in EXAMPLES])
    expect(reader.get_by_role("searchbox")).to_have_attribute("placeholder", PLACEHOLDER)
    examples.nth(2).click()
    expect(reader.get_by_role("searchbox")).to_have_value(EXAMPLES[2].query)


def test_the_keyboard_reaches_everything(reader: Any) -> None:
    reader.goto("/?search=org3")
    expect(reader.locator(".pt-name").first).to_contain_text("org3/")
    expect(reader.get_by_role("searchbox")).to_be_visible()
    reader.locator("body").press("/")
    expect(reader.get_by_role("searchbox")).to_be_focused()
    reader.keyboard.press("ArrowDown")
    reader.keyboard.press("ArrowDown")
    expect(reader.locator("tr[data-at='1']")).to_be_focused()
    reader.keyboard.press("c")
    reader.keyboard.press("ArrowDown")
    reader.keyboard.press("c")
    expect(reader.get_by_role("region", name="Chosen for comparison").get_by_role("link")).to_have_text("Compare")
    second = reader.locator("tr[data-at='2'] .pt-name").inner_text()
    reader.keyboard.press("Enter")
    reader.wait_for_url(f"**/model/{second}**")


def test_pins_stay_on_top_and_in_the_address(reader: Any) -> None:
    reader.goto("/?search=model-0010")
    row = reader.locator("tr[data-at='0']")
    expect(row).to_contain_text("org1/model-0010")
    row.hover()
    row.locator(".pt-pin").click()
    expect(row.locator(".pt-pin")).to_have_attribute("aria-pressed", "true")
    assert "pins=org1/model-0010@" in unquote(reader.url)
    reader.goto(reader.url.replace("search=model-0010", "sort=gpqa"))
    expect(row).to_contain_text("org1/model-0010")
    expect(row.locator(".pt-pin")).to_have_attribute("aria-pressed", "true")


def test_what_submitters_write_stays_text(reader: Any) -> None:
    reader.goto("/?columns=ifeval,license")
    expect(reader.locator("tr[data-at='0'] .pt-name")).to_have_text(f"org0/{HOSTILE}")
    assert reader.evaluate("window.hit") is None
    assert reader.locator("tbody img").count() == 0
    reader.goto("/embed")
    expect(reader.locator("tr[data-at='0'] .pt-name")).to_have_text(f"org0/{HOSTILE}")
    assert reader.evaluate("window.hit") is None


def test_a_narrow_screen_shows_cards(chromium: Any, address: str) -> None:
    page = chromium.new_context(viewport={"width": 390, "height": 800}, base_url=address).new_page()
    page.goto("/")
    card = page.locator("tr.pt-card").nth(1)
    expect(card.locator(".pt-pair")).to_have_count(2)
    card.get_by_role("button", name="more").click()
    expect(card.locator(".pt-pair")).not_to_have_count(2)
    page.locator(".pt-bar").get_by_role("button", name="Sort").click()
    page.get_by_role("group", name="Sort").get_by_role("button", name="BBH").click()
    assert "sort=bbh" in page.url
    for at in range(2):
        page.locator("tr.pt-card").nth(at).get_by_role("checkbox").check()
    expect(page.get_by_role("region", name="Chosen for comparison").get_by_role("link")).to_have_text("Compare")
    for chip in ("Type", "Architecture", "Size", "Licence", "Precision", "Hide", "Columns", "Scores", "Export"):
        expect(page.locator(".pt-bar").get_by_role("button", name=chip)).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.context.close()


@pytest.mark.parametrize("chip", ["Architecture", "Export"])
def test_the_panel_of_a_chip_is_all_in_view(chromium: Any, address: str, chip: str) -> None:
    context = chromium.new_context(viewport={"width": 800, "height": 800}, base_url=address)
    page = context.new_page()
    page.goto("/")
    page.locator(".pt-bar").get_by_role("button", name=chip).click()
    panel = page.get_by_role("group", name=chip).bounding_box()
    assert panel["x"] >= 0 and panel["x"] + panel["width"] <= 800
    context.close()


def test_exports_hold_exactly_what_is_shown(reader: Any, address: str) -> None:
    reader.goto("/?search=org4; precision: bfloat16&sort=gpqa")
    expect(reader.locator(".pt-name").first).to_contain_text("org4/")
    reader.locator(".pt-bar").get_by_role("button", name="Export").click()
    with reader.expect_download() as waiting:
        reader.get_by_text("CSV of what is shown").click()
    exported = pd.read_csv(Path(waiting.value.path()))
    shown = httpx.get(
        f"{address}/api/v1/benchmarks/open-llm-v2/rows?search=org4; precision: bfloat16&sort=gpqa", trust_env=False
    )
    assert len(exported) == shown.json()["total"]
    assert list(exported["Model"][:50]) == [row["model"] for row in shown.json()["rows"][:50]]


def test_the_frame_for_other_sites_needs_no_gradio(reader: Any, address: str) -> None:
    urls: list[str] = []
    reader.on("request", lambda request: urls.append(request.url))
    reader.goto("/embed?benchmark=open-llm-v2")
    reader.get_by_role("searchbox").fill("org5")
    expect(reader.locator(".pt-name").first).to_contain_text("org5/")
    assert not [url for url in urls if "gradio" in url]
    back = reader.get_by_role("link", name="Open LLM Leaderboard 2 on Podium")
    expect(back).to_have_attribute("href", "/?benchmark=open-llm-v2")
    policy = httpx.get(f"{address}/embed", trust_env=False).headers["content-security-policy"]
    assert "frame-ancestors *" in policy


def shown_total(page: Any) -> int:
    """The number at the head of the status line."""
    return int(status(page).text_content().split(" ")[0].replace(",", ""))  # `inner_text` is empty until it is painted


@pytest.mark.parametrize(
    ("chip", "choice", "parameter"),
    [
        ("Type", "chat models", "types=chat"),
        ("Precision", "4bit", "precisions=4bit"),
        ("Licence", "apache-2.0", "license=apache-2.0"),
        ("Architecture", "Qwen2ForCausalLM", "architectures=Qwen2ForCausalLM"),
        ("Hide", "Only official providers", "official=true"),
    ],
)
def test_each_filter_shows_as_many_rows_as_it_says(reader: Any, chip: str, choice: str, parameter: str) -> None:
    reader.goto("/")
    expect(status(reader)).to_contain_text("1,960 of 2,000")
    reader.locator(".pt-bar").get_by_role("button", name=chip).click()
    label = reader.get_by_role("group", name=chip).locator("label", has_text=choice)
    counted = int(label.locator(".pt-count").inner_text().replace(",", ""))
    label.click()
    expect(status(reader)).to_contain_text(f"{counted:,} of 2,000")
    assert parameter in reader.url and counted < 1960


def test_sizes_are_applied_as_they_are_shown(reader: Any) -> None:
    reader.goto("/")
    reader.locator(".pt-bar").get_by_role("button", name="Size").click()
    reader.get_by_role("button", name="edge").click()
    expect(reader.locator(".pt-bar").get_by_role("button", name="Size below 3 B")).to_be_visible()
    expect(status(reader)).not_to_contain_text("1,960 of")
    edge = shown_total(reader)
    reader.goto("/?size_min=3")
    expect(status(reader)).to_contain_text("of 2,000")
    assert edge + shown_total(reader) == 1960


def test_hidden_kinds_come_back_when_asked_for(reader: Any) -> None:
    reader.goto("/")
    reader.locator(".pt-bar").get_by_role("button", name="Hide").click()
    reader.get_by_role("group", name="Hide").locator("label", has_text="flagged").click()
    expect(status(reader)).to_contain_text("2,000 checkpoints")
    assert "hide=none" in reader.url


def test_columns_are_chosen_and_standard_errors_shown(reader: Any) -> None:
    reader.goto("/")
    heading = reader.locator("thead")
    expect(heading).not_to_contain_text("Architecture")
    reader.locator(".pt-bar").get_by_role("button", name="Columns").click()
    columns = reader.get_by_role("group", name="Columns")
    columns.locator("label", has_text="Architecture").click()
    expect(heading).to_contain_text("Architecture")
    columns.locator("label", has_text="GPQA").click()
    expect(heading).not_to_contain_text("GPQA")
    expect(reader.locator(".pt-error").first).to_be_visible()
    reader.goto("/?errors=false&rank=dynamic&average=visible&columns=bbh,gpqa")
    expect(reader.locator(".board.live")).to_be_visible()
    expect(reader.locator(".pt-error")).to_have_count(0)
    expect(heading).to_contain_text("Rank shown")


def test_dark_is_dark_and_readable(chromium: Any, address: str) -> None:
    context = chromium.new_context(viewport={"width": 1400, "height": 900}, base_url=address, color_scheme="dark")
    page = context.new_page()
    page.goto("/")
    name = page.locator(".pt-name").first
    expect(name).to_be_visible(timeout=20_000)
    ink, ground = (name.evaluate(f"e => getComputedStyle(e.closest('{at}')).{what}") for at, what in COLOURS)
    assert brightness(ink) > 180 > 60 > brightness(ground)
    context.close()


COLOURS = (("a", "color"), ("th", "backgroundColor"))


def brightness(colour: str) -> float:
    """Mean of a computed colour's three parts, 0 to 255."""
    return sum(float(part) for part in colour[colour.index("(") + 1 : -1].split(",")[:3]) / 3
