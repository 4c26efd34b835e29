"""A second board at another address, opened in the tab of the first one."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

import localhub
from leaderboard.records import Request
from leaderboard.service import open_service
from leaderboard.settings import Settings
from scripts.service import running
from tests.leaderboard.api.test_api import publish

pytestmark = pytest.mark.browser
ONLY_PAGES = {"PODIUM_EMBEDDED": "false"}


def with_a_result(folder: Path, model: str) -> Path:
    """A board in `folder` with one row."""
    stores = {"requests_dir": folder / "requests", "results_dir": folder / "results", "work_dir": folder / "work"}
    board = open_service(Settings.model_validate({"benchmarks": "tiny", **stores}))
    request = board.queue.submit(Request(benchmark="tiny", model=model, revision="1" * 40, sender="ann"))
    claimed = board.queue.claim(request, "worker", 60)
    publish(board, claimed)
    board.queue.finish(claimed)
    return folder


def test_a_second_board_in_the_same_tab_shows_its_rows(chromium: Browser, tmp_path: Path) -> None:
    first, second = with_a_result(tmp_path / "first", "org/one"), with_a_result(tmp_path / "second", "org/two")
    with localhub.running(tmp_path / "hub") as hub, running(hub.endpoint, first, ONLY_PAGES) as one:
        page = chromium.new_page()
        page.set_default_timeout(60_000)
        page.goto(one.address)
        expect(page.get_by_role("link", name="org/one", exact=True)).to_be_visible(timeout=60_000)
        with running(hub.endpoint, second, ONLY_PAGES) as two:
            page.goto(two.address)
            expect(page.get_by_role("link", name="org/two", exact=True)).to_be_visible(timeout=60_000)
        page.close()
