"""The fault switch, as the client's own retries meet it."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from huggingface_hub import CommitOperationAdd, HfApi
from huggingface_hub.errors import HfHubHTTPError

import localhub
from localhub import Fault
from localhub.errors import Invalid
from localhub.faults import KINDS, Faults


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[localhub.Running]:
    with localhub.running(tmp_path_factory.mktemp("faulty"), tokens={"ada": "hf_ada"}) as it:
        it.hub.commit("ada/m", {"x.txt": "one"})
        yield it


@pytest.fixture
def client(faulty: localhub.Running) -> Iterator[HfApi]:
    yield HfApi(endpoint=faulty.endpoint, token="hf_ada")
    faulty.faults.set([])


def commit(client: HfApi, name: str) -> str:
    return client.create_commit("ada/m", [CommitOperationAdd(name, b"x")], commit_message=name).oid


@pytest.mark.parametrize("kind", ["429", "500", "503"])
def test_an_error_instead_of_an_answer(faulty: localhub.Running, client: HfApi, kind: str) -> None:
    faulty.faults.set([Fault(kind, path="/commit/", seconds=0)])
    before = client.model_info("ada/m").sha
    with pytest.raises(HfHubHTTPError) as caught:
        commit(client, kind)
    response = caught.value.response
    assert response.status_code == int(kind)
    assert ("ratelimit" in response.headers) == (kind == "429")
    faulty.faults.set([])
    assert client.model_info("ada/m").sha == before


def test_the_client_waits_as_a_429_says(faulty: localhub.Running, client: HfApi) -> None:
    faulty.faults.set([Fault("429", 0.5, path="/resolve/", seconds=0)], seed=1)
    struck = faulty.faults.counts["429"]
    assert client.hf_hub_download("ada/m", "x.txt", cache_dir=faulty.hub.root / "cache")
    assert faulty.faults.counts["429"] > struck


@pytest.mark.parametrize("kind", ["lost-answer", "closed"])
def test_a_commit_whose_answer_is_lost_is_done(faulty: localhub.Running, client: HfApi, kind: str) -> None:
    faulty.faults.set([Fault(kind)])
    with pytest.raises((HfHubHTTPError, OSError, Exception)) as caught:
        commit(client, f"{kind}.txt")
    assert getattr(getattr(caught.value, "response", None), "status_code", None) in (502, None)
    faulty.faults.set([])
    assert client.list_repo_commits("ada/m")[0].title == f"{kind}.txt"
    assert client.file_exists("ada/m", f"{kind}.txt")


def test_a_stale_tree_is_one_commit_behind(faulty: localhub.Running, client: HfApi) -> None:
    before = client.model_info("ada/m").sha
    after = commit(client, "fresh.txt")
    faulty.faults.set([Fault("stale-tree")])
    assert client.model_info("ada/m").sha == before
    assert "fresh.txt" not in client.list_repo_files("ada/m")
    assert client.model_info("ada/m", revision=after).sha == after
    assert client.hf_hub_download("ada/m", "fresh.txt", cache_dir=faulty.hub.root / "cache2")


def test_slow_is_slow_and_nothing_else(faulty: localhub.Running, client: HfApi) -> None:
    faulty.faults.set([Fault("slow", path="whoami", seconds=0.3)])
    with pytest.raises(httpx.ReadTimeout):
        httpx.get(f"{faulty.endpoint}/api/whoami-v2", timeout=httpx.Timeout(60, read=0.1))
    assert client.whoami()["name"] == "ada"


def test_the_same_seed_strikes_the_same_requests(tmp_path: Path) -> None:
    def struck(seed: int) -> list[int]:
        faults = Faults(tmp_path / str(seed))
        faults.set([Fault("500", 0.2)], seed=seed)
        return [n for n in range(200) if faults.strike("GET", f"/{n}")]

    assert struck(1) == struck(1) != struck(2)
    assert 20 < len(struck(1)) < 60


def test_the_switch_over_http(faulty: localhub.Running, tmp_path: Path) -> None:
    address = f"{faulty.endpoint}/_localhub/faults"
    settings = {"seed": 1, "faults": [{"kind": "503", "probability": 1, "path": "^/api/models$"}]}
    assert httpx.put(address, json=settings).json()["faults"][0]["kind"] == "503"
    assert httpx.get(f"{faulty.endpoint}/api/models").status_code == 503
    assert httpx.get(f"{faulty.endpoint}/api/datasets").status_code == 200
    assert httpx.get(address).json()["counts"]["503"] >= 1
    assert httpx.delete(address).json()["faults"] == []
    assert httpx.get(f"{faulty.endpoint}/api/models").status_code == 200
    assert httpx.put(address, json={"faults": [{"kind": "fire"}]}).status_code == 400
    assert httpx.get(address, headers={"X-Forwarded-For": "10.0.0.1"}).status_code == 403


def test_without_the_switch_nothing_strikes(tmp_path: Path) -> None:
    from starlette.testclient import TestClient

    Faults(tmp_path).set([Fault("500")])
    with TestClient(localhub.create_app(tmp_path)) as client:
        assert client.get("/api/models").status_code == 200
        assert client.get("/_localhub/faults").status_code == 404


@pytest.mark.parametrize("text", ["fire", "500:2", "500:x", "500:1:("])
def test_a_fault_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        Fault.parse(text)


def test_every_kind_is_parsed() -> None:
    assert [Fault.parse(f"{kind}:0.25:/commit/").kind for kind in KINDS] == list(KINDS)
