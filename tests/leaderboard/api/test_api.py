"""The HTTP API over the whole front half: a Hub on loopback, folders as stores."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from unittest.mock import ANY

import pytest
from fastapi.testclient import TestClient

import localhub
from leaderboard import records
from leaderboard.records import Failure, PodiumBlock, Provenance, Request, Score, Status
from leaderboard.results.details import details_table
from leaderboard.results.job_logs import clean_log
from leaderboard.service import Service
from leaderboard.statistics.scores import score
from localhub.faults import Fault
from scripts.seed_hub import seed
from tests.leaderboard.board.test_contents import TINY, block
from tests.leaderboard.board.test_contents import publish as put_result

GOOD = {"benchmark": "tiny", "model": "podium-demo/tiny-base"}


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[localhub.Running]:
    root = tmp_path_factory.mktemp("hub")
    seed(root)
    with localhub.running(root) as running:
        yield running


def submitted(api: TestClient, **more: Any) -> dict[str, Any]:
    answer = api.post("/api/v1/submissions", json=GOOD | more)
    assert answer.status_code == 201, answer.text
    result: dict[str, Any] = answer.json()
    return result


def publish(service: Service, request: Request) -> str:
    """Results of 20 questions a task, every second one right, with details."""
    benchmark = service.benchmarks["tiny"]
    results: dict[str, Any] = {"results": {}, "n-samples": {}}
    details = {}
    for part in (part for column in benchmark.columns for part in column.parts):
        results["results"][part.task] = dict.fromkeys(part.metrics, 0.5)
        results["n-samples"][part.task] = {"original": 20, "effective": 20}
        name = part.metrics[0].split(",")[0]
        details[part.task] = details_table(
            [{"doc_id": at, "doc": {"q": f"number {at}"}, "metrics": [name], name: at % 2} for at in range(20)]
        )
    scores, average = score(benchmark, results)
    block = PodiumBlock(
        request_id=request.id,
        attempt=request.attempts,
        benchmark="tiny",
        benchmark_version="1",
        model=request.model,
        revision=request.revision,
        precision=request.precision,
        weight_type=request.weight_type,
        use_chat_template=False,
        time=request.job_start_time or "",
        scores=scores,
        average=average,
        provenance=Provenance(),
    )
    return service.results.publish(results | {"podium": block.model_dump(mode="json")}, details)


def test_looking_tells_what_would_happen_and_queues_nothing(api: TestClient, service: Service) -> None:
    look = api.post("/api/v1/submissions/check", json=GOOD).json()
    assert look["accepted"]
    assert look["found"]["model"] == "podium-demo/tiny-base"
    assert len(look["found"]["revision"]) == 40
    assert look["found"]["params"] > 0
    assert abs((datetime.fromisoformat(look["cost"].pop("expected_start")) - datetime.now(UTC)).total_seconds()) < 60
    unknown = dict.fromkeys(("questions", "expected_seconds", "expected_end", "expected_error"))
    assert look["cost"] == {**unknown, "queue_position": 1}
    assert service.queue.view().requests == []


def test_a_submission_is_a_request_with_an_address(api: TestClient, service: Service) -> None:
    calls: list[str] = []
    service.on_submit.append(lambda: calls.append("woken"))
    answer = api.post("/api/v1/submissions", json=GOOD)
    assert answer.status_code == 201
    request = answer.json()
    assert (request["status"], request["sender"]) == ("PENDING", service.settings.anonymous_sender)
    estimated = {"queue_position": 1, "expected_start": ANY, "ranking": {"given": 0.0, "points": ANY, "terms": ANY}}
    assert api.get(answer.headers["location"]).json() == request | estimated
    assert calls == ["woken"]


def test_the_sender_cannot_be_said(api: TestClient) -> None:
    answer = api.post("/api/v1/submissions", json=GOOD | {"sender": "somebody-else"})
    assert answer.status_code == 422
    [problem] = answer.json()["problems"]
    assert (problem["code"], problem["field"]) == ("unknown_field", "sender")


def test_every_malformed_field_is_named_at_once(api: TestClient) -> None:
    answer = api.post("/api/v1/submissions", json={"benchmark": "tiny", "precision": "float8", "weight_type": "Whole"})
    assert answer.status_code == 422
    problems = {problem["field"]: problem for problem in answer.json()["problems"]}
    assert set(problems) == {"model", "precision", "weight_type"}
    assert "'float16'" in problems["precision"]["fix"]
    assert "float8" in problems["precision"]["message"]


def test_a_body_that_is_not_json_is_told_so(api: TestClient) -> None:
    answer = api.post("/api/v1/submissions", content=b"{", headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert answer.json()["problems"][0]["code"] == "not_json"


def test_a_refused_checkpoint_gets_every_problem_with_its_fix(api: TestClient, service: Service) -> None:
    answer = api.post("/api/v1/submissions", json=GOOD | {"model": "podium-demo/custom-code", "precision": "GPTQ"})
    assert answer.status_code == 422
    body = answer.json()
    codes = {problem["code"] for problem in body["problems"]}
    assert {"custom_code", "not_gptq"} <= codes
    assert all(problem["fix"] for problem in body["problems"])
    assert body["error"]
    assert service.queue.view().requests == []


def test_the_same_checkpoint_twice_is_a_conflict_with_a_link(api: TestClient) -> None:
    first = submitted(api)
    answer = api.post("/api/v1/submissions", json=GOOD)
    assert answer.status_code == 409
    assert answer.json()["existing"] == f"/api/v1/requests/{first['id']}"
    assert submitted(api, precision="float32")["id"] != first["id"]
    look = api.post("/api/v1/submissions/check", json=GOOD).json()
    assert (look["accepted"], look["existing"]) == (False, first["id"])


def test_a_cancelled_request_can_be_submitted_again(api: TestClient, service: Service) -> None:
    first = submitted(api)
    service.queue.cancel(service.queue.get(first["id"]), "ada")
    assert api.post("/api/v1/submissions/check", json=GOOD).json()["accepted"]
    assert submitted(api)["id"] == first["id"]


def test_trouble_of_the_hub_is_ours_and_says_when_to_try_again(hub: localhub.Running, api: TestClient) -> None:
    hub.faults.set([Fault("500")])
    try:
        answer = api.post("/api/v1/submissions", json=GOOD)
    finally:
        hub.faults.set([])
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert answer.json()["problems"] == []


def test_requests_are_filtered_and_paged(api: TestClient, service: Service) -> None:
    for precision in ("bfloat16", "float16", "float32"):
        submitted(api, precision=precision)
    submitted(api, model="podium-demo/tiny-merge")
    service.queue.cancel(service.queue.pending()[0], "ada")
    everything = api.get("/api/v1/requests").json()
    assert (everything["total"], len(everything["requests"])) == (4, 4)
    assert api.get("/api/v1/requests?status=CANCELLED").json()["total"] == 1
    assert api.get("/api/v1/requests?status=CANCELLED&status=PENDING").json()["total"] == 4
    assert api.get("/api/v1/requests?name=MERGE").json()["total"] == 1
    assert api.get("/api/v1/requests?sender=nobody").json()["total"] == 0
    pages = [api.get(f"/api/v1/requests?limit=3&offset={offset}").json()["requests"] for offset in (0, 3)]
    assert [item["id"] for page in pages for item in page] == [request["id"] for request in everything["requests"]]
    assert api.get("/api/v1/requests?status=DONE").status_code == 422


def test_files_set_aside_are_told(api: TestClient, service: Service) -> None:
    path = service.settings.requests_dir / "tiny" / "org" / "m_eval_request_x.json"
    path.parent.mkdir(parents=True)
    path.write_text("{")
    listed = api.get("/api/v1/requests").json()
    assert listed["total"] == 0
    assert [item["path"] for item in listed["set_aside"]] == ["tiny/org/m_eval_request_x.json"]


def test_what_the_store_does_not_read_is_told_with_its_reason(api: TestClient, service: Service) -> None:
    folder = service.settings.requests_dir / "tiny" / "org"
    folder.mkdir(parents=True)
    with (folder / "m_eval_request_huge.json").open("wb") as file:
        file.truncate(1 << 40)
    os.mkfifo(folder / "m_eval_request_pipe.json")
    (folder / "m_eval_request_link.json").symlink_to("/etc/passwd")
    (folder / "m_eval_request_folder.json").mkdir()
    told = {
        item["path"].partition("request_")[2]: item["reason"]
        for item in api.get("/api/v1/requests").json()["set_aside"]
    }
    assert {name: reason.split(",")[0].split(";")[0] for name, reason in told.items()} == {
        "folder.json": "it is a folder", "huge.json": "it has 1", "link.json": "it is a symbolic link",
        "pipe.json": "it is no regular file",
    }  # fmt: skip
    for path in folder.iterdir():
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    assert api.get("/api/v1/requests").json()["set_aside"] == []


def test_the_file_is_sent_byte_for_byte_and_not_sent_twice(api: TestClient, service: Service) -> None:
    request = submitted(api)
    first = api.get(f"/api/v1/requests/{request['id']}/file")
    assert first.content == service.queue.raw(request["id"])
    again = api.get(f"/api/v1/requests/{request['id']}/file", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    service.queue.cancel(service.queue.get(request["id"]), "ada")
    changed = api.get(f"/api/v1/requests/{request['id']}/file", headers={"If-None-Match": first.headers["etag"]})
    assert changed.status_code == 200
    assert json.loads(changed.content)["status"] == "CANCELLED"


def test_the_log_is_its_last_lines_as_plain_text(api: TestClient, service: Service) -> None:
    request = submitted(api)
    assert api.get(f"/api/v1/requests/{request['id']}/log").text == ""
    written = b"first\n  1%\r 50%\r100%\n\x1b[31mred <b>\x1b[0m\xff\n/x/y/lib/site-packages/p.py:3: W\n"
    service.logs.write(request["id"], clean_log(written.decode(errors="replace")))
    answer = api.get(f"/api/v1/requests/{request['id']}/log?lines=4")
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.text == "100%\nred <b>\ufffd\n…/p.py:3: W"


@pytest.mark.parametrize(
    "path",
    [
        "requests/0123456789abcdef",
        "requests/..%2f..%2fetc/file",
        "models/org/nobody",
        "leaderboard?benchmark=none",
        "results/tiny/org/m/results_x.json",
        "results/../../pyproject.toml",
        "results/%2Fetc%2Fpasswd",
        "details/tiny_dates/facts/org/m.json",
    ],
)
def test_what_is_not_there_is_not_found_in_a_sentence(api: TestClient, path: str) -> None:
    answer = api.get(f"/api/v1/{path}")
    assert answer.status_code == 404
    assert set(answer.json()) & {"error", "detail"}


def test_a_published_result_reaches_board_model_and_details(api: TestClient, service: Service) -> None:
    request = submitted(api)
    claimed = service.queue.claim(service.queue.get(request["id"]), "w", 60)
    path = publish(service, claimed)
    service.queue.finish(claimed)

    board = api.get("/api/v1/leaderboard").json()
    assert board["total"] == 1
    assert board["rows"][0]["fullname"] == "podium-demo/tiny-base"
    assert set(board["columns"]) >= {"Average ⬆️", "Arithmetic", "Arithmetic Raw"}

    model = api.get("/api/v1/models/podium-demo/tiny-base").json()
    [evaluation] = model["evaluations"]
    assert evaluation["result_path"] == path
    assert evaluation["podium"]["request_id"] == request["id"]
    assert [item["status"] for item in model["requests"]] == ["FINISHED"]
    assert "tiny_dates" in evaluation["tasks"]

    assert api.get(f"/api/v1/results/{path}").json()["podium"]["request_id"] == request["id"]
    examples = api.get(f"/api/v1/details/tiny_dates/{path}?wrong_only=true&offset=2&limit=3").json()
    assert examples["total"] == 10
    assert [row["doc_id"] for row in examples["rows"]] == [4, 6, 8]
    assert api.get(f"/api/v1/details/tiny_dates/{path}?text=number 13").json()["total"] == 1
    assert api.get(f"/api/v1/details/other/{path}").status_code == 404


def test_both_addresses_of_the_board_answer_with_the_same_rows(api: TestClient, service: Service) -> None:
    for number, average in enumerate((None, 30.0, 40.0, 30.0)):
        put_result(service.results_store, block(number, average=average, scores=scores(average)))
    whole = api.get("/api/v1/leaderboard").json()
    part = api.get("/api/v1/leaderboard?offset=1&limit=2").json()
    rows = api.get("/api/v1/benchmarks/tiny/rows?hide=none&offset=1&limit=2").json()
    assert [row["Average ⬆️"] for row in whole["rows"]] == [40.0, 30.0, 30.0, None]
    assert part["rows"] == whole["rows"][1:3] and part["total"] == rows["total"] == rows["of"] == 4
    assert [row["fullname"] for row in part["rows"]] == [row["model"] for row in rows["rows"]]
    assert [row["Average ⬆️"] for row in part["rows"]] == [row["average"] for row in rows["rows"]]
    assert {"total", "offset", "columns", "rows"} == set(whole) and set(whole["rows"][0]) == set(whole["columns"])


def scores(average: float | None) -> dict[str, Score]:
    """Of the tiny benchmark, so that their mean is `average`."""
    return {column.key: Score(raw=0.5, normalised=average) for column in TINY.columns}


def test_a_failure_is_a_sentence_in_the_list(api: TestClient, service: Service) -> None:
    request = service.queue.get(submitted(api)["id"])
    claimed = service.queue.claim(request, "w", 60)
    service.queue.fail(claimed, Failure(fault=records.Fault.SUBMISSION, code="no", message="It cannot be loaded."))
    [listed] = api.get("/api/v1/requests?status=FAILED").json()["requests"]
    assert listed["failure"]["message"] == "It cannot be loaded."
    assert service.queue.get(request.id).status is Status.FAILED


def test_benchmarks_are_described_without_places_on_the_disk(api: TestClient) -> None:
    [tiny] = api.get("/api/v1/benchmarks").json()
    assert tiny["id"] == "tiny"
    assert "folder" not in tiny
