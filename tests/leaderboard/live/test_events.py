"""Requests and the queue followed by server-sent events, over real connections; one look at the store for everybody."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware

from app import Server, listen
from leaderboard.api import add_api, catch_errors
from leaderboard.live.look import QUEUE, QueueLook
from leaderboard.live.watch import QueueWatch
from leaderboard.records import Abilities, Failure, Fault, Progress, Request, Status, TaskProgress, now
from leaderboard.service import Service, open_service
from leaderboard.settings import Settings


class CountedLook(QueueLook):
    """Counts its looks, and keeps what was asked for."""

    looks = 0
    topics: frozenset[str] = frozenset()

    def __call__(self, topics: Any) -> Any:
        self.looks += 1
        self.topics = frozenset(topics)
        return super().__call__(topics)


class Followed:
    """A board that is served, and its looks."""

    def __init__(self, folder: Path, look_s: float = 0.05, most: int = 3) -> None:
        self.service: Service = open_service(
            Settings(
                benchmarks="tiny", requests_dir=folder / "requests", results_dir=folder / "results",
                work_dir=folder / "work",
            )
        )  # fmt: skip
        self.look = CountedLook(self.service.queue, self.service.logs, self.service.workers)
        self.watch = QueueWatch(self.look, look_s, most)
        self.service.__dict__["watch"] = self.watch
        worker = Abilities(worker="w1", benchmarks=["tiny"], updated=now())
        self.service.queue.store.commit({"workers/w1.json": worker.model_dump_json().encode()}, "What w1 can do")
        app = FastAPI()
        add_api(app, self.service)
        catch_errors(app)
        app.add_middleware(GZipMiddleware, minimum_size=1)
        self.server = Server(uvicorn.Config(app, log_level="critical", lifespan="off", timeout_graceful_shutdown=30))
        self.server.ending.append(self.watch.close)

    def submit(self, name: str = "model", **fields: Any) -> Request:
        request = Request(benchmark="tiny", model=f"org/{name}", revision="a" * 40, sender="ann")
        return self.service.queue.submit(request.model_copy(update=fields))


class Events:
    """The events of a stream, one after the other."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self._lines = answer.iter_lines()

    def next(self) -> tuple[str, Any]:
        fields: dict[str, str] = {}
        for line in self._lines:
            if not line and "event" in fields:
                assert fields["id"]
                return fields["event"], json.loads(fields["data"])
            name, _, value = line.partition(": ")
            fields[name] = value
        raise EOFError

    def until(self, wanted: str) -> Any:
        """The data of the next event of that name."""
        while True:
            name, data = self.next()
            if name == wanted:
                return data

    def first(self, count: int = 5) -> dict[str, Any]:
        return dict(self.next() for _ in range(count))

    def rest(self) -> list[tuple[str, Any]]:
        events = []
        try:
            while True:
                events.append(self.next())
        except EOFError:
            return events


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Followed]:
    followed = Followed(tmp_path)
    with listen("127.0.0.1", 0) as place:
        thread = threading.Thread(target=followed.server.run, kwargs={"sockets": [place]}, daemon=True)
        thread.start()
        followed.address = f"http://127.0.0.1:{place.getsockname()[1]}/api/v1"  # type: ignore[attr-defined]
        yield followed
        followed.server.handle_exit(signal.SIGTERM, None)
        thread.join(60)


@contextmanager
def following(board: Followed, path: str, **headers: str) -> Iterator[Events]:
    address = f"{board.address}/{path}"  # type: ignore[attr-defined]
    with httpx.stream("GET", address, headers=headers, timeout=60, trust_env=False) as answer:
        yield Events(answer)


def test_a_request_is_followed_to_its_end(board: Followed) -> None:
    queue = board.service.queue
    request = board.submit()
    with following(board, f"requests/{request.id}/events", **{"Accept-Encoding": "gzip"}) as events:
        headers = events.answer.headers
        assert headers["content-type"].startswith("text/event-stream") and "content-encoding" not in headers
        assert headers["x-accel-buffering"] == "no" and "no-transform" in headers["cache-control"]
        state = events.first()
        assert state["status"]["status"] == "PENDING" and state["position"]["queue_position"] == 1
        assert state["progress"] == {"progress": None} and state["log"] == {"parts": []}
        assert state["expected"]["expected_error"] is None

        claimed = queue.claim(request, "w1", 600)
        assert events.until("status")["status"] == "RUNNING"
        tasks = [TaskProgress(task="sums", done=3, total=4), TaskProgress(task="dates", total=6)]
        queue.renew(claimed, 600, Progress(task="sums", done=3, total=10, tasks=tasks))
        progress = events.until("progress")["progress"]
        assert progress["tasks"] == [
            {"task": "sums", "done": 3, "total": 4}, {"task": "dates", "done": 0, "total": 6},
        ]  # fmt: skip
        board.service.logs.write(request.id, "podium: loading the tasks\nWARNING x: careful\n")
        assert events.until("log")["parts"] == [
            {"kind": "own", "summary": "", "text": "loading the tasks"},
            {"kind": "warnings", "summary": "1 message of libraries", "text": "WARNING x: careful"},
        ]
        queue.fail(claimed, Failure(fault=Fault.SUBMISSION, code="checkpoint_unreadable", message="It is cut short."))
        rest = events.rest()
    assert rest[0][0] == "status" and rest[0][1]["failure"]["code"] == "checkpoint_unreadable"
    assert rest[-1] == ("end", {"status": "FAILED"}), "and the stream is over"


