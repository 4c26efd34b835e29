"""The shipped challenges in a browser: a submission uploaded on the page Submit becomes a ranked row of the board."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import localhub
from backend.sandbox.programs import missing
from leaderboard.benchmarks import Benchmark
from scripts.service import Running, running
from tests.browser.test_challenges import submit
from tests.browser.test_table import expect
from tests.challenges.boards import NAMES, answers, installed, submitted_file

playwright = pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.browser
SOLUTIONS = {
    "estimator": {"package": ["solutions/exact"]},
    "qa-predictions": {"program": "solutions/follow.py"},
    "response-prediction": {"package": ["kit/baselines/rasch"]},
}


class Board:
    """A running board with the shipped challenges."""

    def __init__(self, service: Running, benchmarks: dict[str, Benchmark]) -> None:
        self.service = service
        self.benchmarks = benchmarks

    def data(self, name: str) -> Path:
        """The data of a kit."""
        return self.service.folder / "benchmarks" / name / "kit" / "data"


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    folder = tmp_path_factory.mktemp("shipped")
    benchmarks = installed(folder)
    settings = {
        "PODIUM_BENCHMARKS": ",".join(NAMES), "PODIUM_BENCHMARKS_DIR": str(folder / "benchmarks"),
        "PODIUM_PRIVATE_DIR": str(folder / "private"), "PODIUM_SECRETS_DIR": str(folder / "secrets"),
        "PODIUM_SIGN_IN": "off", "PODIUM_TICK_S": "0.5",
    }  # fmt: skip
    with localhub.running(folder / "hub") as hub, running(hub.endpoint, folder, settings) as service:
        yield Board(service, benchmarks)


@pytest.fixture
def page(chromium: playwright.Browser, board: Board) -> Iterator[playwright.Page]:
    context = chromium.new_context(viewport={"width": 1400, "height": 900}, base_url=board.service.address)
    context.set_default_timeout(20_000)
    yield context.new_page()
    context.close()


def fill_entry(page: playwright.Page, benchmark: Benchmark) -> None:
    """Answer what the track asks, and accept the terms."""
    for key, text in answers(benchmark)["disclosure"].items():
        field = page.locator(f'fieldset:not([hidden]) [name="disclosure.{key}"]')
        if field.evaluate("field => field.tagName") == "SELECT":
            field.select_option(text)
        else:
            field.fill(text)
    page.get_by_label("I accept the terms").check()


@pytest.mark.soak
@pytest.mark.parametrize("name", NAMES)
def test_an_upload_becomes_a_ranked_row(page: playwright.Page, board: Board, name: str, tmp_path: Path) -> None:
    if "package" in SOLUTIONS[name] and (why := missing()):
        pytest.skip(why)
    file = submitted_file(name, SOLUTIONS[name], board.data(name), tmp_path)
    page.goto(f"/submit?benchmark={name}")
    page.get_by_label("Name").fill("uploaded")  # waits for the form
    if not page.locator('[name="track"]').count():
        pytest.skip("the form does not ask for a track yet")
    page.get_by_label("File").set_input_files(file)
    fill_entry(page, board.benchmarks[name])
    submit(page, "anonymous/uploaded")
    page.goto(f"/?benchmark={name}")
    expect(page.get_by_role("row").filter(has_text="uploaded")).to_be_visible()
    page.get_by_role("link", name="uploaded").first.click()
    page.wait_for_url("**/model/**")
    expect(page.locator("main, body").first).to_contain_text("Rank 1 of 1")
