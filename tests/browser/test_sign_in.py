"""Signing in by OpenID in a browser, submitting under one's name up to the quota, and signing out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

import localhub
from scripts.seed_hub import seed
from scripts.service import running
from tests.leaderboard.people import ORGANIZATIONS, TOKENS

pytestmark = pytest.mark.browser
ROOT = Path(__file__).resolve().parents[2]
PATIENCE_MS = 20_000
QUOTA = "\npolicy:\n  quota: {person: 1, period_days: 7}\n"


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a board that needs signing in, has a quota of one, and runs nothing."""
    folder = tmp_path_factory.mktemp("signed")
    seed(folder / "hub")
    benchmarks = folder / "benchmarks"
    benchmarks.mkdir()
    (benchmarks / "tasks").symlink_to(ROOT / "benchmarks" / "tasks")
    (benchmarks / "tiny.yaml").write_text((ROOT / "benchmarks" / "tiny.yaml").read_text() + QUOTA)
    answer = {
        "PODIUM_BENCHMARKS_DIR": str(benchmarks),
        "PODIUM_SIGN_IN": "required",
        "PODIUM_MAINTAINERS": "keepers",
        "PODIUM_EMBEDDED": "false",
    }
    with (
        localhub.running(folder / "hub", choose_user=True, tokens=TOKENS, organizations=ORGANIZATIONS) as hub,
        running(hub.endpoint, folder, answer) as service,
    ):
        yield service.address


@pytest.fixture
def page(chromium: Browser, board: str) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 1400, "height": 900}, base_url=board)
    context.set_default_timeout(PATIENCE_MS)
    yield context.new_page()
    context.close()


def test_from_signing_in_to_the_quota_and_out_again(page: Page, board: str) -> None:
    page.goto("/submit?model=podium-demo/tiny-base")
    button = page.get_by_role("button", name=re.compile(r"^Queue podium-demo.tiny-base at [0-9a-f]{7} in bfloat16$"))
    button.click()
    expect(page.locator("#found").first).to_contain_text("Sign in to do this")

    page.get_by_role("link", name="Sign in").click()
    page.get_by_role("button", name="ada").click()
    page.wait_for_url(re.compile("/submit"))
    expect(page.locator("header.top .people")).to_contain_text("ada")
    expect(page.locator("#found").first).to_contain_text("1 of 1 left per 7 days")
    button.click()
    page.wait_for_url(re.compile(r"/request/[0-9a-f]{16}"))
    [request] = httpx.get(f"{board}/api/v1/requests", trust_env=False).json()["requests"]
    assert request["sender"] == "ada"

    page.goto("/submit?model=podium-demo/tiny-merge")
    result = page.locator("#found").first
    expect(result).to_contain_text("one person may make 1")
    expect(result).to_contain_text(re.compile(r"again from \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"))
    year = str(datetime.now(UTC).year)[:2]
    assert year in result.inner_text()

    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()


def test_a_forged_cookie_and_a_missing_stamp_change_nothing(page: Page, board: str) -> None:
    body = {"benchmark": "tiny", "model": "podium-demo/tiny-finetuned"}
    page.goto("/queue")
    page.context.add_cookies([{"name": "podium_session", "value": "forged", "url": board}])
    submit = (
        "body => fetch('/api/v1/submissions', {method: 'POST', body, headers: {'content-type': 'application/json'}})"
    )
    status = f"async body => (await ({submit})(body)).status"
    assert page.evaluate(status, httpx.Request("POST", board, json=body).content.decode()) == 401
    page.context.clear_cookies()
    page.goto("/queue")
    page.get_by_role("link", name="Sign in").click()
    page.get_by_role("button", name="eve").click()
    expect(page.locator("header.top .people")).to_contain_text("eve")
    page.context.add_cookies([{"name": "podium_stamp", "value": "invented", "url": board}])
    assert page.evaluate(status, httpx.Request("POST", board, json=body).content.decode()) == 403
