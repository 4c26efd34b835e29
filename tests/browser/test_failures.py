"""How a failure looks: its words, and the bar beside them."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from leaderboard.records import Failure, Fault, Request, Status, new_id, request_path
from leaderboard.stores.local import LocalStore
from scripts.service import Running

pytestmark = pytest.mark.browser
BAR = "note => { const style = getComputedStyle(note); return [style.borderLeftWidth, style.borderLeftStyle]; }"


@pytest.mark.parametrize(("width", "scheme"), [(1400, "light"), (390, "dark")])
def test_a_failure_of_the_submission_is_seen(page: Page, podium: Running, width: int, scheme: str) -> None:
    failed = Request(
        benchmark="tiny", model=f"org/broken-{width}-{scheme}", revision="a" * 40, id=new_id(), status=Status.FAILED,
        failure=Failure(fault=Fault.SUBMISSION, code="checkpoint_unreadable", message="A safetensors file is damaged."),
    )  # fmt: skip
    LocalStore(podium.folder / "requests").commit({request_path(failed): failed.to_json()}, "A failed request")
    page.set_viewport_size({"width": width, "height": 844})
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.goto(f"/request/{failed.id}")
    note = page.locator(".note.bad")
    expect(note).to_contain_text("This is a problem in the submission. A safetensors file is damaged.")
    assert note.evaluate(BAR) == ["3px", "solid"]
    page.goto("/queue?status=failed")
    row = page.locator("tr", has_text=f"broken-{width}-{scheme}")
    expect(row).to_contain_text("This is a problem in the submission. A safetensors file is damaged.")
