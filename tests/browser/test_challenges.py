"""Predictions, code, an endpoint and a bundle in a browser: from the form to a row of the board and its page."""

from __future__ import annotations

import csv
import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml

import localhub
from backend.sandbox.programs import missing
from leaderboard.artifacts.places import private_data
from leaderboard.settings import PROJECT, Settings
from scripts.seed_hub import seed
from scripts.service import Running, running
from tests.backend.attacks import DEMO
from tests.backend.evaluators.code.packages import GOOD_ESTIMATOR, item_benchmark, write_items, zipped
from tests.browser.conftest import watched_page
from tests.browser.test_table import expect
from tests.contracts.test_executor import until
from tests.openai_server import NAME, Checkpoint, Server, serving

playwright = pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.browser
RUN_MS = 120_000
SUMS = {
    "id": "pairs", "version": "1", "title": "Pairs", "description": "Which of the pairs match.",
    "kinds": ["predictions"],
    "predictions": {
        "columns": [{"name": "match", "type": "number", "range": [0, 1]}],
        "labels": {"file": "labels.csv"},
        "metrics": {"loss": {"metric": "log_loss", "prediction": "match", "label": "match"}},
    },
    "columns": [{"key": "loss", "title": "Log-loss", "score": "loss", "higher_is_better": False}],
}  # fmt: skip


ASKED = {
    "competition": {"terms": {"version": "v2", "text": "Play fair."}, "limits": {"per_day": 2}},
    "tracks": {
        "open": {"title": "Open", "discloses": [{"key": "method", "title": "How does it work?"}]},
        "closed": {
            "title": "Closed",
            "discloses": [
                {"key": "seed", "title": "Seed", "type": "number"},
                {"key": "human", "title": "Labelled by hand", "type": "checkbox"},
            ],
        },
    },
}


def write_benchmarks(folder: Path) -> None:
    """One benchmark for each kind; the last one takes checkpoints and endpoints."""
    private = Settings(private_dir=folder / "private")
    benchmarks = folder / "benchmarks"
    benchmarks.mkdir()
    shutil.copytree(PROJECT / "benchmarks" / "tasks", benchmarks / "tasks")
    (benchmarks / "pairs.yaml").write_text(yaml.safe_dump(SUMS))
    labels = private_data(private, "pairs")
    labels.mkdir(parents=True)
    (labels / "labels.csv").write_text("id,match\n" + "".join(f"p{number},{number % 2}\n" for number in range(20)))
    write_items(private_data(private, "code"))
    code = item_benchmark().model_dump(mode="json", exclude_defaults=True)
    (benchmarks / "code.yaml").write_text(yaml.safe_dump(code))
    tiny = yaml.safe_load((PROJECT / "benchmarks" / "tiny.yaml").read_text())
    few = [column for column in tiny["columns"] if column["key"] in ("compare", "sums")]
    both = {**tiny, "id": "both", "title": "Both", "kinds": ["checkpoint", "endpoint"], "columns": few}
    (benchmarks / "both.yaml").write_text(yaml.safe_dump(both))
    (benchmarks / "asked.yaml").write_text(
        yaml.safe_dump({**both, "id": "asked", "title": "Asked", **ASKED}, sort_keys=False)
    )


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving(Checkpoint(sorted((DEMO / "tiny-chat").iterdir())[-1])) as made:
        yield made


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory, server: Server) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("challenges")
    write_benchmarks(folder)
    seed(folder / "hub")
    with localhub.running(folder / "hub") as hub:
        settings = {
            "PODIUM_BENCHMARKS": "pairs,code,both,asked", "PODIUM_BENCHMARKS_DIR": str(folder / "benchmarks"),
            "PODIUM_PRIVATE_DIR": str(folder / "private"), "PODIUM_ENDPOINT_HOSTS": "127.0.0.1", "PODIUM_TICK_S": "0.5",
            "PODIUM_SECRETS_DIR": str(folder / "secrets"), "PODIUM_SIGN_IN": "off",
        }  # fmt: skip
        with running(hub.endpoint, folder, settings) as made:
            yield made


@pytest.fixture
def page(chromium: playwright.Browser, board: Running) -> Iterator[playwright.Page]:
    with watched_page(chromium, board.address) as (page, _):
        yield page


def write_answers(place: Path, sure: float, rows: int = 20) -> Path:
    with place.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "match"])
        writer.writerows([f"p{number}", sure if number % 2 else 1 - sure] for number in range(rows))
    return place


def submit(page: playwright.Page, name: str) -> None:
    """Press the button of a form that is filled in, and follow the request to its end."""
    page.get_by_role("button", name="Submit", exact=True).click()
    page.wait_for_url("**/request/*")
    expect(page.get_by_role("heading", name=name)).to_be_visible()
    expect(page.locator("ol.timeline")).to_contain_text("Finished", timeout=RUN_MS)


