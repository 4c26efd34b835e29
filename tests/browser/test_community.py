"""Flags, votes and discussions in a browser, by people who signed in at the Hub."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

import localhub
from leaderboard.records import Failure, Fault, Request
from leaderboard.service import Service, open_service
from leaderboard.settings import Settings
from scripts.service import Running, running
from tests.browser.conftest import watched_page
from tests.leaderboard.api.test_api import publish
from tests.leaderboard.people import ORGANIZATIONS, TOKENS

pytestmark = pytest.mark.browser
WHY = "Its weights are those of lab/original.\n<b>Compare</b> the hashes."


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("board")


@pytest.fixture(scope="module")
def board(folder: Path) -> Service:
    """The board's stores, for putting requests and results there as a worker does."""
    return open_service(
        Settings(
            benchmarks="tiny",
            requests_dir=folder / "requests",
            results_dir=folder / "results",
            work_dir=folder / "work",
        )
    )


@pytest.fixture(scope="module")
def service(folder: Path) -> Iterator[Running]:
    more = {"PODIUM_SIGN_IN": "required", "PODIUM_MAINTAINERS": "keepers", "PODIUM_EMBEDDED": "false"}
    with (
        localhub.running(folder / "hub", tokens=TOKENS, organizations=ORGANIZATIONS) as hub,
        running(hub.endpoint, folder, more) as service,
    ):
        yield service


@pytest.fixture
def person(chromium: Browser, service: Running) -> Iterator[Page]:
    with watched_page(chromium, service.address) as (page, _):
        yield page


def become(page: Page, name: str, address: str) -> None:
    """Sign in as `name` at the Hub's own page, and come back to `address`."""
    page.context.clear_cookies()
    page.goto(f"/api/v1/sign-in?back={address}")
    page.locator("input[name=token]").fill(TOKENS[name])
    page.locator("form button").first.click()
    page.wait_for_url(re.compile(re.escape(address.partition("#")[0])))


def submitted_request(board: Service, number: int) -> Request:
    fields = {"benchmark": "tiny", "model": "lab/model", "revision": f"{number:x}" * 40, "sender": "bob"}
    return board.queue.submit(Request(**fields))


def until_hidden(page: Page, hidden: dict[str, int]) -> None:
    """Wait until the board, which looks for changes every two seconds, hides so many rows."""
    for _ in range(50):
        if page.request.get("/api/v1/benchmarks/tiny/rows").json()["hidden"] == hidden:
            return
        page.wait_for_timeout(200)
    raise AssertionError(f"the board does not hide {hidden}")


def check_page_of_flags(page: Page, decision: str) -> None:
    until_hidden(page, {"flagged": 1})
    page.goto("/flags")
    expect(page.locator("#decided")).to_contain_text(decision)
    expect(page.locator("#open")).to_contain_text("No flag waits for a decision.")


def check_hidden_on_the_board(page: Page) -> None:
    """The board counts it, shows it on request, and leads to the flag."""
    page.goto("/")
    expect(page.locator(".board")).to_contain_text(re.compile("1 flagged"))
    page.goto("/?hide=none")
    badge = page.get_by_role("link", name="flagged: copy without attribution")
    expect(badge).to_be_visible()
    badge.click()
    page.wait_for_url(re.compile("/model/lab/model.*#flags"))
    expect(page.locator("#flags")).to_be_in_viewport()


