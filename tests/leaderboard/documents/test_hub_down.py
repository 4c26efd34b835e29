"""While the Hub does not respond: no page waits for it, and every page says what still works."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import SecretStr

import localhub
from leaderboard.api import add_api, catch_errors
from leaderboard.benchmarks import load_benchmark
from leaderboard.board.boards import Boards, ContentsSource
from leaderboard.board.contents import Contents
from leaderboard.documents import document_routes
from leaderboard.documents.render import render
from leaderboard.documents.visit import Visit
from leaderboard.hub.calls import CALLS
from leaderboard.opening import open_stores
from leaderboard.pages.shell import safely
from leaderboard.queue.queue import Queue
from leaderboard.records import Request
from leaderboard.results.results import Results
from leaderboard.service import Service, open_service
from leaderboard.settings import PROJECT, Settings
from tests.leaderboard.compared import Place

TOKEN = "hf_board_token"
TINY = load_benchmark(PROJECT / "benchmarks" / "tiny.yaml")
TASKS = [part.task for column in TINY.columns for part in column.parts]
MODELS = ("lab/weak", "lab/good")
NOTE = "not responding"
AGAIN = "work again when the Hub responds"


class HubPlace(Place):
    """A place whose files are datasets on a Hub."""

    def __init__(self, settings: Settings) -> None:
        stores = open_stores(settings, {TINY.id: TINY})
        self.benchmark = TINY
        self.queue = Queue(stores.requests)
        self.results = Results(stores.results, stores.details)
        self.contents = Contents(stores.results, self.queue, {TINY.id: TINY})
        self.boards = Boards(ContentsSource(self.contents.version, self.contents.frame), {TINY.id: TINY})


class Site:
    """A board on a Hub that can be stopped."""

    def __init__(self, folder: Path, store: str) -> None:
        self.folder = folder
        self._up = ExitStack()
        hub = self._up.enter_context(localhub.running(folder / "hub", tokens={"board": TOKEN}))
        named = {"benchmarks": "tiny", "hub_endpoint": hub.endpoint, "hub_look_s": 0.0, "sign_in": "optional"}
        on_hub = {"hub_namespace": "board", "hub_token": SecretStr(TOKEN)} if store == "hub" else {}
        folders = {f"{name}_dir": folder / name for name in ("requests", "results", "work", "private")}
        self.settings = Settings.model_validate({**named, **on_hub, **folders, "store": store})
        place = HubPlace(self.settings) if store == "hub" else Place(folder, TINY)
        self.rows = [
            place.publish(model, {task: [1.0, float(number), 0.0] for task in TASKS})
            for number, model in enumerate(MODELS)
        ]
        self.service = open_service(self.settings)
        self.request = self.service.queue.submit(
            Request(benchmark="tiny", model="lab/next", revision="a" * 40, sender="bob")
        )
        app = FastAPI()
        app.include_router(document_routes(self.service))
        add_api(app, self.service)
        catch_errors(app)
        self.reader = TestClient(app, raise_server_exceptions=False)

    def stop_hub(self) -> None:
        """Nothing listens at the Hub's address any more."""
        self._up.close()

    def restart_hub(self) -> None:
        """The Hub is back at its address."""
        port = urlsplit(self.settings.hub_endpoint).port
        assert port is not None
        self._up.enter_context(localhub.running(self.folder / "hub", port=port, tokens={"board": TOKEN}))

    def pages(self) -> list[str]:
        rows = ",".join(self.rows)
        models = [f"/model/{model}" for model in MODELS]
        return ["/", "/?search=good", *models, f"/request/{self.request.id}", "/queue", f"/compare?rows={rows}",
                f"/plots?rows={rows}", "/about", "/flags"]  # fmt: skip


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Site]]:
    """Opens a site; an outage is one from its first failure on, and nobody looks whether it is over."""
    monkeypatch.setattr("leaderboard.hub.outage.SURE_AFTER_S", 0.0)
    monkeypatch.setattr("leaderboard.hub.outage.PROBE_S", 600.0)
    sites: list[Site] = []

    def open_site(store: str) -> Site:
        sites.append(Site(tmp_path, store))
        return sites[-1]

    yield open_site
    for site in sites:
        site.stop_hub()


def asked_for(call: Callable[[], Any]) -> tuple[Any, int]:
    """What `call` returns, and how often it asked a Hub."""
    before = CALLS.counts()[0]
    return call(), CALLS.counts()[0] - before


