"""The final board of a competition in a real Chromium: the change of rank beside each rank, also on narrow screens."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from leaderboard.columns import CHANGE
from tests.browser.conftest import served_table
from tests.browser.test_table import contents, expect, status

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service over three rows, of which one rose, one fell and one stayed."""
    table = tmp_path_factory.mktemp("table") / "contents.parquet"
    frame = contents().iloc[10:13]
    order = frame["IFEval"].rank(ascending=False)
    frame.assign(**{CHANGE: order.map({1: 12, 2: -3, 3: 0}).astype("Int64")}).to_parquet(table)
    with served_table(table) as address:
        yield address


@pytest.mark.parametrize("width", [1400, 400])
def test_each_rank_says_how_it_changed(chromium: Any, address: str, width: int) -> None:
    page = chromium.new_page(viewport={"width": width, "height": 900}, base_url=address)
    page.goto("/")
    expect(status(page)).to_contain_text("final scores on the private labels")
    changes = page.locator(".pt-change")
    expect(changes).to_have_count(3)
    assert {text.strip() for text in changes.all_text_contents()} == {"+12", "−3", "="}
    for cell in page.locator("td.pt-rank, span.pt-rank").all():
        inner, outer = cell.locator(".pt-change").bounding_box(), cell.bounding_box()
        assert inner["x"] + inner["width"] <= outer["x"] + outer["width"] + 1, "it fits"
    page.close()
