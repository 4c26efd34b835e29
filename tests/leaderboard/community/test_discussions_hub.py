"""Discussions on a Hub, over HTTP: in whose name, what they say, and what happens when the Hub has trouble."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from huggingface_hub import HfApi
from pydantic import SecretStr

import localhub
from leaderboard.community import discussions
from leaderboard.documents import model
from leaderboard.documents.visit import Visit
from leaderboard.service import Service
from localhub.faults import Fault
from tests.contracts.test_executor import until
from tests.leaderboard.api.test_community_api import FLAG, asked, failed, post
from tests.leaderboard.people import BOARD, ORGANIZATIONS, TOKENS, Open, client_of

BOT = "podium-bot"
REPO = f"{BOT}/talk"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[localhub.Running]:
    root = tmp_path_factory.mktemp("hub")
    people = TOKENS | {BOT: "hf_bot"}
    with localhub.running(root, tokens=people, organizations=ORGANIZATIONS) as running:
        localhub.Hub(root).accounts.add_user("rex", token="hf_rex", role="read")
        yield running


@pytest.fixture(autouse=True)
def rex(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TOKENS, "rex", "hf_rex")


@pytest.fixture
def settings() -> dict[str, Any]:
    return {
        "sign_in": "required",
        "maintainers": "keepers",
        "hub_token": SecretStr("hf_bot"),
        "hub_discussions": REPO,
        "public_url": BOARD,
    }


def there(hub: localhub.Running, url: str) -> Any:
    """The discussion at `url`, through the Hub's own client."""
    return HfApi(hub.endpoint, token=False).get_discussion_details(
        REPO, int(url.rpartition("/")[2]), repo_type="dataset"
    )


def said(hub: localhub.Running, url: str) -> list[tuple[str, str]]:
    return [(event.author, event.content) for event in there(hub, url).events if event.type == "comment"]


def number(hub: localhub.Running) -> int:
    return len(list(HfApi(hub.endpoint, token=False).get_repo_discussions(REPO, repo_type="dataset")))


def test_a_flag_is_its_flaggers_own_discussion_and_decisions_are_noted(hub: localhub.Running, service: Service) -> None:
    asked(service)
    api = client_of(service)
    flag = post(api, "/flags", "eve", FLAG, 201)
    url = flag["link"]
    assert url.startswith(f"{hub.endpoint}/datasets/{REPO}/discussions/")
    talk = there(hub, url)
    assert (talk.author, talk.status) == ("eve", "open")
    assert talk.title == f"lab/model: copy without attribution [{flag['id'][:8]}]"
    [(_, text)] = said(hub, url)
    assert f"> {FLAG['evidence']}" in text and "<https://a.example/x>" in text
    assert "@lab can answer and appeal here" in text and f"{BOARD}/model/lab/model#flags" in text

    post(api, f"/flags/{flag['id']}/state", "mia", {"state": "accepted", "note": "Equal @everybody <b>hashes</b>."})
    post(api, f"/discussions/flags/{flag['id']}/comments", "ada", {"text": "We wrote lab/original."}, 201)
    assert [who for who, _ in said(hub, url)] == ["eve", "mia", "ada"]
    note = said(hub, url)[1][1]
    assert "**accepted**" in note and "@lab can appeal here" in note and "@everybody" not in note and "<b>" not in note
    assert said(hub, url)[2][1] == "We wrote lab/original."
    assert api.get("/api/v1/flags.json").json()["flags"][0]["link"] == url


@pytest.mark.parametrize("who", ["eve", "mia", "rex"])
def test_the_discussion_of_a_withdrawn_flag_is_closed(hub: localhub.Running, service: Service, who: str) -> None:
    asked(service)
    api = client_of(service)
    flag = post(api, "/flags", "rex" if who == "rex" else "eve", FLAG, 201)
    post(api, f"/flags/{flag['id']}/state", who, {"state": "withdrawn", "note": "I was wrong."})
    assert there(hub, flag["link"]).status == "closed"
    assert "**withdrawn**" in said(hub, flag["link"])[-1][1]
    assert api.get(f"/api/v1/discussions/flags/{flag['id']}").json()["closed"]
    post(api, f"/discussions/flags/{flag['id']}/comments", "ada", {"text": "Too late."}, 409)


def test_comments_on_the_hub_are_counted_on_the_page(hub: localhub.Running, service: Service) -> None:
    asked(service)
    api = client_of(service)
    flag = post(api, "/flags", "eve", FLAG, 201)
    HfApi(hub.endpoint, token="hf_ada").comment_discussion(
        REPO, int(flag["link"].rpartition("/")[2]), "Seen on the Hub.", repo_type="dataset"
    )
    assert "comment</span>" not in model.draw(service, Visit(("lab", "model"))), "the Hub has not told yet"
    until(lambda: "1 comment</span>" in model.draw(service, Visit(("lab", "model"))))
    assert said(hub, flag["link"])[1:] == [("ada", "Seen on the Hub.")]