def test_with_the_store_on_the_hub_pages_show_what_was_read_before(opened: Callable[[str], Site]) -> None:
    site = opened("hub")
    before = {path: site.reader.get(path) for path in site.pages()}
    assert all(page.status_code == 200 and NOTE not in page.text for page in before.values())
    site.stop_hub()
    site.reader.get("/queue")
    for path in site.pages():
        page, questions = asked_for(lambda path=path: site.reader.get(path))
        assert (page.status_code, questions) == (200, 0), path
        assert NOTE in page.text and AGAIN in page.text and "its last answer came" in page.text, path
    assert "lab/good" in site.reader.get("/").text
    missing = site.reader.get("/model/lab/unknown")
    assert missing.status_code == 404 and AGAIN in missing.text


def test_examples_that_were_never_read_are_missing_and_the_rest_of_the_model_is_there(
    opened: Callable[[str], Site],
) -> None:
    site = opened("hub")
    for path in site.service.results_store.list("tiny/"):
        site.service.results.read(path)
    site.reader.get("/")
    site.stop_hub()
    site.reader.get("/queue")
    page = site.reader.get("/model/lab/good")
    assert page.status_code == 200 and "The examples of this evaluation are on the Hub" in page.text
    assert "No details are published" not in page.text
    refused, questions = asked_for(lambda: site.reader.get(f"/compare?rows={','.join(site.rows)}"))
    assert (refused.status_code, questions) == (503, 0)
    assert "The Hub is not responding." in refused.text and "Unavailable" not in refused.text


def test_a_change_is_refused_soon_while_the_hub_is_down(
    opened: Callable[[str], Site], monkeypatch: pytest.MonkeyPatch
) -> None:
    site = opened("hub")
    site.reader.get("/")
    site.stop_hub()
    site.reader.get("/queue")
    monkeypatch.setattr("leaderboard.stores.hub.GIVEN_UP_S", 0.0)
    monkeypatch.setattr("leaderboard.hub.dataset_repo.FIRST_WAIT_S", 0.0)
    answer, questions = asked_for(lambda: site.reader.post(f"/api/v1/requests/{site.request.id}/votes"))
    assert answer.status_code == 503 and questions < 20
    assert answer.json()["error"].startswith("The Hub is not responding"), answer.text


def test_the_note_goes_when_the_hub_is_back(opened: Callable[[str], Site], monkeypatch: pytest.MonkeyPatch) -> None:
    site = opened("hub")
    for pause in ("AGAIN_S", "PROBE_S"):
        monkeypatch.setattr(f"leaderboard.hub.dataset_repo.{pause}", 0.0)
    site.reader.get("/")
    site.stop_hub()
    site.reader.get("/queue")
    assert NOTE in site.reader.get("/queue").text
    site.restart_hub()
    monkeypatch.setattr("leaderboard.hub.outage.PROBE_S", 0.0)
    site.reader.get("/queue")
    assert NOTE not in site.reader.get("/queue").text


def test_with_local_files_everything_can_be_read(opened: Callable[[str], Site]) -> None:
    site = opened("local")
    assert NOTE not in site.reader.get("/").text
    site.stop_hub()
    body = {"benchmark": "tiny", "model": "lab/other"}
    answer = site.reader.post("/api/v1/submissions/check", json=body)
    assert answer.status_code == 503 and answer.json()["error"].startswith("The Hub is not responding")
    for path in site.pages():
        page = site.reader.get(path)
        assert page.status_code == 200 and "Everything on this board can be read" in page.text, path
    _, questions = asked_for(lambda: site.reader.post("/api/v1/submissions/check", json=body))
    assert questions == 1, "it is known that asking again at once does not help"


def test_a_reader_whose_token_cannot_be_checked_reads_as_anybody(opened: Callable[[str], Site]) -> None:
    site = opened("local")
    site.stop_hub()
    token = {"authorization": "Bearer hf_somebody"}
    assert site.reader.get("/model/lab/good", headers=token).status_code == 200
    me = site.reader.get("/api/v1/me", headers=token)
    assert me.status_code == 503 and me.json()["error"].startswith("The Hub is not responding")


def test_forms_say_it_too(opened: Callable[[str], Site]) -> None:
    site = opened("local")

    def draw(service: Service, visit: Visit) -> str:
        return render("submit_empty")

    assert NOTE not in safely(draw, site.service, Visit())
    site.service.hub.outage.failed()
    assert AGAIN in safely(draw, site.service, Visit())
