"""One look-up at a time for each person, over threads and over HTTP."""

from __future__ import annotations

import queue
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from fastapi.testclient import TestClient

from leaderboard.errors import TooMany
from leaderboard.service import Service
from leaderboard.submissions.turns import MAX_WAITING, Turns
from tests.leaderboard.people import bearer

ASKED = {"benchmark": "tiny", "model": "org/model"}


@pytest.fixture
def settings() -> dict[str, str]:
    return {"sign_in": "optional"}


def test_one_has_the_turn_some_wait_and_the_next_is_refused() -> None:
    turns, leave, done = Turns(), threading.Event(), queue.Queue[str]()
    inside: list[int] = []
    most = 0

    def ask(number: int) -> None:
        nonlocal most
        try:
            with turns.take("ada"):
                inside.append(number)
                most = max(most, len(inside))
                leave.wait(20)
                inside.remove(number)
                done.put("served")
        except TooMany as problem:
            done.put(str(problem))

    with ThreadPoolExecutor(MAX_WAITING + 2) as pool:
        for number in range(MAX_WAITING + 2):
            pool.submit(ask, number)
        assert "one checkpoint up at a time" in done.get(timeout=20)  # one of them, while another has the turn
        with turns.take("bob"):
            leave.set()
        assert [done.get(timeout=20) for _ in range(MAX_WAITING + 1)] == ["served"] * (MAX_WAITING + 1)
    assert most == 1 and turns._turns == {}


def test_who_waits_too_long_is_refused() -> None:
    turns = Turns(patience_s=0.01)
    with turns.take("ada"), pytest.raises(TooMany), turns.take("ada"):
        pass
    assert turns._turns == {}


@pytest.mark.parametrize("path", ["submissions", "submissions/check"])
def test_over_http_people_are_told_apart_by_name_and_strangers_by_address(
    api: TestClient, service: Service, path: str
) -> None:
    service.turns._max_waiting = 0
    stranger, ada = service.turns.take("testclient"), service.turns.take("@ada")
    with stranger:
        refused = api.post(f"/api/v1/{path}", json=ASKED)
        assert refused.status_code == 429 and "still under way" in refused.json()["error"]
        assert int(refused.headers["retry-after"]) > 0
        assert api.post(f"/api/v1/{path}", json=ASKED, headers=bearer("ada")).status_code != 429
    with ada:
        assert api.post(f"/api/v1/{path}", json=ASKED, headers=bearer("ada")).status_code == 429
        assert api.post(f"/api/v1/{path}", json=ASKED).status_code != 429
