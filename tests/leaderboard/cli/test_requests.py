"""What became of a submission: status, log, list, cancelling, and following it through a restart of the server."""

from __future__ import annotations

import threading

import pytest
from fastapi import Request, Response

from leaderboard.cli.__main__ import main
from leaderboard.documents import model as model_page
from leaderboard.documents import request as request_page
from leaderboard.documents.visit import Visit
from leaderboard.records import Failure, Fault, Progress
from tests.contracts.test_executor import until
from tests.leaderboard.cli.sites import QUIZ, Shell, Site


@pytest.fixture
def request_id(site: Site) -> str:
    return site.queued(local_scores={"correct": 0.9, "loss": 0.5001}).id


def fail(site: Site, request_id: str) -> None:
    failure = Failure(code="bad_answers", message="The file has no answers.", fault=Fault.SUBMISSION)
    site.service.queue.fail(site.run(request_id), failure)


def test_the_status_of_one_that_waits(site: Site, ada: Shell, request_id: str) -> None:
    facts = dict(line.split(maxsplit=1) for line in ada("status", request_id).splitlines())
    assert facts["submission"] == "ada/mine" and facts["status"].startswith("waiting, number 1 in the queue")
    assert facts["page"] == f"{site.address}/request/{request_id}"
    assert ada.err == f"Next: podium watch {request_id}\n"


def test_the_scores_of_one_that_has_finished_beside_the_local_ones(site: Site, ada: Shell, request_id: str) -> None:
    site.finish(request_id)
    table = ada("status", request_id).splitlines()[-3:]
    assert table == ["score\tvalue\tlocal", "correct\t0.666667\t0.9", "loss\t0.5\t0.5001"]
    assert ada.err.count("is not your local one") == 1 and "! correct: " in ada.err
    document = ada.json("watch", request_id)
    assert document["scores"][0] == {"key": "correct", "score": 2 / 3, "local": 0.9}


def test_a_failure_is_a_sentence_and_an_exit_code(site: Site, ada: Shell, request_id: str) -> None:
    fail(site, request_id)
    for verb in ("status", "watch"):
        failed = ada.json(verb, request_id, exit=4)
        assert failed["code"] == "submission_failed" and failed["request"]["failure"]["code"] == "bad_answers"
    ada("watch", request_id, exit=4)
    assert "The file has no answers. [bad_answers]" in ada.err and f"podium logs {request_id}" in ada.err


def test_cancelling(site: Site, ada: Shell, request_id: str) -> None:
    assert ada.json("cancel", request_id, "--note", "wrong file")["request"]["status"] == "CANCELLED"
    assert ada.json("cancel", request_id)["request"]["status"] == "CANCELLED", "an answer may have been lost"
    assert "was cancelled" in ada.json("status", request_id, exit=4)["error"]


def test_one_that_has_ended_cannot_be_cancelled(site: Site, ada: Shell, request_id: str) -> None:
    site.finish(request_id)
    assert ada.json("cancel", request_id, exit=1)["code"] == "not_possible"


def test_what_is_not_there(ada: Shell) -> None:
    for words in (["status", "0" * 16], ["logs", "../../me"], ["cancel", "x"], ["watch", "x"]):
        assert ada.json(*words, exit=1)["code"] == "not_found"


def test_the_list_of_ones_own(site: Site, ada: Shell, request_id: str) -> None:
    lines = ada("list").splitlines()
    assert lines[0] == "id\tsubmission\tbenchmark\tsubmitted\tstatus" and lines[1].startswith(
        f"{request_id}\tada/mine\tquiz"
    )
    assert ada.json("list", "--status", "finished")["requests"] == []
    assert ada.json("list", "--sender", "bob")["total"] == 0


def test_the_log_shows_only_text(site: Site, ada: Shell, request_id: str) -> None:
    assert ada.json("logs", request_id)["log"] == ""
    site.service.logs.write(request_id, "scoring\n\x1b]0;owned\x07\x1b[31mred\u202e\n")
    shown = ada("logs", request_id)
    assert "scoring" in shown and "red" in shown and not {"\x1b", "\x07", "\u202e"} & set(shown)


def watch(request_id: str) -> tuple[threading.Thread, list[int]]:
    ended: list[int] = []
    thread = threading.Thread(target=lambda: ended.append(main(["watch", request_id])), daemon=True)
    thread.start()
    return thread, ended


def test_watching_survives_a_restart_of_the_server(site: Site, ada: Shell, request_id: str) -> None:
    site.asked.clear()
    thread, ended = watch(request_id)
    until(lambda: f"GET /requests/{request_id}/events" in site.asked, 60)
    site.stop()
    site.asked.clear()
    site.start()
    site.finish(request_id)
    until(lambda: not thread.is_alive(), 120)
    assert ended == [0] and site.asked


def test_watching_goes_on_by_questions_where_there_are_no_events(site: Site, ada: Shell, request_id: str) -> None:
    asked: list[str] = []

    def no_events(request: Request) -> Response | None:
        asked.append(request.url.path)
        if request.url.path.endswith("/events"):
            return Response('{"error": "Too many follow."}', 429, {"retry-after": "1"}, "application/json")
        return None

    site.faults.append(no_events)
    thread, ended = watch(request_id)
    until(lambda: any(path.endswith("/events") for path in asked), 60)
    running = site.run(request_id)
    site.service.queue.renew(running, 600, Progress(task="scoring", done=1, total=3))
    site.service.queue.fail(
        site.service.queue.get(request_id), Failure(code="x", message="No.", fault=Fault.SUBMISSION)
    )
    until(lambda: not thread.is_alive(), 120)
    assert ended == [4]


@pytest.mark.parametrize("rules", [f"{QUIZ}competition: {{published_decimals: 3}}\n"])
def test_the_pages_show_local_scores_and_explain_a_difference(site: Site, request_id: str) -> None:
    def pages() -> list[str]:
        return [
            request_page.draw(site.service, Visit((request_id,))),
            model_page.draw(site.service, Visit(("ada", "mine"), {"benchmark": "quiz"})),
        ]

    assert "0.9000" in pages()[0] and "not graded" in pages()[0]
    site.finish(request_id)
    for page in pages():
        assert page.count("differs by more than 1 %") == 1 and "0.9000" in page and "0.6667" in page
        assert "rounded to 3 digits" in page and "Computed by the sender before submitting." in page
    same = site.queued("same", local_scores={"correct": 0.6667})
    site.finish(same.id)
    page = request_page.draw(site.service, Visit((same.id,)))
    assert "Local scores" in page and "differs" not in page and "may be why" not in page
    assert "Local scores" not in request_page.draw(site.service, Visit((site.queued("none").id,)))
