"""A service with nothing to do: rounds and boards look at no file, and at no request that they looked at before."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI

import app
from backend.scheduler import claims
from leaderboard.board.boards import Boards, ContentsSource
from leaderboard.errors import HubUnavailable
from leaderboard.records import Request, Status
from tests.backend.conftest import Board
from tests.counting import count_calls, count_reads


@pytest.fixture
def costs(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Files read and folders listed by any store, and requests that the worker considered."""
    counted = count_reads(monkeypatch)
    count_calls(monkeypatch, counted, claims, "can_run", "considered")
    return counted


def filled(board: Board) -> None:
    """Thirty requests: most have ended, one is published, and the worker cannot run the others."""
    for number in range(30):
        request = board.submit(f"model{number}", precision="4bit" if number % 10 == 0 else "float32")
        if number % 10:
            board.queue.cancel(request, "someone")
    handle, workdir = board.run_one(board.submit("published"))
    board.succeed(handle, workdir)
    board.ticker.tick()


def test_rounds_and_boards_that_find_no_change_read_nothing(board: Board, costs: Counter[str]) -> None:
    filled(board)
    contents = board.ticker._jobs._contents
    assert contents is not None
    boards = Boards(ContentsSource(contents.version, contents.frame), {"tiny": board.benchmark})
    boards.refresh("tiny")
    board.ticker.tick()
    costs.clear()
    for _ in range(10):
        board.ticker.tick()
        boards.refresh("tiny")
        board.clock.pass_(2)
    assert costs == {}


def test_a_worker_considers_a_request_that_it_cannot_run_once_until_something_changes(
    board: Board, costs: Counter[str]
) -> None:
    filled(board)
    costs.clear()
    for _ in range(3):
        board.ticker.tick()
    assert costs["considered"] == 0
    request = board.submit("new")
    board.ticker.tick()
    assert board.now(request).status is Status.RUNNING


class Untouched(list[Request]):
    """Requests that nobody may go through."""

    def __iter__(self) -> Iterator[Request]:
        pytest.fail("A round went through all requests.")


def test_rounds_do_not_go_through_what_waits(board: Board) -> None:
    filled(board)
    board.ticker.tick()
    view = board.queue.view()
    object.__setattr__(view, "open", Untouched(view.open))
    for _ in range(3):
        board.ticker.tick()
    assert board.queue.view() is view


def test_an_idle_server_looks_once_in_a_while_and_ends_at_once_on_a_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "LOOK_S", 3600.0)
    server, looks = app.Server(uvicorn.Config(FastAPI())), []

    async def look(counter: int) -> bool:
        looks.append(counter)
        return server.should_exit

    async def run() -> None:
        ending = asyncio.ensure_future(server.main_loop())
        while not looks:
            await asyncio.sleep(0)
        threading.Thread(target=server.handle_exit, args=(signal.SIGTERM, None)).start()
        await asyncio.wait_for(ending, 60)

    monkeypatch.setattr(server, "on_tick", look)
    with ThreadPoolExecutor(1) as elsewhere:  # this thread's loop may be a browser's
        elsewhere.submit(asyncio.run, run()).result()
    assert looks == [0, 0]


def test_a_back_off_that_ends_needs_no_change(board: Board, costs: Counter[str]) -> None:
    request = board.submit()
    later = (board.clock.utc()).replace(microsecond=0)
    board.queue.amend(request, lambda current, files: wait(current, later.strftime("%Y-%m-%dT%H:%M:%SZ")), "wait")
    board.clock.pass_(-60)
    for _ in range(3):
        board.ticker.tick()
    assert board.now(request).status is Status.PENDING
    board.clock.pass_(61)
    board.ticker.tick()
    assert board.now(request).status is Status.RUNNING


def wait(request: Request, until: str) -> None:
    request.not_before = until


def test_a_request_that_could_not_be_looked_up_is_considered_again(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = board.submit()
    answers = iter([HubUnavailable("The Hub does not answer.", 1)])

    def can_run(*_: Any) -> bool:
        for trouble in answers:
            raise trouble
        return True

    monkeypatch.setattr(claims, "can_run", can_run)
    board.ticker.tick()
    assert board.now(request).status is Status.PENDING
    board.ticker.tick()
    assert board.now(request).status is Status.RUNNING