def test_who_comes_back_is_told_the_present_state(board: Followed) -> None:
    request = board.submit()
    with following(board, f"requests/{request.id}/events") as events:
        first = events.first()
    board.service.queue.claim(request, "w1", 600)
    with following(board, f"requests/{request.id}/events", **{"Last-Event-ID": "0123456789ab"}) as events:
        again = events.first()
    assert again.keys() == first.keys() and again["status"]["status"] == "RUNNING"
    board.service.queue.cancel(request, "ann")
    with following(board, f"requests/{request.id}/events", **{"Last-Event-ID": "0123456789ab"}) as events:
        assert [name for name, _ in events.rest()] == ["status", "position", "expected", "progress", "log", "end"]


def test_the_queue_is_followed_as_a_whole(board: Followed) -> None:
    with following(board, "queue/events") as events:
        empty = events.first(3)
        assert empty["queue"]["counts"] == dict.fromkeys(Status, 0)
        first, second = board.submit("first", params=1.0), board.submit("second", params=70.0)
        waiting = events.until("waiting")["waiting"]
        while len(waiting) < 2:
            waiting = events.until("waiting")["waiting"]
        assert [(each["id"], each["queue_position"]) for each in waiting] == [(first.id, 1), (second.id, 2)]
        claimed = board.service.queue.claim(first, "w1", 600)
        assert events.until("running")["running"] == [{"id": first.id, "progress": None, "expected_end": None}]
        board.service.queue.renew(
            claimed, 600, Progress(task="sums", done=1, total=2, tasks=[TaskProgress(task="sums")])
        )
        name, data = events.next()
        while name != "running":
            name, data = events.next()
        assert data["running"][0]["progress"] == {"task": "sums", "done": 1, "total": 2, "eta": None}


def test_one_look_serves_everybody_and_nobody_looks_for_nobody(board: Followed) -> None:
    requests = [board.submit(f"m{number}") for number in range(2)]
    paths = [*(f"requests/{request.id}/events" for request in requests), "queue/events"]
    with following(board, paths[0]) as one, following(board, paths[1]) as two, following(board, paths[2]) as three:
        one.first(), two.first(), three.first(3)
        assert board.look.topics == {requests[0].id, requests[1].id, QUEUE}
        looks = board.look.looks
        board.service.queue.cancel(requests[0], "ann")
        one.rest(), three.until("queue")
        assert board.look.looks > looks
    while board.watch._listeners:
        threading.Event().wait(0.01)
    task = board.watch._task
    assert task is not None
    while not task.done():
        threading.Event().wait(0.01)


def test_one_more_listener_than_the_board_takes_is_refused_in_a_sentence(board: Followed) -> None:
    request = board.submit()
    path = f"requests/{request.id}/events"
    with following(board, path) as one, following(board, path) as two, following(board, path) as three:
        for events in (one, two, three):
            events.first()
        with following(board, path) as refused:
            assert refused.answer.status_code == 429 and int(refused.answer.headers["retry-after"]) > 0
            assert "3 connections follow this board's requests already." in json.loads(refused.answer.read())["error"]
    while board.watch._listeners:
        threading.Event().wait(0.01)
    with following(board, path) as events:
        assert events.first()["status"]["status"] == "PENDING", "who left made room"


def test_an_unknown_request_is_not_found(board: Followed) -> None:
    with following(board, "requests/0123456789abcdef/events") as events:
        assert events.answer.status_code == 404 and "There is no request" in json.loads(events.answer.read())["error"]
    assert not board.watch._listeners


def test_a_silent_stream_is_kept_alive_and_a_store_in_trouble_ends_none(
    board: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leaderboard.api.events.KEEP_ALIVE_S", 0.05)
    request = board.submit()
    with following(board, f"requests/{request.id}/events") as events:
        events.first()
        with monkeypatch.context() as broken:
            broken.setattr(board.service.queue, "view", lambda: (_ for _ in ()).throw(OSError("no answer")))
            for line in events._lines:
                if line.startswith(": "):
                    break
        board.service.queue.cancel(request, "ann")
        assert events.rest()[-1][0] == "end"


def test_when_the_server_ends_streams_end_without_the_end_of_the_request(board: Followed) -> None:
    request = board.submit()
    with following(board, f"requests/{request.id}/events") as events:
        events.first()
        board.server.handle_exit(signal.SIGTERM, None)
        assert "end" not in [name for name, _ in events.rest()], "the browser asks the next server"