def test_a_flag_from_its_evidence_to_the_appeal(person: Page, board: Service, service: Running) -> None:
    done = board.queue.claim(submitted_request(board, 1), "worker", 60)
    publish(board, done)
    board.queue.finish(done)
    page = person
    model = "/model/lab/model"

    page.goto(model)
    expect(page.locator("#flags")).to_contain_text("Sign in to flag these results")
    become(page, "eve", model)
    page.get_by_text("Flag these results").click()
    page.get_by_label("Category").select_option("copy without attribution")
    page.get_by_label("Evidence").fill("short")
    page.get_by_label("Evidence").evaluate("field => field.removeAttribute('minlength')")
    page.get_by_role("button", name="Submit this flag").click()
    expect(page.locator("#new-flag output")).to_contain_text("at least 20 characters")
    page.get_by_label("Evidence").fill(WHY)
    page.get_by_label("Links").fill("https://a.example/1\nhttps://a.example/2")
    page.get_by_role("button", name="Submit this flag").click()
    flag = page.locator("article.flag")
    expect(flag).to_contain_text("proposed")
    expect(flag.locator(".evidence")).to_have_text(WHY)
    assert flag.locator("ul.links a").count() == 2 and flag.locator("b", has_text="Compare").count() == 0
    assert page.get_by_text("Accept", exact=True).count() == 0

    become(page, "mia", model)
    page.get_by_text("Accept", exact=True).click()
    flag.get_by_label("Why").first.fill("The hashes are equal.")
    page.get_by_role("button", name="Accept this flag").click()
    expect(flag).to_contain_text("accepted")
    expect(page.locator(".note.bad")).to_contain_text("copy without attribution")
    assert page.request.get("/api/v1/flags.json").json()["flagged"] == {"lab/model": ["copy without attribution"]}

    check_page_of_flags(page, "The hashes are equal.")
    until_hidden(page, {"flagged": 1})
    check_hidden_on_the_board(page)

    become(page, "ada", model)
    expect(page.locator("#flags")).to_contain_text("You own this model")
    page.get_by_label("Your reply").fill("We made lab/original ourselves. <img src=x onerror=alert(1)>")
    page.get_by_role("button", name="Reply").click()
    expect(page.locator(".comment", has_text="ada")).to_contain_text("We made lab/original ourselves. <img")

    become(page, "mia", model)
    page.get_by_text("Reject", exact=True).click()
    page.get_by_role("button", name="Reject this flag").click()
    expect(flag.locator(".state")).to_have_text("rejected")
    until_hidden(page, {})
    page.goto("/")
    expect(page.get_by_role("link", name="lab/model", exact=True)).to_be_visible()


def test_votes_reports_and_what_maintainers_do(person: Page, board: Service, service: Running) -> None:
    page, request = person, submitted_request(board, 2)
    address = f"/request/{request.id}"
    become(page, "eve", address)
    page.get_by_role("button", name="Vote to run it earlier").click()
    expect(page.locator(".deeds")).to_contain_text("2 votes")
    assert board.queue.get(request.id).priority == 1
    page.get_by_role("button", name="Withdraw my vote").click()
    expect(page.locator(".deeds")).to_contain_text("1 vote")

    why = Failure(fault=Fault.SUBMISSION, code="no_tokenizer", message="It has no tokenizer.")
    board.queue.fail(board.queue.claim(request, "worker", 60), why)
    page.reload()
    page.get_by_text("Report this failure").click()
    page.get_by_label("What you think went wrong").fill("It is there since Monday.")
    page.get_by_role("button", name="Open a discussion").click()
    expect(page.locator(".comment")).to_contain_text("It is there since Monday.")
    assert page.get_by_text("Relaunch", exact=True).count() == 0

    become(page, "mia", address)
    page.get_by_text("Correct", exact=True).click()
    page.get_by_label("Licence").fill("mit")
    page.get_by_role("button", name="Correct it").click()
    expect(page.locator("ul.edits")).to_contain_text("license: unknown mit")
    page.get_by_text("Relaunch", exact=True).click()
    page.get_by_role("button", name="Put it back into the queue").click()
    expect(page.locator("ol.timeline")).to_contain_text("relaunched")
    expect(page.locator(".comment").last).to_contain_text("mia has relaunched")

    become(page, "bob", address)
    page.get_by_text("Withdraw it").click()
    page.get_by_role("button", name="Remove it from the queue").click()
    expect(page.locator(".status").first).to_have_text("cancelled")
    stored = json.loads(board.queue.raw(request.id))
    assert [entry["by"] for entry in stored["history"]] == ["bob", "worker", "worker", "mia", "bob"]
