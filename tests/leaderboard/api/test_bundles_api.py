"""POST /bundles and the page Organise: maintainers make benchmarks of uploaded bundles, nobody else does."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from leaderboard.benchmarks import Benchmark, load_benchmark
from leaderboard.documents.visit import Visit
from leaderboard.pages import organise
from leaderboard.records import Person
from leaderboard.service import Service
from leaderboard.settings import PROJECT
from tests.leaderboard.bundles.bundles import BENCHGEN, BENCHGEN_YAML, CODABENCH, packed
from tests.leaderboard.people import bearer


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, Any]:
    shutil.copytree(PROJECT / "benchmarks" / "tasks", tmp_path / "benchmarks" / "tasks")
    shutil.copy(PROJECT / "benchmarks" / "tiny.yaml", tmp_path / "benchmarks")
    return {
        "benchmarks_dir": tmp_path / "benchmarks", "benchmarks": "tiny", "private_dir": tmp_path / "private",
        "sign_in": "required", "maintainers": "mia", "upload_free_gb": 0,
    }  # fmt: skip


def upload(api: TestClient, content: bytes) -> str:
    """Upload as mia; its SHA-256."""
    sha256 = hashlib.sha256(content).hexdigest()
    artifact = {"sha256": sha256, "bytes": len(content), "filename": "bundle.zip"}
    begun = api.post("/api/v1/uploads", json=artifact, headers=bearer("mia"))
    if not begun.json()["done"]:
        address, headers = f"/api/v1/uploads/{begun.json()['id']}", bearer("mia") | {"Upload-Offset": "0"}
        assert api.patch(address, content=content, headers=headers).json()["done"]
    return sha256


def add(api: TestClient, content: bytes, who: str = "mia", **fields: Any) -> Any:
    body = {"id": "flowers", "sha256": upload(api, content), **fields}
    return api.post("/api/v1/bundles", json=body, headers=bearer(who))


def test_an_uploaded_bundle_becomes_a_benchmark(api: TestClient, service: Service, tmp_path: Path) -> None:
    answer = add(api, packed(CODABENCH))
    assert answer.status_code == 201, answer.text
    told = answer.json()
    assert (told["benchmark"], told["dialect"], told["solutions_run"]) == ("flowers", "codabench", 0)
    assert told["next"] == "Start this service and its workers again: they serve flowers from then on."
    benchmark = load_benchmark(tmp_path / "benchmarks" / "flowers.yaml")
    assert benchmark.bundle and (tmp_path / "private" / "benchmarks" / "flowers" / benchmark.bundle.folder).is_dir()
    again = add(api, packed(CODABENCH))
    assert again.status_code == 422 and "There is a benchmark 'flowers'" in again.json()["problems"][0]["message"]
    assert add(api, packed(CODABENCH), replace=True).status_code == 201


def test_every_problem_is_told_and_nothing_is_added(api: TestClient, tmp_path: Path) -> None:
    files = {**BENCHGEN, "competition.yaml": BENCHGEN_YAML.replace("tasks: [0]", "tasks: [1]").replace("Small", "")}
    answer = add(api, packed(files))
    lines = [problem["message"] for problem in answer.json()["problems"]]
    assert answer.status_code == 422 and len(lines) > 1 and all(line.startswith("competition.yaml:") for line in lines)
    assert not (tmp_path / "benchmarks" / "flowers.yaml").exists()


def test_solutions_are_run_first(api: TestClient, service: Service, tmp_path: Path) -> None:
    met: list[Benchmark] = []

    def fail(benchmark: Benchmark, private: Path) -> list[str]:
        assert benchmark.bundle and (private / benchmark.bundle.folder).is_dir()
        met.append(benchmark)
        return ["solutions[0]: It has no score."] if len(met) == 1 else []

    service.solution_runners.append(fail)
    answer = add(api, packed(CODABENCH))
    assert [problem["message"] for problem in answer.json()["problems"]] == ["solutions[0]: It has no score."]
    assert not (tmp_path / "benchmarks" / "flowers.yaml").exists()
    assert add(api, packed(CODABENCH)).json()["solutions_run"] == 1


def test_only_maintainers_may(api: TestClient, service: Service) -> None:
    assert add(api, packed(CODABENCH), who="ada").status_code == 403
    assert "data-bundle" in organise.draw(service, Visit(person=Person(name="mia")))
    assert "data-bundle" not in organise.draw(service, Visit(person=Person(name="ada")))
    assert "data-bundle" not in organise.draw(service, Visit())
