"""Pages that change while they are looked at, without being loaded or drawn again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("playwright")
from playwright.sync_api import Browser, Page, expect

import localhub
from leaderboard.records import Abilities, Progress, Request, TaskProgress, now
from leaderboard.service import Service, open_service
from leaderboard.settings import Settings
from localhub.faults import Fault
from scripts.seed_hub import seed
from scripts.service import Running, running
from tests.browser.conftest import watch_policy, watched_page

pytestmark = pytest.mark.browser
MARK = "document.querySelector('.page {}').dataset.mark = 'the same'"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("live")


@pytest.fixture(scope="module")
def hub(folder: Path) -> Iterator[localhub.Running]:
    seed(folder / "hub")
    with localhub.running(folder / "hub") as hub:
        yield hub


@pytest.fixture(scope="module")
def service(hub: localhub.Running, folder: Path) -> Iterator[Running]:
    with running(hub.endpoint, folder, {"PODIUM_EMBEDDED": "false"}) as service:
        yield service


@pytest.fixture(scope="module")
def board(folder: Path, service: Running) -> Service:
    """The same stores, from another process: that of a worker."""
    stores = {"requests_dir": folder / "requests", "results_dir": folder / "results", "work_dir": folder / "worker"}
    opened = open_service(Settings.model_validate({**stores, "benchmarks": "tiny"}))
    known = Abilities(worker="w1", benchmarks=["tiny"], updated=now())
    opened.queue.store.commit({"workers/w1.json": known.model_dump_json().encode()}, "What w1 can do")
    return opened


@pytest.fixture
def page(chromium: Browser, service: Running) -> Iterator[Page]:
    with watched_page(chromium, service.address) as (page, trouble):
        watch_policy(page, trouble)
        yield page


def submitted(board: Service, number: int) -> Request:
    fields = {"benchmark": "tiny", "model": f"lab/model-{number}", "revision": f"{number:x}" * 40, "sender": "bob"}
    return board.queue.submit(Request.model_validate(fields))


def far(done: int) -> Progress:
    tasks = [TaskProgress(task="sums", done=min(done, 4), total=4), TaskProgress(task="dates", done=0, total=6)]
    return Progress(task="sums", done=done, total=10, tasks=tasks)


def test_a_request_s_page_follows_it_to_its_end(page: Page, board: Service) -> None:
    request = submitted(board, 1)
    page.goto(f"/request/{request.id}")
    expect(page.locator("[data-place]")).to_contain_text("Number 1 in the queue")
    expect(page.locator("table.points")).to_contain_text("points; whoever has more runs first")
    claimed = board.queue.claim(request, "w1", 600)
    expect(page.locator(".status").first).to_have_text("running")

    page.evaluate(MARK.format("h1"))
    board.queue.renew(claimed, 600, far(3))
    expect(page.locator("table.tasks")).to_contain_text("3 of 4")
    expect(page.locator("[data-percent]")).to_have_text("30 %")
    board.logs.write(request.id, "podium: loading the tasks\nWARNING x: one\nWARNING x: two\nanswer <b>not bold</b>")
    expect(page.locator(".log pre.own")).to_have_text("loading the tasks")
    expect(page.locator(".log summary")).to_have_text("2 messages of libraries")
    expect(page.locator(".log pre.output")).to_have_text("answer <b>not bold</b>")
    page.locator(".log summary").click()
    board.queue.renew(claimed, 600, far(4))
    board.logs.write(request.id, "podium: loading the tasks\nWARNING x: one\nWARNING x: two\nanswers\nmore")
    expect(page.locator(".log pre.output")).to_have_text("answers\nmore")
    expect(page.locator("table.tasks tr.done")).to_contain_text("sums")
    expect(page.locator(".log details[open]")).to_have_count(1)
    assert page.locator("h1").first.get_attribute("data-mark") == "the same", "nothing was drawn again for it"

    board.queue.cancel(request, "bob", "withdrawn")
    expect(page.locator(".status").first).to_have_text("cancelled")
    expect(page.locator("[data-live]")).to_have_count(0)


def test_the_queue_s_page_follows_what_runs_and_what_waits(page: Page, board: Service) -> None:
    page.goto("/queue")
    expect(page.locator("[data-live]")).to_have_count(1)
    first = submitted(board, 2)
    expect(page.locator(f"tr[data-id='{first.id}']")).to_contain_text("lab/model-2")
    claimed = board.queue.claim(first, "w1", 600)
    row = page.locator(f"tr[data-id='{first.id}']")
    expect(row).to_contain_text("starting")
    page.evaluate(MARK.format("h2"))
    board.queue.renew(claimed, 600, far(5))
    expect(row.locator("[data-percent]")).to_have_text("50 %")
    expect(row.locator("[data-task]")).to_have_text("sums")
    assert page.locator(".page h2").first.get_attribute("data-mark") == "the same"
    board.queue.finish(claimed)
    expect(page.locator(".status.finished")).to_have_count(1)


def test_the_form_keeps_what_was_entered_and_looks_again_when_the_hub_is_back(
    page: Page, hub: localhub.Running, board: Service
) -> None:
    hub.faults.set([Fault("503")])
    page.goto("/submit")
    field = page.get_by_label("Model on the Hub")
    field.fill("podium-demo/tiny-chat")
    field.press("Enter")
    found = page.locator("#found").first
    expect(found).to_contain_text("A problem on our side", timeout=60_000)
    expect(found).to_contain_text("What you have entered stays here; it is looked up again every 20 seconds.")
    hub.faults.set([])
    expect(page.get_by_role("button", name="Queue podium-demo/tiny-chat at")).to_be_enabled(timeout=60_000)
    expect(field).to_have_value("podium-demo/tiny-chat")
