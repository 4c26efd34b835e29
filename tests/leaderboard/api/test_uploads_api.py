"""Uploads over HTTP, as people and programs send them: in pieces, broken off, too much; and who gets them back."""

from __future__ import annotations

import hashlib
import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from fastapi.testclient import TestClient

import localhub
from app import build_app
from leaderboard.api.bodies import BodyLimits
from leaderboard.service import Service
from scripts.service import running
from tests.contracts.test_executor import until
from tests.leaderboard.people import BOARD, Open, bearer, client_of

CONTENT = b"from model import train\n" * 5000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
ANNOUNCED = {"sha256": SHA256, "bytes": len(CONTENT), "filename": "package.zip"}
BENCHMARK = """
id: challenge
version: "1"
title: Challenge
description: A benchmark that takes code.
kinds: [code]
code: {max_bytes: 4000000, interface: item, items: items.jsonl, metrics: {accuracy: accuracy}}
columns:
  - {key: accuracy, title: Accuracy, description: Share of right answers., score: accuracy}
"""


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "challenge.yaml").write_text(BENCHMARK)
    return {
        "benchmarks_dir": tmp_path / "benchmarks", "benchmarks": "challenge", "private_dir": tmp_path / "private",
        "sign_in": "required", "maintainers": "mia", "upload_free_gb": 0,
    }  # fmt: skip


@pytest.fixture
def board(service: Service) -> TestClient:
    """The whole app, as it is served."""
    return TestClient(build_app(service), base_url=BOARD)


def begin(board: TestClient, who: str = "ada", **fields: Any) -> httpx.Response:
    return board.post("/api/v1/uploads", json=ANNOUNCED | fields, headers=bearer(who))


def send(board: TestClient, begun: httpx.Response, offset: int, data: bytes, who: str = "ada") -> httpx.Response:
    address = f"/api/v1/uploads/{begun.json()['id']}"
    return board.patch(address, content=data, headers=bearer(who) | {"Upload-Offset": str(offset)})


def test_an_upload_that_broke_off_goes_on(board: TestClient) -> None:
    begun = begin(board)
    assert begun.status_code == 201, begun.text
    address = begun.headers["location"]
    assert begun.json() == {
        "id": address.rpartition("/")[2], "offset": 0, "bytes": len(CONTENT), "filename": "package.zip",
        "sha256": SHA256, "done": False,
    }  # fmt: skip
    assert send(board, begun, 0, CONTENT[:70_000]).json()["offset"] == 70_000
    for method in ("HEAD", "GET"):
        assert board.request(method, address, headers=bearer("ada")).headers["upload-offset"] == "70000"
    assert board.get("/api/v1/uploads", headers=bearer("ada")).json() == [begun.json() | {"offset": 70_000}]
    assert board.get("/api/v1/uploads", headers=bearer("bob")).json() == []
    again = begin(board)
    assert (again.status_code, again.json()["id"], again.json()["offset"]) == (200, begun.json()["id"], 70_000)
    end = send(board, begun, 70_000, CONTENT[70_000:])
    assert (end.status_code, end.json()["done"]) == (200, True)
    assert board.get(address, headers=bearer("ada")).json()["done"]
    assert board.get("/api/v1/uploads", headers=bearer("ada")).json() == []


def test_a_body_without_a_length_is_streamed(board: TestClient, service: Service) -> None:
    begun = begin(board)
    pieces = iter([CONTENT[:1], CONTENT[1:90_000], CONTENT[90_000:]])
    address = f"/api/v1/uploads/{begun.json()['id']}"
    answer = board.patch(address, content=pieces, headers=bearer("ada") | {"Upload-Offset": "0"})
    assert answer.json()["done"], answer.text
    assert service.artifacts.path(SHA256).read_bytes() == CONTENT


def test_what_does_not_fit_is_refused_by_a_sentence(board: TestClient) -> None:
    begun = begin(board)
    wrong = send(board, begun, 7, CONTENT)
    assert (wrong.status_code, wrong.json()["error"]) == (
        409,
        "The upload has 0 bytes so far, and you send what follows byte 7. Ask for its offset and go on there.",
    )
    long = send(board, begun, 0, CONTENT + b"x")
    assert long.status_code == 413 and "120,001 more do not fit" in long.json()["error"]
    other = send(board, begun, 0, CONTENT[::-1])
    assert (other.status_code, other.json()["problems"][0]["code"]) == (422, "upload_digest")
    assert send(board, begun, 0, CONTENT).status_code == 404, "it was forgotten"
    without = board.patch(f"/api/v1/uploads/{begun.json()['id']}", content=b"", headers=bearer("ada"))
    assert without.status_code == 422 and without.json()["problems"][0]["field"] == "header.upload-offset"


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"bytes": 4_000_001}, 413), ({"bytes": -1}, 422), ({"sha256": "x"}, 422), ({"filename": "../../x"}, 422),
        ({"filename": ""}, 422), ({"owner": "bob"}, 422),
    ],
)  # fmt: skip
def test_an_announcement_that_does_not_fit_is_refused(board: TestClient, fields: dict[str, Any], status: int) -> None:
    assert begin(board, **fields).status_code == status


def test_maintainers_may_upload_larger_files(board: TestClient) -> None:
    assert begin(board, "mia", bytes=3_000_000_000).status_code == 201
    assert begin(board, "mia", bytes=4_000_000_001).json()["error"] == (
        "package.zip has 4,000,000,001 bytes; this board takes files of at most 4,000,000,000 bytes."
    )


