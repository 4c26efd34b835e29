"""A model without a namespace, and one that begins with `_`, from submission to every address."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

import localhub
from leaderboard.board.contents import Contents
from leaderboard.board.view import View
from leaderboard.records import Person, Request
from leaderboard.service import Service
from tests.leaderboard.api.test_api import publish
from tests.leaderboard.submissions.test_intake import CHECKPOINT

NAMES = ["gpt2", "org/_Spydaz_12", "gpt2/results_2024.json"]


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[localhub.Running]:
    with localhub.running(tmp_path_factory.mktemp("hub")) as running:
        for name in NAMES[:2]:
            running.hub.commit(name, CHECKPOINT)
        yield running


@pytest.mark.parametrize("name", NAMES[:2])
def test_from_the_submission_to_every_address(api: TestClient, service: Service, name: str) -> None:
    answer = api.post("/api/v1/submissions", json={"benchmark": "tiny", "model": name})
    assert answer.status_code == 201, answer.text
    assert api.get(f"/api/v1/models/{name}").json()["requests"][0]["model"] == name
    assert service.models.get(name) is not None

    claimed = service.queue.claim_next("w", 60)
    assert claimed is not None and claimed.model == name
    path = publish(service, claimed)
    Contents(service.results_store, service.queue, service.benchmarks).save("tiny")
    model = api.get(f"/api/v1/models/{name}").json()
    [evaluation] = model["evaluations"]
    assert (model["model"], evaluation["result_path"]) == (name, path) and evaluation["tasks"]
    assert api.get(f"/api/v1/results/{path}").json()["podium"]["model"] == name
    assert api.get(f"/api/v1/details/{evaluation['tasks'][0]}/{path}").json()["total"] == 20
    board = service.boards.get("tiny").board
    assert [board.names[at] for at in board.select(View(search=name)).rows] == [name]
    compared = api.get("/api/v1/compare", params={"benchmark": "tiny", "rows": board.ids[0]})
    assert name in compared.text


def test_models_whose_names_look_like_folders_keep_apart(service: Service) -> None:
    """An organisation may be called like an old model, and its model like a result file."""
    for number, name in enumerate(NAMES):
        request = Request(benchmark="tiny", model=name, revision=f"{number}" * 40, id=f"{number}" * 16)
        request.job_start_time = "2026-01-01T00:00:00Z"
        publish(service, request)
    for name in NAMES:
        assert {block.model for block in service.results.of_model("tiny", name).values()} == {name}


def test_nobody_owns_a_model_without_a_namespace(service: Service) -> None:
    namesake = Person(name="gpt2", orgs=["gpt2"])
    assert not service.identity.roles.owns(namesake, "gpt2")
    assert service.identity.roles.owns(namesake, "gpt2/x")
