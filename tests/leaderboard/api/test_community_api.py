"""Flags, discussions, votes and changes of requests over HTTP: who may do what, and what it does to the board."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest
from fastapi.testclient import TestClient

import localhub
from leaderboard.board.contents import contents_path
from leaderboard.community.flags import LIST_PATH
from leaderboard.documents import flags as flags_page
from leaderboard.documents.model import facts
from leaderboard.documents.visit import Visit
from leaderboard.models.facts import facts_file, facts_path
from leaderboard.records import Failure, Fault, ModelFacts, Request, Status
from leaderboard.service import Service
from tests.contracts.test_executor import until
from tests.leaderboard.api.test_api import publish
from tests.leaderboard.people import BOARD, ORGANIZATIONS, TOKENS, Open, bearer, client_of, sign_in, stamped

WHY = "Its weights are those of lab/original; the hashes are equal."
FLAG = {"model": "lab/model", "category": "copy without attribution", "evidence": WHY, "links": ["https://a.example/x"]}
THEIRS = Failure(fault=Fault.SUBMISSION, code="no_tokenizer", message="It has no tokenizer. Add one.")


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[localhub.Running]:
    people = TOKENS | {"podium-bot": "hf_bot"}
    with localhub.running(tmp_path_factory.mktemp("hub"), tokens=people, organizations=ORGANIZATIONS) as running:
        yield running


@pytest.fixture
def settings() -> dict[str, Any]:
    return {"sign_in": "required", "maintainers": "keepers", "public_url": BOARD}


@pytest.fixture
def api(service: Service) -> TestClient:
    return client_of(service)


def asked(service: Service, model: str = "lab/model", sender: str = "bob", number: int = 1) -> Request:
    reply = {"benchmark": "tiny", "model": model, "revision": f"{number:x}" * 40}
    return service.queue.submit(Request(**reply, sender=sender, submitted_time=f"2026-01-01T00:00:{number:02}Z"))


def failed(service: Service, **more: Any) -> Request:
    return service.queue.fail(service.queue.claim(asked(service, **more), "worker", 60), THEIRS)


def finished(service: Service, **more: Any) -> Request:
    claimed = service.queue.claim(asked(service, **more), "worker", 60)
    publish(service, claimed)
    return service.queue.finish(claimed)


def post(api: TestClient, path: str, who: str, body: dict[str, Any] | None = None, status: int = 200) -> dict[str, Any]:
    answer = api.post(f"/api/v1{path}", json=body or {}, headers=bearer(who))
    assert answer.status_code == status, answer.text
    result: dict[str, Any] = answer.json()
    return result


# --- flags


def test_from_the_flag_to_the_appeal(api: TestClient, service: Service) -> None:
    finished(service)
    board = lambda: service.boards.refresh("tiny") and service.boards.answer("tiny", {"hide": ""})  # noqa: E731
    assert board()["rows"][0]["flag"] is None

    flag = post(api, "/flags", "eve", FLAG, 201)
    assert (flag["state"], flag["by"], flag["link"]) == ("proposed", "eve", "")
    assert api.get("/api/v1/flags.json").json()["flagged"] == {}
    assert service.boards.answer("tiny", {})["total"] == 1, "a proposed flag hides nothing"

    state = f"/flags/{flag['id']}/state"
    post(api, state, "eve", {"state": "accepted"}, 403)
    post(api, state, "ada", {"state": "rejected"}, 403)
    post(api, state, "mia", {"state": "accepted", "note": "The hashes are equal."})
    assert api.get("/api/v1/flags.json").json()["flagged"] == {"lab/model": ["copy without attribution"]}
    [row] = board()["rows"]
    assert row["flag"] == {"category": "copy without attribution", "link": "/model/lab/model#flags"}
    hidden = service.boards.answer("tiny", {})
    assert (hidden["total"], hidden["hidden"]) == (0, {"flagged": 1})

    talk = f"/discussions/flags/{flag['id']}"
    post(api, f"{talk}/comments", "ada", {"text": "We are lab/original's authors."}, 201)
    post(api, state, "mia", {"state": "rejected", "note": "The owner is right."})
    reply = api.get(f"/api/v1{talk}").json()
    assert [comment["by"] for comment in reply["comments"]] == ["mia", "ada", "mia"]
    assert "@lab can appeal here" in reply["comments"][0]["text"]
    assert reply["opened"] == "This board keeps its discussions itself."
    assert board()["rows"][0]["flagged"] is False and service.boards.answer("tiny", {})["total"] == 1
    history = api.get(f"/api/v1/flags/{flag['id']}").json()["history"]
    assert [(entry["from"], entry["to"], entry["by"]) for entry in history] == [
        (None, "proposed", "eve"),
        ("proposed", "accepted", "mia"),
        ("accepted", "rejected", "mia"),
    ]


def test_flags_json_is_the_same_file_in_the_store(api: TestClient, service: Service) -> None:
    asked(service)
    post(api, "/flags", "eve", FLAG, 201)
    assert service.results_store.read(LIST_PATH)[0] == api.get("/api/v1/flags.json").content


def test_a_flag_needs_a_model_of_this_board_and_evidence(api: TestClient, service: Service) -> None:
    assert "nothing to flag" in post(api, "/flags", "eve", FLAG, 404)["error"]
    asked(service)
    problems = post(api, "/flags", "eve", FLAG | {"evidence": "bad", "links": ["ftp://x"]}, 422)["problems"]
    assert {problem["field"] for problem in problems} == {"evidence", "links.0"}
    assert api.post("/api/v1/flags", json=FLAG | {"by": "ada"}, headers=bearer("eve")).status_code == 422
    assert api.post("/api/v1/flags", json=FLAG).status_code == 401


def test_all_flags_are_told_with_who_decided_and_why(api: TestClient, service: Service) -> None:
    asked(service)
    asked(service, model="lab/other", number=2)
    waits = post(api, "/flags", "eve", FLAG, 201)
    decided = [post(api, "/flags", who, FLAG | {"model": "lab/other"}, 201) for who in ("eve", "bob")]
    post(api, f"/flags/{decided[0]['id']}/state", "mia", {"state": "rejected", "note": "The hashes differ."})
    post(api, f"/flags/{decided[1]['id']}/state", "bob", {"state": "withdrawn"})
    answer = api.get("/api/v1/flags").json()
    assert [flag["id"] for flag in answer["open"]] == [waits["id"]]
    told = {flag["id"]: (flag["state"], flag["decided_by"], flag["note"]) for flag in answer["decided"]}
    assert told == {
        decided[0]["id"]: ("rejected", "mia", "The hashes differ."),
        decided[1]["id"]: ("withdrawn", "bob", ""),
    }
    part = api.get("/api/v1/flags", params={"offset": 1, "limit": 1}).json()
    assert (part["decided"], part["decided_total"]) == (answer["decided"][1:], 2)
    page = flags_page.draw(service, Visit())
    for sentence in ("The hashes differ.", "No reason was recorded.", "other</a>", f'id="flag-{waits["id"]}"'):
        assert sentence in page


def test_a_model_is_the_same_however_it_is_spelled(api: TestClient, service: Service) -> None:
    asked(service, sender="Bob")
    assert post(api, "/flags", "eve", FLAG | {"model": "Lab/MODEL"}, 201)["model"] == "lab/model"
    known = ModelFacts(model="lab/model", revision="1" * 40)
    service.results_store.commit({facts_path("lab/model"): facts_file(known)}, "As submitted")
    assert api.get("/api/v1/models/LAB/Model").json()["model"] == "lab/model"
    assert api.get("/api/v1/requests", params={"sender": "bob"}).json()["total"] == 1


def test_flaggers_withdraw_their_own_while_nothing_is_decided(api: TestClient, service: Service) -> None:
    asked(service)
    state = f"/flags/{post(api, '/flags', 'eve', FLAG, 201)['id']}/state"
    post(api, state, "bob", {"state": "withdrawn"}, 403)
    post(api, state, "eve", {"state": "withdrawn", "note": "I was wrong."})
    talk = state.replace("/flags/", "/discussions/flags/").removesuffix("/state")
    assert api.get(f"/api/v1{talk}").json()["closed"]
    assert "closed" in post(api, f"{talk}/comments", "ada", {"text": "Too late."}, 409)["error"]
    state = f"/flags/{post(api, '/flags', 'eve', FLAG, 201)['id']}/state"
    post(api, state, "mia", {"state": "accepted"})
    post(api, state, "eve", {"state": "withdrawn"}, 403)
    assert post(api, state, "mia", {"state": "withdrawn"})["state"] == "withdrawn"


REMOVAL = FLAG | {"category": "removal asked for by its owner", "evidence": "We have retracted this checkpoint."}


def test_owners_ask_for_removal_and_it_takes_the_rows_away(api: TestClient, service: Service) -> None:
    finished(service)
    for category in ("removal asked for by its owner", "removal by the maintainers"):
        assert "Only the owner" in post(api, "/flags", "eve", REMOVAL | {"category": category}, 403)["error"]
    assert "maintainers" in post(api, "/flags", "bob", REMOVAL | {"category": category}, 403)["error"]
    flag = post(api, "/flags", "bob", REMOVAL, 201)
    assert service.boards.refresh("tiny").board.size == 1
    post(api, f"/flags/{flag['id']}/state", "mia", {"state": "accepted"})
    assert service.boards.refresh("tiny").board.size == 0


def test_a_decision_is_in_the_store_without_another_result(api: TestClient, service: Service) -> None:
    finished(service)
    results = service.results_store.list("tiny/")
    service.boards.watch(every_s=0.05)

    def stored() -> list[bool]:
        content, _ = service.results_store.read(contents_path("tiny"))
        return [bool(flagged) for flagged in pd.read_parquet(io.BytesIO(content))["Flagged"]]

    try:
        until(lambda: contents_path("tiny") in service.results_store.list("contents/") and stored() == [False])
        flag = post(api, "/flags", "eve", FLAG, 201)
        post(api, f"/flags/{flag['id']}/state", "mia", {"state": "accepted"})
        until(lambda: stored() == [True])
    finally:
        service.boards.close()
    assert service.results_store.list("tiny/") == results and results, "only the table was written"


def test_maintainers_remove_rows_and_nothing_of_the_model_runs_again(api: TestClient, service: Service) -> None:
    done, broken = finished(service), failed(service, number=2)
    waiting, other = asked(service, number=3), asked(service, model="lab/other", number=4)
    flag = post(api, "/flags", "mia", REMOVAL | {"evidence": "It was uploaded without its authors' consent."}, 201)
    assert flag["category"] == "removal by the maintainers", "it is not said that its owner asked for it"
    post(api, f"/flags/{flag['id']}/state", "mia", {"state": "accepted", "note": "They wrote to us."})
    assert service.boards.refresh("tiny").board.size == 0
    assert service.queue.get(waiting.id).status is Status.CANCELLED
    assert "removed" in service.queue.get(waiting.id).history[-1].note
    assert service.queue.get(other.id).status is Status.PENDING
    for deed, request in (("relaunch", broken), ("rerun", done)):
        refusal = post(api, f"/requests/{request.id}/{deed}", "mia", status=409)["error"]
        assert "maintainers removed its results" in refusal and "They wrote to us." in refusal
    post(api, f"/flags/{flag['id']}/state", "mia", {"state": "withdrawn"})
    assert post(api, f"/requests/{done.id}/rerun", "mia")["status"] == "PENDING"


def test_a_page_of_another_site_flags_nothing(api: TestClient, service: Service) -> None:
    asked(service)
    sign_in(api, "eve")
    for headers in ({}, stamped(api) | {"origin": "https://evil.example"}, {"origin": BOARD}):
        assert api.post("/api/v1/flags", json=FLAG, headers=headers).status_code == 403
    assert api.post("/api/v1/flags", json=FLAG, headers=stamped(api)).status_code == 201


# --- votes


def test_voting(api: TestClient, service: Service) -> None:
    first, second = asked(service), asked(service, number=2)
    path = f"/requests/{second.id}/votes"
    assert post(api, path, "eve", status=201)["votes"] == 2
    post(api, path, "eve", status=409)
    post(api, path, "bob", status=409)
    assert [entry.id for entry in service.queue.pending()] == [second.id, first.id]
    votes = api.get(f"/api/v1{path}").json()["votes"]
    assert [vote["username"] for vote in votes] == ["eve"]
    assert api.delete(f"/api/v1{path}", headers=bearer("eve")).json()["priority"] == 0
    assert [item.id for item in service.queue.pending()] == [first.id, second.id]


# --- requests


@pytest.mark.parametrize(("who", "status"), [("bob", 200), ("ada", 200), ("mia", 200), ("eve", 403)])
def test_submitters_owners_and_maintainers_take_a_request_out(
    api: TestClient, service: Service, who: str, status: int
) -> None:
    request = asked(service, sender="bob")
    post(api, f"/requests/{request.id}/cancel", who, {"note": "a newer commit comes"}, status)
    result = service.queue.get(request.id)
    assert result.status is (Status.CANCELLED if status == 200 else Status.PENDING)
    if status == 200:
        assert result.history[-1].by == who and "a newer commit comes" in result.history[-1].note


def test_a_stranger_is_not_every_stranger(opened: Open) -> None:
    service = opened(sign_in="optional")
    request = asked(service, model="elsewhere/model", sender=service.settings.anonymous_sender)
    assert client_of(service).post(f"/api/v1/requests/{request.id}/cancel", json={}).status_code == 403


def test_without_sign_in_everybody_is_the_one_who_submitted(opened: Open) -> None:
    service = opened(sign_in="off")
    request = asked(service, model="elsewhere/model", sender=service.settings.anonymous_sender)
    assert client_of(service).post(f"/api/v1/requests/{request.id}/cancel", json={}).status_code == 200


def test_maintainers_relaunch_run_again_and_correct(api: TestClient, service: Service) -> None:
    calls: list[str] = []
    service.on_submit.append(lambda: calls.append("woken"))
    broken, done = failed(service), finished(service, number=2)
    for who in ("bob", "ada", "eve"):
        post(api, f"/requests/{broken.id}/relaunch", who, status=403)
        post(api, f"/requests/{done.id}/rerun", who, status=403)
    assert post(api, f"/requests/{broken.id}/relaunch", "mia", {"note": "the disk was full"})["status"] == "PENDING"
    assert post(api, f"/requests/{done.id}/rerun", "mia")["history"][-1]["note"] == "run again"
    assert "the disk was full" in service.queue.get(broken.id).history[-1].note
    assert calls == ["woken", "woken"]
    post(api, f"/requests/{done.id}/rerun", "mia", status=409)


def test_corrections_are_kept_with_what_was_there(api: TestClient, service: Service) -> None:
    request = finished(service)
    address = f"/api/v1/requests/{request.id}"
    change = {"model_type": "pretrained", "license": "mit", "params": 1.5, "note": "as its card says"}
    assert api.patch(address, json=change, headers=bearer("ada")).status_code == 403
    answer = api.patch(address, json=change, headers=bearer("mia"))
    assert answer.status_code == 200, answer.text
    edits = service.queue.get(request.id).edits
    assert [(edit.field, edit.before, edit.after, edit.by) for edit in edits] == [
        ("model_type", "other", "pretrained", "mia"),
        ("license", "", "mit", "mia"),
        ("params", None, 1.5, "mia"),
    ]
    assert service.contents.frame("tiny")["Hub License"].tolist() == ["mit"]
    assert api.patch(address, json=change, headers=bearer("mia")).status_code == 409
    for wrong in ({"model": "other/name"}, {"params": -1}, {"base_model": "../x"}, {"status": "FINISHED"}):
        assert api.patch(address, json=wrong, headers=bearer("mia")).status_code == 422, wrong


def test_a_given_priority_and_votes_add_up(api: TestClient, service: Service) -> None:
    request = asked(service)
    post(api, f"/requests/{request.id}/votes", "eve", status=201)
    api.patch(f"/api/v1/requests/{request.id}", json={"priority": 10}, headers=bearer("mia"))
    result = service.queue.get(request.id)
    assert (result.priority, result.edits[-1].before, result.edits[-1].after) == (11, 0, 10)


def test_a_failure_is_reported_and_its_relaunch_noted(api: TestClient, service: Service) -> None:
    waiting, broken = asked(service), failed(service, number=2)
    post(api, f"/requests/{waiting.id}/report", "eve", status=409)
    report = f"/requests/{broken.id}/report"
    opened = post(api, report, "eve", {"note": "The tokenizer is there since Monday."}, 201)
    assert (opened["title"], opened["by"]) == ("lab/model failed on tiny", "eve")
    post(api, report, "bob", {"note": "Me too."}, 201)
    post(api, f"/requests/{broken.id}/relaunch", "mia")
    reply = api.get(f"/api/v1/discussions/requests/{broken.id}").json()["comments"]
    assert [item["by"] for item in reply] == ["eve", "bob", "mia"]
    assert "relaunched" in reply[-1]["text"]


def test_a_corrected_licence_is_what_every_place_says(api: TestClient, service: Service) -> None:
    request = finished(service)
    known = ModelFacts(model="lab/model", revision=request.revision, card={"license": "apache-2.0"})
    service.results_store.commit({facts_path("lab/model"): facts_file(known)}, "As its card says")

    def said() -> tuple[list[str], dict[str, int], str]:
        service.boards.refresh("tiny")
        service.publish_decisions("tiny")
        content = service.results_store.read(contents_path("tiny"))[0]
        answers = {name: service.boards.answer("tiny", {"search": f"license:{name}"}) for name in ("mit", "apache-2.0")}
        found = {name: answer["total"] for name, answer in answers.items()}
        shown = {fact.key: fact.value for fact in facts(service.queue.get(request.id), service.models.get("lab/model"))}
        return pd.read_parquet(io.BytesIO(content))["Hub License"].tolist(), found, str(shown["license"])

    assert said() == (["apache-2.0"], {"mit": 0, "apache-2.0": 1}, "apache-2.0")
    api.patch(f"/api/v1/requests/{request.id}", json={"license": "mit"}, headers=bearer("mia")).raise_for_status()
    assert said() == (["mit"], {"mit": 1, "apache-2.0": 0}, "mit")