def test_limits_are_settings(opened: Open) -> None:
    board = client_of(opened(upload_open=1, upload_day_gb=0.0002))
    begun = begin(board)
    full = begin(board, sha256="0" * 64)
    assert full.status_code == 429 and int(full.headers["retry-after"]) > 0
    assert board.delete(f"/api/v1/uploads/{begun.json()['id']}", headers=bearer("ada")).status_code == 204
    assert "120,000 bytes in 1 uploads in the last 24 hours" in begin(board, sha256="0" * 64).json()["error"]
    full_disk = begin(client_of(opened(upload_free_gb=1e9)), "bob")
    assert (full_disk.status_code, "no disk space" in full_disk.json()["error"]) == (503, True)


def test_a_file_goes_back_to_its_sender_and_to_maintainers_only(board: TestClient) -> None:
    send(board, begin(board), 0, CONTENT)
    address = f"/api/v1/artifacts/{SHA256}"
    for who in ("ada", "mia"):
        answer = board.get(address, headers=bearer(who))
        assert (answer.status_code, answer.content) == (200, CONTENT)
        assert answer.headers["content-disposition"] == f'attachment; filename="{SHA256}"'
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-type"] == "application/octet-stream"
        assert "sandbox" in answer.headers["content-security-policy"]
        assert "no-store" in answer.headers["cache-control"]
    nothing = board.get(f"/api/v1/artifacts/{'0' * 64}", headers=bearer("bob"))
    refused = board.get(address, headers=bearer("bob"))
    assert (refused.status_code, refused.json()) == (nothing.status_code, nothing.json()) == (404, refused.json())
    assert board.get(address).status_code == 401
    assert board.get("/api/v1/artifacts/x", headers=bearer("ada")).status_code == 422


def test_to_know_a_digest_is_no_right_to_submit_it(board: TestClient) -> None:
    send(board, begin(board), 0, CONTENT)
    submission = {"kind": "code", "benchmark": "challenge", "name": "mine", "artifact": ANNOUNCED}

    def codes(who: str) -> list[str]:
        answer = board.post("/api/v1/submissions/check", json=submission, headers=bearer(who))
        return [problem["code"] for problem in answer.json()["problems"]]

    assert "artifact_missing" not in codes("ada")
    assert "artifact_missing" in codes("bob")
    known = begin(board, "bob")
    assert known.json()["offset"] == 0 and not known.json()["done"]
    send(board, known, 0, CONTENT, "bob")
    assert "artifact_missing" not in codes("bob")


def test_strangers_may_upload_where_they_may_submit_and_get_nothing_back(opened: Open) -> None:
    service = opened(sign_in="optional")
    board = client_of(service)
    begun = board.post("/api/v1/uploads", json=ANNOUNCED)
    address = begun.headers["location"]
    assert board.patch(address, content=CONTENT, headers={"Upload-Offset": "0"}).json()["done"]
    assert board.get(f"/api/v1/artifacts/{SHA256}").status_code == 404
    assert not board.post("/api/v1/uploads", json=ANNOUNCED).json()["done"]


def test_only_the_bytes_of_uploads_may_be_long() -> None:
    limits = BodyLimits(app=client_of)  # type: ignore[arg-type]
    assert limits.limit("/api/v1/uploads") == 64_000
    assert limits.limit("/api/v1/uploads/0123") == 1 << 40


@pytest.mark.soak
def test_a_connection_that_breaks_loses_nothing_that_came(hub: localhub.Running, settings: Any, tmp_path: Path) -> None:
    """Over real connections to a served board: the first one is cut, the second one goes on where it broke off."""
    environment = {
        "PODIUM_BENCHMARKS_DIR": str(settings["benchmarks_dir"]), "PODIUM_BENCHMARKS": "challenge",
        "PODIUM_PRIVATE_DIR": str(settings["private_dir"]), "PODIUM_EMBEDDED": "false", "PODIUM_UPLOAD_FREE_GB": "0",
    }  # fmt: skip
    content = bytes(range(256)) * 12_000
    sha256 = hashlib.sha256(content).hexdigest()
    announced = {"sha256": sha256, "bytes": len(content), "filename": "package.zip"}
    with (
        running(hub.endpoint, tmp_path / "board", environment) as board,
        httpx.Client(base_url=board.address, trust_env=False) as client,
    ):
        path = client.post("/api/v1/uploads", json=announced).headers["location"]

        def offset() -> int:
            return int(client.head(path).headers["upload-offset"])

        def go_on() -> bool:
            come = offset()
            assert 1_000_000 <= come <= 2_000_000
            answer = client.patch(path, content=content[come:], headers={"Upload-Offset": str(come)})
            return answer.status_code == 200 and bool(answer.json()["done"])

        place = urlsplit(board.address)
        with socket.create_connection((str(place.hostname), int(place.port or 0))) as cut:
            head = f"PATCH {path} HTTP/1.1\r\nHost: x\r\nUpload-Offset: 0\r\nContent-Length: {len(content)}\r\n\r\n"
            cut.sendall(head.encode() + content[:2_000_000])
            until(lambda: offset() >= 1_000_000, 30)
        until(go_on, 30)  # until the board has seen that the first one is gone
    assert (settings["private_dir"] / "artifacts" / sha256[:2] / sha256).read_bytes() == content
