"""Gradio's queue over HTTP: what a client does not read is bounded, ends, and hinders nobody; no page depends on it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

import localhub
from app import build_app
from leaderboard.pages import LOOK_S, PROGRESS_S, build_pages
from leaderboard.pages.offered import OFFERED
from leaderboard.pages.program_calls import MAX_IN_ALL, MAX_OF_CLIENT, ProgramCalls
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


def calls_of(app: FastAPI) -> ProgramCalls:
    layer: Any = app.middleware_stack
    while not isinstance(layer, ProgramCalls):
        layer = layer.app
    return layer


def gradio_of(app: FastAPI) -> gr.Blocks:
    pages = next(route.app.get_blocks() for route in app.routes if hasattr(getattr(route, "app", None), "get_blocks"))
    assert isinstance(pages, gr.Blocks)
    return pages


def count_unread(app: FastAPI) -> int:
    """What Gradio keeps until somebody reads it: calls and messages, of which a call has several."""
    queue = gradio_of(app)._queue
    messages = sum(waiting.qsize() for waiting in dict(queue.pending_messages_per_session.items()).values())
    return messages + sum(map(len, queue.pending_event_ids_session.values())) + len(queue.event_ids_to_events)


def wait_until(check: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not check() and time.monotonic() < end:
        time.sleep(0.01)
    assert check()


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
    assert [message["msg"] for message in read(other, "theirs")][-2:] == ["process_completed", "close_stream"]
    assert read(browser, "s0")[-1]["msg"] == "close_stream"
    assert join(browser, "s9").status_code == 200, "what was read makes room"


def test_many_who_do_not_read_lose_their_oldest_calls(whole: FastAPI, browser: TestClient) -> None:
    for at in range(MAX_IN_ALL + 20):
        client = TestClient(whole, base_url=BOARD, client=(f"192.0.2.{at}", 5))
        client.portal = browser.portal
        end = time.monotonic() + 60
        while join(client, f"s{at}").status_code != 200:  # Gradio's own queue is full for a moment
            assert time.monotonic() < end
            time.sleep(0.05)
    assert len(calls_of(whole).calls) == MAX_IN_ALL
    assert [message["msg"] for message in read(browser, "s0")] == ["unexpected_error"]
    queue = gradio_of(whole)._queue
    wait_until(lambda: sum(map(len, queue.pending_event_ids_session.values())) <= MAX_IN_ALL)
    assert not queue.pending_event_ids_session.get("s0")


def test_what_is_not_read_in_time_is_dropped(whole: FastAPI, browser: TestClient) -> None:
    calls = calls_of(whole)
    calls.unread_s = 0.0
    for at in range(3):
        assert join(browser, f"s{at}").status_code == 200
    by_name = browser.post("/gradio_api/call/search_leaderboard", json={"data": ["", "", 5]})
    assert by_name.status_code == 200
    wait_until(lambda: not calls.calls)
    messages = read(browser, "s0")
    assert [(message["msg"], message.get("session_not_found")) for message in messages] == [("unexpected_error", True)]
    wait_until(lambda: count_unread(whole) == 0)


def test_a_call_by_name_is_read_where_gradio_documents_it(whole: FastAPI, browser: TestClient) -> None:
    calls, address = calls_of(whole), "/gradio_api/call/search_leaderboard"
    for _ in range(MAX_OF_CLIENT):
        event = browser.post(address, json={"data": ["", "", 5]}).json()["event_id"]
    assert browser.post(address, json={"data": ["", "", 5]}).status_code == 503
    with browser.stream("GET", f"{address}/{event}") as answer:
        assert any(line == "event: complete" for line in answer.iter_lines())
    assert event not in calls.calls and len(calls.calls) == MAX_OF_CLIENT - 1
    assert browser.post(address, json={"data": ["", "", 5]}).status_code == 200, "what was read makes room"
    assert browser.post("/gradio_api/call/show", json={"data": [""]}).status_code == 400


def test_a_body_that_is_no_call_is_refused(browser: TestClient) -> None:
    for body in (b"", b"[1]", b"{", b"[" * 20_000, b'{"fn_index": null}', b'{"fn_index": [0]}', b'{"fn_index": "0"}'):
        assert browser.post("/gradio_api/queue/join", content=body).status_code == 400, body[:20]
    assert browser.post("/gradio_api/queue/join", json={"fn_index": 0, "data": []}).status_code in (400, 422)


def test_the_pages_events_cannot_be_queued_and_need_no_queue(whole: FastAPI, browser: TestClient) -> None:
    pages = gradio_of(whole)
    for number, event in pages.fns.items():
        if not event.queue:
            answer = join(browser, "s", number)
            assert answer.status_code == 400 and "/gradio_api/info" in answer.json()["detail"]
    for at in range(MAX_OF_CLIENT):
        join(browser, f"full{at}")
    show = next(number for number, event in pages.fns.items() if event.name == "show")
    body = {"fn_index": show, "data": ["/organise"], "session_hash": "s"}
    assert "competition bundle" in browser.post("/gradio_api/run/predict", json=body).text


NOT_SERVED = (
    *("upload", "upload?upload_id=1", "upload_progress", "file=/etc/passwd", "proxy=http://x/", "process_recording"),
    *("stream/x", "vibe-edit/", "run-history/connect", "heartbeat/x", "dev/reload", "custom_component/a/b/c/d"),
)


def test_what_no_page_needs_is_not_served(browser: TestClient) -> None:
    files = {"files": ("a.txt", b"stranger")}
    for path in NOT_SERVED:
        for answer in (browser.post(f"/gradio_api/{path}", files=files), browser.get(f"/gradio_api/{path}")):
            assert answer.status_code == 404 and "does not serve this address" in answer.json()["error"], path


def test_what_is_served_is_there(browser: TestClient) -> None:
    for name in OFFERED - {"mcp", "call", "run", "queue", "component_server", "cancel", "reset"}:
        assert browser.get(f"/gradio_api/{name}").status_code == 200, name


def test_an_idle_service_is_not_woken_a_thousand_times_a_second(service: Service) -> None:
    own = gr.Blocks()._queue
    assert max(own.sleep_when_free, own.progress_update_sleep_when_free) < LOOK_S, "Gradio's own choice needs no change"
    queue = build_pages(service)._queue
    assert (queue.sleep_when_free, queue.progress_update_sleep_when_free) == (LOOK_S, PROGRESS_S)
