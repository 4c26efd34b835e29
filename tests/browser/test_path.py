"""The whole path in a browser: from the form to a row on the board and an example of its details."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, Route, expect

pytestmark = pytest.mark.browser
RUN_MS = 120_000


def test_from_the_form_to_the_board_and_its_examples(page: Page) -> None:
    page.goto("/submit")
    page.get_by_label("Model on the Hub").fill("podium-demo/tiny-base")
    result = page.locator("#found").first
    expect(result).to_contain_text("LlamaForCausalLM")
    expect(result).to_contain_text("Weights in safetensors")
    page.get_by_role("button", name=re.compile(r"^Queue podium-demo.tiny-base at [0-9a-f]{7} in bfloat16$")).click()

    page.wait_for_url(re.compile(r"/request/[0-9a-f]{16}"))
    expect(page.get_by_role("heading", name="podium-demo/tiny-base")).to_be_visible()
    expect(page.locator("ol.timeline")).to_contain_text("Pending")
    expect(page.locator("ol.timeline")).to_contain_text("Running", timeout=RUN_MS)
    expect(page.locator("ol.timeline")).to_contain_text("Finished", timeout=RUN_MS)

    page.get_by_role("link", name="Queue", exact=True).click()
    ended = page.locator("tr", has_text="tiny-base")
    expect(ended).to_contain_text("finished")
    expect(ended.get_by_role("link", name="file")).to_have_attribute("href", re.compile("/api/v1/requests/.*/file"))

    page.get_by_role("link", name="Leaderboard", exact=True).click()
    row = page.get_by_role("row").filter(has_text="podium-demo/tiny-base")
    expect(row).to_be_visible()
    row.get_by_role("link", name=re.compile("tiny-base")).first.click()

    page.wait_for_url(re.compile("/model/podium-demo/tiny-base"))
    expect(page.get_by_role("heading", name="podium-demo/tiny-base")).to_be_visible()
    expect(page.locator("table.intervals tbody tr").first).to_contain_text("Arithmetic")
    expect(page.locator("section", has=page.get_by_role("heading", name="Reproduce these scores"))).to_contain_text(
        "lm_eval"
    )
    first = page.locator("article.example").first
    expect(first).to_contain_text(re.compile("right|wrong"))
    expect(first.locator("pre").first).not_to_be_empty()

    page.get_by_label("Right or wrong").select_option("wrong")
    expect(page.locator("article.example.right")).to_have_count(0)
    expect(page.locator("article.example.wrong").first).to_be_visible()
    assert "only=wrong" in page.url
    page.reload()
    expect(page.locator("article.example.right")).to_have_count(0)
    expect(page.locator("article.example.wrong").first).to_be_visible()


def test_the_last_look_up_is_about_what_the_form_says(page: Page) -> None:
    filling: list[Route] = []
    looks: list[Route] = []
    answered: list[Route] = []

    def hold(route: Route) -> None:
        data = (route.request.post_data_json or {}).get("data", [])
        if len(data) == 1:
            filling.append(route)
        elif "podium-demo/tiny-finetuned" in data and not answered:
            looks.append(route)
        else:
            route.continue_()

    page.route("**/gradio_api/**", hold)
    page.goto("/submit")
    page.get_by_label("Model on the Hub").fill("podium-demo/tiny-finetuned")
    while not looks:
        page.wait_for_timeout(50)
    for route in filling:  # the form gets the benchmark's own choices while it is looked up with others
        route.continue_()
    expect(page.get_by_label("Precision")).to_have_value("bfloat16")
    page.wait_for_timeout(500)
    for route in reversed(looks):
        answered.append(route)
        route.continue_()
        page.wait_for_timeout(500)
    expect(
        page.get_by_role("button", name=re.compile("^Queue podium-demo.tiny-finetuned at .* in bfloat16$"))
    ).to_be_visible()


def test_a_refused_checkpoint_says_everything_that_is_wrong(page: Page) -> None:
    page.goto("/submit?model=podium-demo/custom-code")
    result = page.locator("#found").first
    expect(result).to_contain_text("custom_code")
    expect(page.get_by_role("button", name=re.compile(r"^Fix \d problem"))).to_be_disabled()
    page.get_by_label("Model on the Hub").fill("podium-demo/<b>none</b>")
    expect(result).to_contain_text("invalid_model_id")
    assert result.locator("li b:not(.mark)").count() == 0


def test_the_base_model_is_asked_for_where_it_is_needed(page: Page) -> None:
    page.goto("/submit?model=podium-demo/tiny-lora")
    expect(page.locator("#found").first).to_contain_text("is_an_adapter")
    assert page.get_by_label("Base model").count() == 0
    page.get_by_label("Adapter").check()
    expect(page.get_by_label("Base model")).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("^Queue podium-demo.tiny-lora at"))).to_be_enabled()


@pytest.mark.parametrize("path", ["/queue", "/about", "/model/org/unheard-of", "/request/0123456789abcdef", "/submit"])
def test_every_address_can_be_opened_directly(page: Page, path: str) -> None:
    page.goto(path)
    expect(page.locator("header.top nav a")).not_to_have_count(0)
    expect(page.locator("h1, h2, .lead").first).to_be_visible()


def test_a_document_is_complete_before_its_scripts_come(page: Page) -> None:
    page.route(re.compile(r"/podium-assets/\w+\.js"), lambda route: None)
    page.goto("/model/org/unheard-of?benchmark=open-llm-v1", wait_until="commit")
    expect(page.locator(".page h1").first).to_be_visible()
    assert page.url.endswith("/model/org/unheard-of?benchmark=open-llm-v1")
    expect(page).to_have_title(re.compile("^This page cannot be shown · "))
    expect(page.get_by_label("Benchmark")).to_have_value("open-llm-v1")
    expect(page.get_by_role("link", name="Queue", exact=True)).to_have_attribute("href", "/queue?benchmark=open-llm-v1")


def test_scripts_that_come_after_a_page_of_gradios_was_drawn_complete_it(page: Page) -> None:
    held: list[Route] = []
    page.route(re.compile(r"/podium-assets/\w+\.js"), lambda route: held.append(route))
    page.goto("/manage/unheard-of?benchmark=open-llm-v1")
    expect(page.locator(".page h1, .page h2").first).to_be_visible()
    assert page.url.endswith("/manage?subject=unheard-of&benchmark=open-llm-v1") and held
    for route in held:
        route.continue_()
    page.wait_for_url("**/manage/unheard-of?benchmark=open-llm-v1")
    expect(page).to_have_title(re.compile("^This page cannot be shown · "))
    expect(page.get_by_label("Benchmark")).to_have_value("open-llm-v1")


@pytest.mark.parametrize("path", ["/", "/submit?model=podium-demo/tiny-base", "/queue", "/about", "/docs"])
def test_a_narrow_window_shows_everything_without_scrolling_sideways(page: Page, path: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(path)
    expect(page.locator("h1, h2, .lead, .board").first).to_be_visible()
    page.wait_for_timeout(500)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_chosen_benchmark_is_kept_from_page_to_page(page: Page) -> None:
    page.goto("/queue")
    page.get_by_label("Benchmark").select_option("open-llm-v1")
    page.wait_for_url("**/queue?benchmark=open-llm-v1")
    page.get_by_role("link", name="About", exact=True).click()
    expect(page.get_by_role("heading", name=re.compile("^About"))).to_contain_text("Open LLM Leaderboard 1")
    expect(page.get_by_label("Benchmark")).to_have_value("open-llm-v1")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_both_themes_have_readable_text(page: Page, scheme: str) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.goto("/about")
    expect(page.get_by_role("heading", name="How a score is made")).to_be_visible()
    ratios = page.evaluate(CONTRAST)
    assert ratios, "there is text to look at"
    assert {text: ratio for text, ratio in ratios.items() if ratio < 4.5} == {}


CONTRAST = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgb = (color) => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = rgb(getComputedStyle(at).backgroundColor);
      if (color[3] === 255) return color;
    }
    return [255, 255, 255, 255];
  };
  const found = {};
  for (const element of document.querySelectorAll(".page *, header.top *")) {
    const text = [...element.childNodes].filter((one) => one.nodeType === 3).map((one) => one.data.trim()).join("");
    if (!text || !element.checkVisibility()) continue;
    const [a, b] = [light(rgb(getComputedStyle(element).color)), light(ground(element))];
    found[text.slice(0, 40)] = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  }
  return found;
}"""