def test_a_token_that_may_not_write_has_the_board_speak_for_it(hub: localhub.Running, service: Service) -> None:
    asked(service)
    api = client_of(service)
    flag = post(api, "/flags", "rex", FLAG, 201)
    assert there(hub, flag["link"]).author == BOT
    assert said(hub, flag["link"])[0][1].startswith("**rex** on the board:")
    opened_by = api.get(f"/api/v1/discussions/flags/{flag['id']}").json()["opened"]
    assert "by this board's account for rex" in opened_by and "did not let rex's token" in opened_by
    post(api, f"/discussions/flags/{flag['id']}/comments", "rex", {"text": "See @lab's card."}, 201)
    who, text = said(hub, flag["link"])[1]
    assert who == BOT and text.startswith("**rex** says on the board:") and "@lab" not in text


def test_the_boards_account_cannot_be_used_up(
    hub: localhub.Running, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discussions, "MAX_OWN", 2)
    asked(service)
    api = client_of(service)
    flag = post(api, "/flags", "rex", FLAG, 201)
    answers = f"/discussions/flags/{flag['id']}/comments"
    for status in (201, 201, 409):
        post(api, answers, "rex", {"text": "And again."}, status)
    assert len(said(hub, flag["link"])) == 3
    for _ in range(3):
        post(api, answers, "eve", {"text": "In my own name."}, 201)


def test_a_report_has_the_reason_and_the_links_and_hears_of_the_relaunch(
    hub: localhub.Running, service: Service
) -> None:
    request, api = failed(service), client_of(service)
    talk = post(api, f"/requests/{request.id}/report", "eve", {"note": "It has a tokenizer."}, 201)
    [(_, text)] = said(hub, talk["url"])
    for part in ("It has no tokenizer. Add one.", "`no_tokenizer`", f"{BOARD}/request/{request.id}", "/file)", "/log)"):
        assert part in text
    again = post(api, f"/requests/{request.id}/report", "bob", status=201)
    assert again["url"] == talk["url"]
    post(api, f"/requests/{request.id}/relaunch", "mia", {"note": "The disk was full."})
    assert [who for who, _ in said(hub, talk["url"])] == ["eve", "bob", "mia"]
    assert "has relaunched" in said(hub, talk["url"])[-1][1]


@pytest.mark.parametrize("kind", ["500", "429", "closed"])
def test_with_the_hub_in_trouble_the_flag_is_kept_and_discussed_here(
    hub: localhub.Running, service: Service, kind: str
) -> None:
    asked(service)
    api = client_of(service)
    service.hub.whoami("hf_eve")
    hub.faults.set([Fault(kind, path="/discussions")])
    try:
        flag = post(api, "/flags", "eve", FLAG, 201)
    finally:
        hub.faults.set([])
    assert flag["link"] == ""
    talk = api.get(f"/api/v1/discussions/flags/{flag['id']}").json()
    assert talk["url"] == "" and talk["opened"].startswith("It is kept here, because the Hub could not take it.")
    post(api, f"/discussions/flags/{flag['id']}/comments", "ada", {"text": "I answer here."}, 201)


def test_a_lost_answer_opens_no_second_discussion(hub: localhub.Running, service: Service) -> None:
    asked(service)
    api = client_of(service)
    before = number(hub)
    hub.faults.set([Fault("lost-answer", path="/discussions$", method="POST")])
    try:
        flag = post(api, "/flags", "eve", FLAG, 201)
    finally:
        hub.faults.set([])
    assert number(hub) == before + 1
    assert flag["id"][:8] in there(hub, flag["link"]).title


def test_a_decision_stands_when_the_hub_cannot_hear_of_it(hub: localhub.Running, service: Service) -> None:
    asked(service)
    api = client_of(service)
    flag = post(api, "/flags", "eve", FLAG, 201)
    service.hub.whoami("hf_mia")
    hub.faults.set([Fault("503", path="/discussions")])
    try:
        assert post(api, f"/flags/{flag['id']}/state", "mia", {"state": "accepted"})["state"] == "accepted"
        answer = post(api, f"/discussions/flags/{flag['id']}/comments", "mia", {"text": "Heard?"}, 503)
    finally:
        hub.faults.set([])
    assert "Hub" in answer["error"]


def test_a_board_without_an_account_there_keeps_what_it_cannot_open(opened: Open) -> None:
    service = opened(hub_token=None)
    asked(service)
    api: TestClient = client_of(service)
    flag = post(api, "/flags", "rex", FLAG, 201)
    assert flag["link"] == ""
    assert "no account on the Hub" in api.get(f"/api/v1/discussions/flags/{flag['id']}").json()["opened"]
