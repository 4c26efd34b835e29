"""Gradio's queue over HTTP: what a client does not read is bounded, ends, and hinders nobody; no page depends on it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

import localhub
from app import build_app
from leaderboard.pages.bounded_queue import MAX_IN_ALL, MAX_OF_CLIENT, BoundedQueue
from leaderboard.pages.offered import OFFERED
from leaderboard.service import Service

BOARD = "http://127.0.0.1:7860"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[localhub.Running]:
    with localhub.running(tmp_path_factory.mktemp("hub")) as running:
        yield running


@pytest.fixture
def whole(service: Service) -> FastAPI:
    return build_app(service)


@pytest.fixture
def browser(whole: FastAPI) -> Iterator[TestClient]:
    """A client at the served app, with its queue at work."""
    with TestClient(whole, base_url=BOARD) as client:
        yield client


def queue_of(app: FastAPI) -> BoundedQueue:
    pages = next(route.app.get_blocks() for route in app.routes if hasattr(getattr(route, "app", None), "get_blocks"))
    assert isinstance(pages._queue, BoundedQueue)
    return pages._queue


def join(client: TestClient, session: str, number: int = 0) -> Any:
    """Ask for a search without reading its answer."""
    body = {"fn_index": number, "data": ["", "", 5], "session_hash": session}
    return client.post("/gradio_api/queue/join", json=body)


def read(client: TestClient, session: str) -> list[dict[str, Any]]:
    """The messages of a session until its stream ends."""
    with client.stream("GET", "/gradio_api/queue/data", params={"session_hash": session}) as answer:
        return [json.loads(line[6:]) for line in answer.iter_lines() if line.startswith("data: ")]


def test_who_does_not_read_is_let_in_no_further(whole: FastAPI, browser: TestClient) -> None:
    for at in range(MAX_OF_CLIENT):
        assert join(browser, f"s{at}").status_code == 200
    refused = join(browser, "s9")
    assert refused.status_code == 503 and "whose answers you did not read" in refused.json()["detail"]
    other = TestClient(whole, base_url=BOARD, client=("192.0.2.7", 5))
    other.portal = browser.portal  # the same server, another address
    assert join(other, "theirs").status_code == 200
    assert [one["msg"] for one in read(other, "theirs")][-2:] == ["process_completed", "close_stream"]
    assert read(browser, "s0")[-1]["msg"] == "close_stream"
    assert join(browser, "s9").status_code == 200, "what was read makes room"


def test_many_who_do_not_read_lose_their_oldest_calls(whole: FastAPI, browser: TestClient) -> None:
    queue = queue_of(whole)
    for at in range(MAX_IN_ALL + 20):
        client = TestClient(whole, base_url=BOARD, client=(f"192.0.2.{at}", 5))
        client.portal = browser.portal
        assert join(client, f"s{at}").status_code == 200
    assert sum(map(len, queue.pending_event_ids_session.values())) <= MAX_IN_ALL
    assert len(queue.pending_messages_per_session) <= MAX_IN_ALL
    assert "s0" not in queue.pending_messages_per_session


def test_what_is_not_read_in_time_is_dropped(whole: FastAPI, browser: TestClient) -> None:
    queue = queue_of(whole)
    queue._unread_s = 0.0
    for at in range(3):
        join(browser, f"s{at}")
    late = TestClient(whole, base_url=BOARD, raise_server_exceptions=False)  # Gradio ends the stream by an exception
    late.portal = browser.portal
    told = read(late, "s0")
    assert [(one["msg"], one.get("session_not_found")) for one in told] == [("unexpected_error", True)]
    assert not queue.pending_messages_per_session and not queue.pending_event_ids_session


def test_the_pages_events_cannot_be_queued_and_need_no_queue(whole: FastAPI, browser: TestClient) -> None:
    queue = queue_of(whole)
    for number, event in queue.blocks.fns.items():
        if not event.queue:
            answer = join(browser, "s", number)
            assert answer.status_code == 400 and "/gradio_api/info" in answer.json()["detail"]
    for at in range(MAX_OF_CLIENT):
        join(browser, f"full{at}")
    show = next(number for number, event in queue.blocks.fns.items() if event.name == "show")
    body = {"fn_index": show, "data": ["/queue"], "session_hash": "s"}
    assert "Nothing has been submitted" in browser.post("/gradio_api/run/predict", json=body).text


NOT_SERVED = (
    *("upload", "upload?upload_id=1", "upload_progress", "file=/etc/passwd", "proxy=http://x/", "process_recording"),
    *("stream/x", "vibe-edit/", "run-history/connect", "heartbeat/x", "dev/reload", "custom_component/a/b/c/d"),
)


@pytest.mark.parametrize("path", NOT_SERVED)
def test_what_no_page_needs_is_not_served(browser: TestClient, path: str) -> None:
    files = {"files": ("a.txt", b"stranger")}
    for answer in (browser.post(f"/gradio_api/{path}", files=files), browser.get(f"/gradio_api/{path}")):
        assert answer.status_code == 404 and "no page of it needs it" in answer.json()["error"]


def test_what_is_served_is_there(browser: TestClient) -> None:
    for name in OFFERED - {"mcp", "call", "run", "queue", "component_server", "cancel", "reset"}:
        assert browser.get(f"/gradio_api/{name}").status_code == 200, name
