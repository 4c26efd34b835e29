"""`podium submit` against a board that is served: uploads that break, answers that are lost, terms, questions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fastapi import Request, Response

from leaderboard.cli.client import uploads
from leaderboard.cli.client.questions import disclosure, questions_of
from leaderboard.cli.output import Output
from leaderboard.records import NamedRequest
from tests.leaderboard.cli.sites import GOOD, QUIZ, Shell, Site, cut

COMPETITION = """\
competition:
  terms: {version: "2", text: Be fair.}
tracks:
  closed:
    title: Closed
    discloses:
      - {key: method, title: "How does it work?"}
      - {key: seeds, title: "How many seeds?", type: number}
      - {key: tools, title: "Tools?", type: checkbox, required: false}
"""


@pytest.fixture
def answers(tmp_path: Path) -> str:
    (tmp_path / "mine.csv").write_text(GOOD)
    return "mine.csv"


def test_a_file_is_checked_uploaded_and_queued_once(site: Site, ada: Shell, answers: str) -> None:
    queued = ada.json("submit", answers, "--yes", "--score", "correct=0.9")
    request = queued["request"]
    assert (request["model"], request["status"], queued["existing"]) == ("ada/mine", "PENDING", False)
    [kept] = site.requests()
    assert isinstance(kept, NamedRequest) and kept.local_scores == {"correct": 0.9}
    uploads_before = site.asked.count("POST /uploads")
    again = ada.json("submit", answers, "--yes")
    assert (again["request"]["id"], again["existing"]) == (request["id"], True)
    assert site.asked.count("POST /uploads") == uploads_before, "what is there is not sent again"


def test_it_tells_what_ships_and_what_comes_next(ada: Shell, answers: str) -> None:
    assert ada("submit", answers, "--yes") == ""
    lines = ada.err.splitlines()
    assert (
        lines[0].startswith("· To Quiz at http://127.0.0.1") and f"mine.csv, {len(GOOD):,} bytes, SHA-256" in lines[1]
    )
    assert lines[-1].startswith("Next: podium watch ")


def test_nothing_is_sent_without_a_yes(site: Site, ada: Shell, answers: str) -> None:
    refused = ada.json("submit", answers, exit=2)
    assert refused["code"] == "wrong_use" and "--yes" in refused["error"]
    assert "POST /uploads" not in site.asked and not site.requests()


def test_every_problem_of_the_file_is_told_with_its_fix(site: Site, ada: Shell, tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text("id,answer,chance\nq1,up,0.5\nq2,right,7\n")
    refused = ada.json("submit", "bad.csv", "--yes", exit=1)
    assert refused["code"] == "not_accepted" and len(refused["problems"]) >= 3
    assert all(problem["message"] and problem["fix"] for problem in refused["problems"])
    ada("submit", "bad.csv", "--yes", exit=1)
    assert len([line for line in ada.err.splitlines() if line.startswith("✗")]) == len(refused["problems"])


def test_what_cannot_be_meant_is_told(ada: Shell, answers: str) -> None:
    mistakes = {
        ("missing.csv",): "no file or folder",
        (answers, "--kind", "code"): "Choose with --kind",
        (answers, "--track", "x"): "no track 'x'",
        (answers, "--score", "auc=1"): "no such score",
        (answers, "--score", "loss"): "KEY=VALUE",
        (answers, "--answer", "a=b"): "no question 'a'",
        (answers, "--nonsense"): "--help",
    }
    for words, told in mistakes.items():
        assert told in ada.json("submit", *words, "--yes", exit=2)["error"], words
    assert "no benchmark 'other'" in ada.json("submit", answers, "--benchmark", "other", exit=1)["error"]


@pytest.mark.parametrize("rules", [QUIZ + COMPETITION])
def test_questions_and_terms(site: Site, ada: Shell, answers: str) -> None:
    missing = ada.json("submit", answers, "--yes", exit=2)["error"]
    assert "--answer method=a text" in missing and "--answer seeds=a number" in missing
    said = ["--answer", "method=a table", "--answer", "seeds=3", "--answer", "tools=no"]
    assert "--accept-terms" in ada.json("submit", answers, "--yes", *said, exit=2)["error"]
    assert "does not fit" in ada.json("submit", answers, "--yes", "--answer", "seeds=many", exit=2)["error"]
    ada("submit", answers, "--accept-terms", *said, exit=2)
    assert not site.requests(), "nobody said yes"
    ada.json("submit", answers, "--yes", "--accept-terms", *said)
    assert len(site.requests()) == 1


def test_an_upload_goes_on_where_a_connection_broke(
    site: Site, ada: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "PIECE_BYTES", 400_000)
    (tmp_path / "long.csv").write_text(GOOD + "\n" * 1_000_000)
    sizes: list[int] = []

    def measure(request: Request) -> None:
        if request.method == "PATCH":
            sizes.append(int(request.headers["upload-offset"]))

    site.faults.append(measure)
    with cut(site.port, [650_000, 300_000, 300_000]) as way:
        ada("login", "--server", way, "--token-file", "token")
        ada("submit", "long.csv", "--yes")
    assert "The connection was lost. The upload goes on." in ada.err
    assert sizes == sorted(sizes) and len(set(sizes)) > 3, "what has arrived is not sent again"
    assert site.asked.count("POST /uploads") == 1


def test_an_answer_that_is_lost_queues_nothing_twice(site: Site, ada: Shell, answers: str) -> None:
    site.lost.append("POST /submissions")
    assert ada.json("submit", answers, "--yes")["existing"] is False
    assert not site.lost and len(site.requests()) == 1


@pytest.mark.parametrize("rules", [QUIZ.replace("predictions:\n", "predictions:\n  same_again: true\n")])
def test_nor_where_the_same_may_be_submitted_again(site: Site, ada: Shell, answers: str) -> None:
    first = ada.json("submit", answers, "--yes")["request"]["id"]
    site.finish(first)
    site.lost.append("POST /submissions")
    second = ada.json("submit", answers, "--yes")["request"]["id"]
    assert not site.lost and {request.id for request in site.requests()} == {first, second} and first != second


def test_a_server_that_asks_to_wait_is_waited_for(site: Site, ada: Shell, answers: str) -> None:
    refused: list[str] = []

    def busy(request: Request) -> Response | None:
        if request.url.path.endswith("/submissions/check") and len(refused) < 2:
            refused.append(request.url.path)
            return Response('{"error": "Too many at a time."}', 429, {"retry-after": "1"}, "application/json")
        return None

    site.faults.append(busy)
    ada("submit", answers, "--yes")
    assert len(refused) == 2 and ada.err.count("Too many at a time. Trying again in ") == 2


def test_a_server_that_asks_to_come_back_tomorrow_is_not_waited_for(site: Site, ada: Shell, answers: str) -> None:
    def full(request: Request) -> Response | None:
        return Response('{"error": "Enough for today."}', 429, {"retry-after": "36000"}, "application/json")

    site.faults.append(full)
    refused = ada.json("submit", answers, "--yes", exit=3)
    assert (refused["code"], refused["retry_after_s"]) == ("too_many", 36000) and "in 10 h" in refused["error"]


@pytest.mark.parametrize("rules", [QUIZ + "policy: {quota: {person: 3}}\n"])
def test_what_is_left_of_a_quota(site: Site, ada: Shell, answers: str) -> None:
    ada("submit", answers, exit=2)
    assert "3 of 3 submissions left for ada (in 7 days)" in ada.err

    def team(request: Request) -> Response | None:
        left = {"name": "reds", "left": 1, "limit": 2, "period": "today, UTC", "frees_at": None, "counts": "failures"}
        return Response(json.dumps({"quota": [left]})) if request.url.path.endswith("/quota") else None

    site.faults.append(team)
    ada("submit", answers, exit=2)
    assert "1 of 2 failures after scoring began left for reds (today, UTC)" in ada.err


def test_questions_of_a_fact_sheet_are_asked_by_the_keys_of_submissions() -> None:
    sheet = [{"key": "Team Size", "title": "How many?", "type": "number", "required": True}]
    questions = questions_of({"bundle": {"fact_sheet": sheet}, "tracks": {"open": {}}}, "open")
    assert disclosure(questions, ["team_size=3"], Output()) == {"team_size": 3.0}
