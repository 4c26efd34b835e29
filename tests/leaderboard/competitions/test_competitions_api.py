"""The routes of a competition: participants decide for themselves, maintainers for all, and strangers nothing."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from leaderboard.competitions.reviews import ReviewState
from leaderboard.documents import model
from leaderboard.documents import request as request_page
from leaderboard.documents.visit import Visit
from leaderboard.pages import manage, participate
from leaderboard.records import Person, PodiumBlock, Request, Status
from leaderboard.service import Service
from leaderboard.settings import PROJECT
from tests.leaderboard.board.test_contents import block, publish
from tests.leaderboard.competitions.made import Competition
from tests.leaderboard.people import Open, bearer, client_of

RULES = """
competition: {ends: 2999-01-01T00:00:00Z, team_size: 2, final_submissions: 1, reviewed: 2}
"""
RAIN = """
id: rain
version: "1"
title: Rain
description: Where it rains.
kinds: [predictions]
predictions:
  columns: [{name: rains, type: number}]
  labels: {file: labels.csv}
  metrics: {error: {metric: mae, prediction: rains, label: rained}}
columns: [{key: error, title: Error, score: error, higher_is_better: false}]
competition: {ends: ENDS, final_submissions: 1, split: {}}
"""
LABELS = "id,rained,split\na,1,public\nb,0,public\nc,1,private\nd,0,private\n"
HERE = "/api/v1/benchmarks/tiny/competition"


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, Any]:
    shutil.copytree(PROJECT / "benchmarks" / "tasks", tmp_path / "benchmarks" / "tasks")
    (tmp_path / "benchmarks" / "tiny.yaml").write_text((PROJECT / "benchmarks" / "tiny.yaml").read_text() + RULES)
    return {
        "benchmarks_dir": tmp_path / "benchmarks", "private_dir": tmp_path / "private",
        "sign_in": "required", "maintainers": "mia",
    }  # fmt: skip


def finished(service: Service, number: int, person: str) -> Request:
    """A finished submission with a result; a higher number has more points."""
    result: PodiumBlock = block(number)
    request = service.queue.submit(
        Request(id=result.request_id, model=result.model, benchmark="tiny", revision=result.revision, sender=person)
    )
    service.queue.finish(service.queue.claim(request, "worker", 60))
    publish(service.results_store, result)  # type: ignore[arg-type]
    service.boards.refresh("tiny")
    return request


def post(api: TestClient, path: str, who: str, **body: Any) -> Any:
    return api.post(f"{HERE}/{path}", json=body, headers=bearer(who))


def test_a_team_is_made_and_chooses(api: TestClient, service: Service) -> None:
    own = finished(service, 1, "bob")
    assert post(api, "teams", "ada", name="Reds").json()["name"] == "Team Reds"
    assert post(api, "teams/invitations", "ada", person="bob").status_code == 201
    assert post(api, "teams/invitations", "ada", person="eve").status_code == 201
    mine = api.get(f"{HERE}/mine", headers=bearer("bob")).json()
    assert (mine["participant"], mine["team"], mine["invitations"]) == ("bob", None, ["Team Reds"])
    assert api.delete(f"{HERE}/teams/invitations/eve", headers=bearer("ada")).json()["invited"] == ["bob"]
    assert post(api, "teams/join", "eve", team="Team Reds").status_code == 409
    assert [each["name"] for each in post(api, "teams/join", "bob", team="Team Reds").json()["members"]] == [
        "ada",
        "bob",
    ]
    chosen = api.put(f"{HERE}/selection", json={"requests": [own.id]}, headers=bearer("ada"))
    assert chosen.status_code == 200, chosen.text
    assert chosen.json()["selection"] == [own.id] and chosen.json()["participant"] == "Team Reds"
    assert [each["request"] for each in chosen.json()["candidates"]] == [own.id]
    refused = api.put(f"{HERE}/selection", json={"requests": ["0" * 16]}, headers=bearer("eve"))
    assert refused.status_code == 409 and "not a finished submission of yours" in refused.json()["error"]
    assert api.get(f"{HERE}/mine", headers=bearer("bob")).json()["selection"] == [own.id]
    public = api.get(HERE).json()
    assert [team["name"] for team in public["teams"]] == ["Team Reds"] and "chose" not in str(public)
    assert public["private_board_open"] is False and public["selections"] is None
    assert post(api, "teams", "eve", name="Blues").status_code == 201
    assert post(api, "teams/leave", "eve").status_code == 204
    assert api.get(f"{HERE}/mine", headers=bearer("eve")).json()["team"] is None


def test_organisers_review_mark_and_run_again(api: TestClient, service: Service) -> None:
    requests = [finished(service, number, "ada") for number in range(4)]
    best, second = requests[3].id, requests[2].id
    assert post(api, f"reviews/{best}", "mia", state="refused").status_code == 409
    assert post(api, f"reviews/{best}", "mia", state="refused", reason="It read the labels.").status_code == 200
    assert post(api, f"reviews/{best}/notes", "mia", text="A secret doubt.").status_code == 201
    assert post(api, f"baselines/{second}", "mia", baseline=True, why="Ours.").json() == [second]
    service.boards.refresh("tiny")
    rows = api.get(f"{HERE}/reviews", headers=bearer("mia")).json()["rows"]
    assert [(row["request"], row["rank"], row["baseline"]) for row in rows] == [
        (best, None, False), (second, None, True), (requests[1].id, 1, False), (requests[0].id, 2, False),
    ]  # fmt: skip
    assert rows[0]["review"]["reason"] == "It read the labels." and rows[0]["notes"][0]["text"] == "A secret doubt."
    public = api.get(HERE)
    assert public.json()["baselines"] == [second] and public.json()["reviews"][best]["state"] == "refused"
    assert "secret" not in public.text
    assert [step["by"] for step in public.json()["decisions"]] == ["mia", "mia"]
    started = post(api, "reruns", "mia", why="The labels were wrong.").json()
    assert (started["waiting"], started["finished"]) == (4, 0)
    assert {service.queue.get(each.id).status for each in requests} == {Status.PENDING}
    assert api.get(HERE).json()["reruns"][0]["why"] == "The labels were wrong."
    assert post(api, "reruns", "mia", why="no").status_code == 422


def test_the_private_board_is_opened_once_it_has_ended(opened: Open, tmp_path: Path) -> None:
    (tmp_path / "private" / "benchmarks" / "rain").mkdir(parents=True)
    (tmp_path / "private" / "benchmarks" / "rain" / "labels.csv").write_text(LABELS)
    here, yaml = "/api/v1/benchmarks/rain/competition", tmp_path / "benchmarks" / "rain.yaml"
    yaml.write_text(RAIN.replace("ENDS", "2999-01-01T00:00:00Z"))
    during = opened(benchmarks="rain")
    own = Competition(tmp_path / "made", during.queue.store).submit("ada", benchmark="rain")
    api = client_of(during)
    assert api.put(f"{here}/selection", json={"requests": [own.id]}, headers=bearer("ada")).status_code == 200
    answer = api.post(f"{here}/opening", json={"why": "All is checked."}, headers=bearer("mia"))
    assert answer.status_code == 409 and "taken until 2999-01-01T00:00:00Z" in answer.json()["error"]
    assert api.get(here).json()["selections"] is None
    assert "competition/opening" not in seen_by(during, manage, "mia", ("rain",))
    yaml.write_text(RAIN.replace("ENDS", "2020-01-01T00:00:00Z"))
    ended = opened(benchmarks="rain")
    assert "competition/opening" in seen_by(ended, manage, "mia", ("rain",))
    later = client_of(ended)
    assert later.get(here).json()["private_board_open"] is False
    answer = later.post(f"{here}/opening", json={"why": "All is checked."}, headers=bearer("mia"))
    assert answer.json()["by"] == "mia", answer.text
    public = later.get(here).json()
    assert public["private_board_open"] is True and public["selections"] == {"ada": [own.id]}
    assert "opened by mia" in seen_by(ended, manage, "eve", ("rain",))


@pytest.mark.parametrize("who", ["ada", ""])
def test_nobody_else_decides(api: TestClient, service: Service, who: str) -> None:
    request = finished(service, 1, "ada")
    headers = bearer(who) if who else {}
    for path, body in (
        ("opening", {"why": "I want to see."}),
        (f"reviews/{request.id}", {"state": "accepted"}),
        (f"reviews/{request.id}/notes", {"text": "Hm."}),
        (f"baselines/{request.id}", {"baseline": True, "why": "Hm, why."}),
        ("reruns", {"why": "Once more."}),
    ):
        assert api.post(f"{HERE}/{path}", json=body, headers=headers).status_code == (403 if who else 401), path
    assert api.get(f"{HERE}/reviews", headers=headers).status_code == (403 if who else 401)
    assert api.get(HERE).json()["decisions"] == []


def test_where_submitting_needs_no_sign_in_taking_part_does(opened: Open) -> None:
    api = client_of(opened(sign_in="optional"))
    assert api.get(f"{HERE}/mine").status_code == 401
    assert api.post(f"{HERE}/teams", json={"name": "Reds"}).status_code == 401


# --- pages


def seen_by(service: Service, page: Any, name: str, rest: tuple[str, ...] = ("tiny",)) -> str:
    drawn: str = page.draw(service, Visit(rest, {}, Person(name=name)))
    return drawn


def test_the_page_manage_is_for_maintainers(service: Service) -> None:
    request = finished(service, 1, "ada")
    service.competitions.notes.add(service.benchmarks["tiny"], request.id, "A secret doubt.", "mia")
    ours, theirs = seen_by(service, manage, "mia"), seen_by(service, manage, "eve")
    paths = [f"reviews/{request.id}", f"reviews/{request.id}/notes", f"baselines/{request.id}", "reruns"]
    assert [path for path in paths if f"{HERE}/{path}" not in ours or f"{HERE}/{path}" in theirs] == []
    assert "A secret doubt." in ours and "secret" not in theirs and "data-send" not in theirs
    assert 'href="/manage/tiny"' in seen_by(service, manage, "mia", ())


def test_the_page_participate_has_the_team_and_the_choice(service: Service) -> None:
    request = finished(service, 1, "ada")
    assert f"{HERE}/teams" in seen_by(service, participate, "ada")
    held = service.benchmarks["tiny"]
    service.competitions.teams.found(held, "Reds", "ada")
    service.competitions.teams.invite(held, "bob", "ada")
    service.competitions.selections.choose(held, [request.id], "ada")
    ada, bob, stranger = (seen_by(service, participate, name) for name in ("ada", "bob", "anonymous"))
    assert "Team Reds" in ada and f'value="{request.id}" checked' in " ".join(ada.split())
    assert f"{HERE}/teams/join" in bob and request.id not in bob
    assert "data-send" not in stranger and "Sign in" in stranger
    assert 'href="/participate/tiny"' in seen_by(service, request_page, "ada", (request.id,))


def test_the_models_page_tells_what_was_decided(service: Service) -> None:
    request = finished(service, 1, "ada")
    held = service.benchmarks["tiny"]
    assert "rank 1 of 1" in seen_by(service, model, "eve", ("org", "model1"))
    service.competitions.reviews.decide(held, request.id, ReviewState.REFUSED, "mia", "It read the labels.")
    service.competitions.baselines.mark(held, request.id, True, "mia", "Ours.")
    page = seen_by(service, model, "eve", ("org", "model1"))
    assert "Review by the organisers: refused. It read the labels." in page and "A baseline of the organisers" in page
    assert "rank 1" not in page
