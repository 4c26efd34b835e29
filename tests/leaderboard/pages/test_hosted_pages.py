"""A board with checkpoints and hosted models: both on it, told apart, and opened."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
import yaml

from leaderboard.documents import about as about_page
from leaderboard.documents import model as model_page
from leaderboard.documents import request as request_page
from leaderboard.documents.visit import Visit
from leaderboard.records import NamedBlock, PodiumBlock, Provenance, Request, Score, new_id
from leaderboard.records.artifact import Endpoint
from leaderboard.records.kinds.named import EndpointRequest
from leaderboard.results.every_eval_ever import ResultSource, export
from leaderboard.service import Service, open_service
from leaderboard.settings import PROJECT, Settings
from tests.leaderboard.people import client_of

ACCOUNT = {
    "engine": "endpoint", "api": "completions", "model": "served-8b", "requests": 1234, "retries": 5,
    "prompt_tokens": 99000, "answer_tokens": 800,
}  # fmt: skip
RULES: dict[str, Any] = {
    "kinds": ["checkpoint", "endpoint"],
    "every_eval_ever": True,
    "endpoint": {"load": {"concurrencies": [4]}},
}
LOAD = {
    "key": "p95", "title": "p95 (ms)", "score": "latency_p95_ms@4", "higher_is_better": False, "in_average": False,
}  # fmt: skip


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("hosted-pages")
    (folder / "benchmarks").mkdir()
    shutil.copytree(PROJECT / "benchmarks" / "tasks", folder / "benchmarks" / "tasks")
    tiny = yaml.safe_load((PROJECT / "benchmarks" / "tiny.yaml").read_text())
    columns = [*tiny["columns"], LOAD]
    (folder / "benchmarks" / "tiny.yaml").write_text(yaml.safe_dump({**tiny, **RULES, "columns": columns}))
    places: dict[str, Path] = {f"{name}_dir": folder / name for name in ("requests", "results", "work", "benchmarks")}
    made = open_service(Settings.model_validate({**places, "hub_endpoint": "http://127.0.0.1:9"}))
    publish(made, Request(benchmark="tiny", model="org/weights", revision="a" * 40, id=new_id(), sender="bob"), 0.4)
    for number, name in enumerate(("hosted", "other")):
        endpoint = Endpoint(url="https://api.example.org/v1", model="served-8b", api="completions", secret="team")
        request = EndpointRequest(
            kind="endpoint", benchmark="tiny", model=f"ann/{name}", revision=f"{number}" * 64, id=new_id(),
            endpoint=endpoint, sender="ann",
        )  # fmt: skip
        publish(made, request, 0.5 + number / 10)
    yield made


def publish(service: Service, request: Request, raw: float) -> None:
    claimed = service.queue.claim(service.queue.submit(request), "w1", 60)
    hosted = claimed.kind == "endpoint"
    benchmark = service.benchmarks["tiny"]
    scores = {each.key: Score(raw=raw, normalised=100 * raw, n=9) for each in benchmark.columns if each.run}
    scores["p95"] = Score(raw=1000 * raw, normalised=1000 * raw, n=50) if hosted else Score(raw=None, normalised=None)
    block = (NamedBlock if hosted else PodiumBlock).model_validate(
        {
            "request_id": claimed.id, "attempt": claimed.attempts, "benchmark": "tiny", "kind": claimed.kind,
            "benchmark_version": benchmark.version, "model": claimed.model, "revision": claimed.revision,
            "precision": claimed.precision, "weight_type": claimed.weight_type, "use_chat_template": False,
            "time": claimed.job_start_time, "scores": scores, "average": 100 * raw,
            "provenance": Provenance(engine=ACCOUNT if hosted else {}),
        }
    )  # fmt: skip
    service.results.publish({"results": {}, "podium": block.model_dump(mode="json")}, {}, service.contents.changes)
    service.queue.finish(claimed)


def test_both_are_ranked_and_told_apart(service: Service) -> None:
    assert service.boards.refresh("tiny")
    rows = service.boards.answer("tiny", {})["rows"]
    assert [(row["model"], row["kind"]) for row in rows] == [
        ("ann/other", "endpoint"), ("ann/hosted", "endpoint"), ("org/weights", "checkpoint")
    ]  # fmt: skip
    table = client_of(service).get("/api/v1/leaderboard", params={"benchmark": "tiny"}).json()["rows"]
    assert [row["kind"] for row in table] == ["endpoint", "endpoint", "checkpoint"]
    kept = service.boards.answer("tiny", {"kinds": "checkpoint"})
    assert [row["model"] for row in kept["rows"]] == ["org/weights"]


def test_its_pages_say_how_it_was_asked(service: Service) -> None:
    request = next(each for each in service.queue.view().requests if each.model == "ann/hosted")
    about = unescape(about_page.draw(service, Visit(("tiny",))))
    assert "latency_p95_ms@4" in about and "as measured, lower is better" in about
    model = unescape(model_page.draw(service, Visit(("ann", "hosted"))))
    assert "1,234 requests (5 of them repeated)" in model and "p95 (ms)" in model
    assert request.id in request_page.draw(service, Visit((request.id,)))


def test_two_of_them_are_compared_and_exported(service: Service) -> None:
    rows = service.boards.answer("tiny", {})["rows"]
    ids = ",".join(row["id"] for row in rows[:2])
    answer = client_of(service).get("/api/v1/compare", params={"benchmark": "tiny", "rows": ids})
    assert answer.status_code == 200, answer.text
    [against] = answer.json()["differences"]
    assert "p95" in {column["column"] for column in against["columns"]}
    path = service.results.published(next(each for each in service.queue.view().requests if each.model == "ann/other"))
    assert path is not None
    document = export(service.results.read(path), service.benchmarks["tiny"], ResultSource("Board", "https://b.org"))
    assert document["model_info"]["inference_engine"]["name"] == "OpenAI-compatible endpoint"
    assert "p95 (ms)" not in {each["evaluation_name"] for each in document["evaluation_results"]}