def test_predictions_from_the_form_to_the_board(page: playwright.Page, tmp_path: Path) -> None:
    page.goto("/submit?benchmark=pairs")
    expect(page.get_by_role("heading", name="Submit predictions to Pairs")).to_be_visible()
    page.get_by_label("Name").fill("halves")
    page.get_by_label("File").set_input_files(write_answers(tmp_path / "short.csv", 0.5, rows=3))
    page.get_by_role("button", name="Check").click()
    problems = page.locator("section.checked")
    expect(problems).to_contain_text("Not ready")
    expect(problems).to_contain_text("17")
    page.get_by_label("File").set_input_files(write_answers(tmp_path / "halves.csv", 0.75))
    page.get_by_role("button", name="Check").click()
    expect(problems).to_contain_text("Ready to submit")
    submit(page, "anonymous/halves")

    page.goto("/?benchmark=pairs")
    row = page.get_by_role("row").filter(has_text="halves")
    expect(row).to_contain_text("0.2877")
    expect(page.get_by_role("columnheader", name="Average")).to_have_count(0)
    expect(row.locator("a.pt-hub")).to_have_count(0)
    row.get_by_role("link", name="halves").click()
    page.wait_for_url("**/model/**")
    expect(page.locator("main, body").first).to_contain_text("Rank 1 of 1")
    expect(page.get_by_role("row").filter(has_text="Log-loss")).to_contain_text("0.2877")


def test_code_from_the_form_to_the_board(page: playwright.Page, tmp_path: Path) -> None:
    if why := missing():
        pytest.skip(why)
    package = tmp_path / "package.zip"
    package.write_bytes(zipped({"estimator.py": GOOD_ESTIMATOR}))
    page.goto("/submit?benchmark=code")
    page.get_by_label("Name").fill("doubling")
    page.get_by_label("File").set_input_files(package)
    submit(page, "anonymous/doubling")
    page.goto("/?benchmark=code")
    expect(page.get_by_role("row").filter(has_text="doubling")).to_contain_text("0.0000")


@pytest.mark.soak
def test_an_endpoint_stands_beside_the_checkpoints_told_apart(page: playwright.Page, server: Server) -> None:
    page.goto("/submit?benchmark=both&kind=endpoint")
    page.get_by_label("Name", exact=False).first.fill("served")
    page.get_by_label("Address").fill(server.url)
    page.get_by_label("Model").fill(NAME)
    page.get_by_label("Interface").select_option("completions")
    page.get_by_label("Tokenizer").fill("podium-demo/tiny-chat")
    submit(page, "anonymous/served")
    page.goto("/submit?benchmark=both&kind=checkpoint&model=podium-demo/tiny-chat")
    page.get_by_role("button", name="Queue podium-demo/tiny-chat").click()
    page.wait_for_url("**/request/*")
    expect(page.locator("ol.timeline")).to_contain_text("Finished", timeout=RUN_MS)
    rows = f"{page.url.partition('/request')[0]}/api/v1/leaderboard?benchmark=both"
    until(lambda: len(httpx.get(rows, trust_env=False).json()["rows"]) == 2, 60)
    page.goto("/?benchmark=both")
    served, local = (page.get_by_role("row").filter(has_text=name) for name in ("anonymous/served", "tiny-chat"))
    expect(served).to_contain_text("endpoint")
    expect(local).to_contain_text("checkpoint")


def test_the_same_by_the_api(board: Running, tmp_path: Path) -> None:
    content = write_answers(tmp_path / "sure.csv", 0.9).read_bytes()
    artifact = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content), "filename": "sure.csv"}
    with httpx.Client(base_url=f"{board.address}/api/v1", trust_env=False, timeout=60) as client:
        upload = client.post("/uploads", json=artifact).json()
        sent = client.patch(f"/uploads/{upload['id']}", content=content, headers={"Upload-Offset": "0"})
        assert sent.json()["done"] is True, sent.text
        body = {"kind": "predictions", "benchmark": "pairs", "name": "sure", "artifact": artifact}
        queued = client.post("/submissions", json=body)
        assert queued.status_code == 201, queued.text
        assert client.post("/submissions", json=body).status_code == 409


def test_the_form_of_a_competition_asks_for_the_chosen_track(page: playwright.Page) -> None:
    page.goto("/submit?benchmark=asked&kind=endpoint")
    form, checked = page.locator("form[data-submission]"), page.locator("section.checked")
    expect(form.get_by_label("How does it work?")).to_be_visible()
    form.get_by_label("Track").select_option("closed")
    expect(form.get_by_label("How does it work?")).to_be_hidden()
    form.get_by_label("Seed").fill("7")
    form.get_by_label("I accept the terms, version v2").check()
    expect(form).to_contain_text("Your quota: 2 of 2 left today (UTC)")
    form.locator("[name=name]").fill("mine")
    form.locator("[name='endpoint.url']").fill("http://127.0.0.1:9/v1")
    form.locator("[name='endpoint.model']").fill("m")
    with page.expect_request("**/submissions/check") as sent:
        page.get_by_role("button", name="Check", exact=True).click()
    body = sent.value.post_data_json
    assert (body["track"], body["terms"], body["disclosure"]) == ("closed", "v2", {"seed": 7, "human": False})
    expect(checked).to_contain_text("2 of 2 submissions left today (UTC)")


def test_beside_a_checkpoint_the_answers_are_checked_as_they_are_given(page: playwright.Page) -> None:
    page.goto("/submit?benchmark=asked&model=podium-demo/tiny-base")
    found = page.locator("#found")
    expect(found).to_contain_text("does not accept their present version v2")
    expect(found).to_contain_text("How does it work? There is no answer.")
    asked = page.locator("form[data-asked]")
    asked.get_by_label("I accept the terms, version v2").check()
    expect(found).not_to_contain_text("does not accept")
    asked.get_by_label("How does it work?").fill("Trees")
    asked.get_by_label("How does it work?").press("Tab")
    expect(page.get_by_role("button", name="Queue podium-demo/tiny-base")).to_be_enabled()
