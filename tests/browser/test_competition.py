"""A competition in a browser: a team is made and chooses; an organiser reviews, marks and runs again."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

import localhub
from leaderboard.records import Request
from leaderboard.service import Service, open_service
from leaderboard.settings import PROJECT, Settings
from scripts.service import Running, running
from tests.browser.conftest import watched_page
from tests.browser.test_community import become
from tests.leaderboard.board.test_contents import block
from tests.leaderboard.board.test_contents import publish as publish_block
from tests.leaderboard.people import ORGANIZATIONS, TOKENS

pytestmark = pytest.mark.browser
RULES = """
competition:
  ends: 2999-01-01T00:00:00Z
  team_size: 3
  final_submissions: 2
  reviewed: 3
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("competition")
    shutil.copytree(PROJECT / "benchmarks" / "tasks", folder / "benchmarks" / "tasks")
    text = (PROJECT / "benchmarks" / "tiny.yaml").read_text() + RULES
    (folder / "benchmarks" / "tiny.yaml").write_text(text)
    return folder


@pytest.fixture(scope="module")
def board(folder: Path) -> Service:
    """The board's stores, for putting requests and results there as a worker does."""
    return open_service(
        Settings(
            benchmarks_dir=folder / "benchmarks",
            private_dir=folder / "private",
            requests_dir=folder / "requests",
            results_dir=folder / "results",
            work_dir=folder / "work",
        )
    )


@pytest.fixture(scope="module")
def service(folder: Path) -> Iterator[Running]:
    more = {
        "PODIUM_SIGN_IN": "required", "PODIUM_MAINTAINERS": "keepers", "PODIUM_EMBEDDED": "false",
        "PODIUM_BENCHMARKS_DIR": str(folder / "benchmarks"), "PODIUM_PRIVATE_DIR": str(folder / "private"),
    }  # fmt: skip
    with (
        localhub.running(folder / "hub", tokens=TOKENS, organizations=ORGANIZATIONS) as hub,
        running(hub.endpoint, folder, more) as service,
    ):
        yield service


@pytest.fixture
def page(chromium: Browser, service: Running) -> Iterator[Page]:
    with watched_page(chromium, service.address) as (page, _):
        yield page


def finished(board: Service, number: int, person: str) -> Request:
    """A finished submission with a result; a higher number has more points."""
    result = block(number)
    request = board.queue.submit(
        Request(id=result.request_id, model=result.model, benchmark="tiny", revision=result.revision, sender=person)
    )
    done = board.queue.finish(board.queue.claim(request, "worker", 60))
    publish_block(board.results_store, result)  # type: ignore[arg-type]
    return done


def fits(page: Page) -> bool:
    """Whether nothing is wider than a telephone."""
    page.set_viewport_size({"width": 390, "height": 844})
    width: int = page.evaluate("document.documentElement.scrollWidth")
    page.set_viewport_size({"width": 1400, "height": 900})
    return width <= 390


def test_a_team_is_made_and_chooses(page: Page, board: Service) -> None:
    for number, person in enumerate(["ada", "bob", "bob"]):
        finished(board, number, person)
    page.goto("/participate/tiny")
    expect(page.locator("main")).to_contain_text("Sign in to see your team")
    become(page, "ada", "/participate/tiny")
    page.get_by_text("Found a team").click()
    page.get_by_label("Name of the team").fill("Reds")
    page.get_by_role("button", name="Found it").click()
    expect(page.locator("#team")).to_contain_text("Team Reds: ada")
    page.get_by_text("Invite somebody").click()
    page.get_by_label("Name of their account").fill("bob")
    page.get_by_role("button", name="Invite", exact=True).click()
    expect(page.locator("#team")).to_contain_text("bob is invited")

    become(page, "bob", "/participate/tiny")
    page.get_by_role("button", name="Join Team Reds").click()
    expect(page.locator("#team")).to_contain_text("Team Reds: ada, bob")
    boxes = page.locator("#selection input[type=checkbox]")
    expect(boxes).to_have_count(3)
    for at in range(3):
        boxes.nth(at).check()
    page.get_by_role("button", name="Save the choice").click()
    expect(page.locator("#selection output")).to_contain_text("At most 2 can be chosen")
    boxes.nth(0).uncheck()
    page.get_by_role("button", name="Save the choice").click()
    expect(page.locator("#selection output")).to_be_hidden()
    page.reload()
    expect(page.locator("#selection input:checked")).to_have_count(2)
    assert fits(page)


def test_an_organiser_reviews_marks_and_runs_again(page: Page, board: Service) -> None:
    _, baseline, refused = (finished(board, number, "eve") for number in (7, 8, 9))
    become(page, "mia", "/manage/tiny")
    best = page.locator(f"#row-{refused.id}")
    expect(best).to_contain_text("to review")
    best.get_by_text("Review", exact=True).click()
    best.get_by_label("State").select_option("refused")
    best.get_by_role("button", name="Set it").click()
    expect(best.locator("output")).to_contain_text("refused with a reason")
    best.get_by_label("Reason, public").fill("It read the labels.")
    best.get_by_role("button", name="Set it").click()
    expect(best).to_contain_text("refused: It read the labels. mia")
    expect(best.locator("td").first).to_have_text("–")
    expect(best.locator("details[open]")).to_have_count(0)
    second = page.locator(f"#row-{baseline.id}")
    second.get_by_text("Baseline", exact=True).click()
    second.get_by_label("Why", exact=True).first.fill("Ours.")
    second.get_by_role("button", name="Mark it").click()
    expect(second.locator(".status")).to_have_text("baseline")
    expect(second.locator("details[open]")).to_have_count(0)
    page.get_by_text("Run all finished submissions again").click()
    page.locator("#reruns").get_by_label("Why").fill("The labels were wrong.")
    page.get_by_role("button", name="Evaluate all again").click()
    expect(page.locator("#reruns")).to_contain_text(re.compile(r"0 of (\d) have a new result, \1 wait or run\."))
    expect(page.locator("#decisions")).to_contain_text("set the review of org/model9 to refused")
    assert fits(page)

    page.goto("/?benchmark=tiny")
    row = page.get_by_role("row").filter(has_text="org/model9")
    expect(row.locator(".pt-badge", has_text=re.compile("^refused$"))).to_have_attribute("title", "It read the labels.")
    expect(row.locator(".pt-rank")).to_have_text("–")
    expect(page.get_by_role("row").filter(has_text="org/model8").locator(".pt-badge")).to_have_text("baseline")
