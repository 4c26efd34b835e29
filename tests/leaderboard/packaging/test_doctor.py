"""The participant's part of `podium doctor`, at a real board."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from backend.commands import doctor
from backend.doctor.line import Line, State
from backend.doctor.participant import Account, check_board_clock, check_participant, quota_line
from leaderboard.cli.__main__ import main
from leaderboard.cli.client.accounts import Account as Signed
from leaderboard.cli.client.accounts import Accounts
from leaderboard.service import Service
from tests.leaderboard.packaging.served import serving
from tests.leaderboard.people import TOKENS, client_of


@pytest.fixture
def settings() -> dict[str, Any]:
    return {"sign_in": "required"}


@pytest.fixture
def board(service: Service) -> Iterator[str]:
    with serving(client_of(service).app) as address:
        yield address


def lines(server: str, token: str = "") -> dict[str, Line]:
    return {line.name: line for line in check_participant(Account(server, token))}


def test_a_token_is_told_by_whose_it_is(board: str) -> None:
    known = lines(board, TOKENS["ada"])
    assert known["board"].state is State.OK and known["board clock"].state is State.OK
    assert (known["account"].state, known["account"].sentence) == (State.OK, "You are ada there.")
    unknown = lines(board, "hf_nobody")["account"]
    assert unknown.state is State.FAILED and unknown.fix == f"Run: podium login --server {board}"
    assert "hf_nobody" not in unknown.sentence
    assert lines(board)["account"].state is State.WARNING


def test_a_board_that_does_not_answer_is_told() -> None:
    [unreachable] = lines("http://127.0.0.1:1").values()
    assert unreachable.state is State.FAILED and "http://127.0.0.1:1 cannot be reached" in unreachable.sentence
    with serving(FastAPI()) as other:
        [another] = lines(other).values()
    assert another.state is State.FAILED and "does not answer as a Podium board does (status 404)" in another.sentence


@pytest.mark.parametrize(
    ("date", "state", "words"),
    [
        ("Sun, 22 Nov 2026 12:00:20 GMT", State.OK, "agrees"),
        ("Sun, 22 Nov 2026 12:05:00 GMT", State.WARNING, "300 s behind the board's"),
        ("Sun, 22 Nov 2026 11:59:00 GMT", State.WARNING, "60 s ahead of the board's"),
        ("", State.OK, "was not compared"),
    ],
)
def test_clocks_are_compared(date: str, state: State, words: str) -> None:
    line = check_board_clock(date, datetime(2026, 11, 22, 12, tzinfo=UTC))
    assert line.state is state and words in line.sentence


def test_what_is_left_is_told() -> None:
    quota = {"counts": "submissions", "name": "ada", "limit": 2, "left": 1, "period": "today", "frees_at": None}
    line = quota_line("code", quota)
    assert (line.name, line.state) == ("quota code", State.OK)
    assert line.sentence == "1 of 2 submissions are left today for ada."
    used_up = quota_line("code", quota | {"left": 0, "frees_at": "2026-11-23T00:00:00Z"})
    assert used_up.state is State.WARNING and used_up.fix == "Submit again from 2026-11-23T00:00:00Z on."


def test_without_the_packages_of_a_board_only_the_participants_part_is_looked_at(
    board: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert doctor.run(True, board, TOKENS["bob"], "", whole=False) == 0
    names = [line["name"] for line in json.loads(capsys.readouterr().out)]
    assert names[:3] == ["board", "board clock", "account"] and "python" not in names
    assert doctor.run(True, "", "", "No server is known.", whole=False) == 0
    [line] = json.loads(capsys.readouterr().out)
    assert (line["state"], line["sentence"]) == ("warning", "No server is known.")


def test_the_command_asks_the_board_of_the_last_login(
    board: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    Accounts().keep(Signed(board, "ada", TOKENS["ada"]))
    monkeypatch.setenv("PODIUM_SERVER", board)
    main(["doctor", "--json"])
    printed = capsys.readouterr().out
    told = {line["name"]: line["sentence"] for line in json.loads(printed)}
    assert told["account"] == "You are ada there." and "python" in told and TOKENS["ada"] not in printed
    assert "PODIUM_SERVER" not in printed
