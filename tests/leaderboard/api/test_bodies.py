"""What is too long to be sent, or no text at all, is refused in the documented form and without keeping it."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import pytest
from fastapi.testclient import TestClient
from starlette.types import ASGIApp, Message

from app import build_app
from leaderboard.api.bodies import DEFAULT_BYTES, LIMITS, BodyLimits
from leaderboard.identity.rights import ROUTES
from leaderboard.service import Service
from tests.leaderboard.people import BOARD, bearer, client_of

CHUNK = b"x" * 65_536
CHUNKS = 200
FORM = {"error", "problems", "existing"}


@pytest.fixture
def settings() -> dict[str, Any]:
    return {"sign_in": "required", "maintainers": "mia"}


@pytest.fixture
def board(service: Service) -> TestClient:
    """The whole app, as it is served."""
    return TestClient(build_app(service), base_url=BOARD)


class Sent(NamedTuple):
    """The answer to a body of 13 MB that is sent piece by piece, and how many pieces the app asked for."""

    status: int
    reply: dict[str, Any]
    headers: dict[str, str]
    pieces: int


def send(app: ASGIApp, method: str, path: str, **headers: str) -> Sent:
    """Send the body as a server does: the next piece when the app asks for it."""
    pieces, answers = [CHUNK] * CHUNKS, []
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "", "server": ("127.0.0.1", 7860),
        "client": ("127.0.0.1", 5), "headers": [(k.lower().encode(), v.encode()) for k, v in headers.items()],
    }  # fmt: skip

    async def receive() -> Message:
        return {"type": "http.request", "body": pieces.pop(), "more_body": bool(pieces)}

    async def keep(message: Message) -> None:
        answers.append(message)

    with ThreadPoolExecutor(1) as pool:  # a browser test before may have left a running loop in this thread
        pool.submit(asyncio.run, app(scope, receive, keep)).result()  # type: ignore[arg-type]
    told = {name.decode(): value.decode() for name, value in answers[0]["headers"]}
    body = b"".join(answer.get("body", b"") for answer in answers[1:])
    return Sent(answers[0]["status"], json.loads(body), told, CHUNKS - len(pieces))


@pytest.mark.parametrize("path", ["/api/v1/submissions", "/api/v1/flags", "/gradio_api/run/predict"])
def test_a_chunked_body_ends_at_the_limit(service: Service, path: str) -> None:
    sent = send(build_app(service), "POST", path, **bearer("ada"), **{"content-type": "application/json"})
    assert sent.status == 413 and "bytes that this address takes" in sent.reply["error"]
    assert set(sent.reply) == FORM and sent.headers["connection"] == "close"
    assert sent.pieces <= LIMITS.get(path, DEFAULT_BYTES) // len(CHUNK) + 1


@pytest.mark.parametrize("path", ["/api/v1/submissions", "/gradio_api/component_server", "/"])
def test_an_announced_body_is_refused_before_anything_of_it_is_read(service: Service, path: str) -> None:
    sent = send(build_app(service), "POST", path, **{"content-length": str(CHUNKS * len(CHUNK))})
    assert (sent.status, sent.pieces) == (413, 0)


def test_a_browser_is_told_by_a_page(board: TestClient) -> None:
    answer = board.post("/submit", content=CHUNK * 20, headers={"Accept": "text/html,*/*"})
    assert answer.status_code == 413 and answer.headers["content-type"].startswith("text/html")
    assert "1,000,000 bytes" in answer.text


def test_each_route_has_its_limit() -> None:
    limits = BodyLimits(app=client_of)  # type: ignore[arg-type]
    assert limits.limit("/api/v1/submissions/check") == LIMITS["/api/v1/submissions"]
    assert limits.limit("/api/v1/submissionsx") == limits.limit("/api/v1/flags") == DEFAULT_BYTES


def test_a_stranger_is_refused_before_the_body_is_read(service: Service) -> None:
    app = client_of(service).app  # without the middleware that limits bodies
    for name in (name for name, role in ROUTES.items() if role != "reader"):
        method, _, path = name.partition(" ")
        sent = send(app, method, f"/api/v1{path}".replace("{", "").replace("}", ""))
        assert (sent.status, sent.pieces) == (401, 0), name


@pytest.mark.parametrize(
    "body",
    [b"\xff\xfe", b"{", b"[" * 200_000, b'{"model": ' + b"9" * 5000 + b"}", b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
     b'{"model": "\\ud800"}', b'{"model": NaN}', b'{"\\ud800": 1}', b"null", b"", b'"text"', b'{"model": 1e999}'],
    ids=range(12),
)  # fmt: skip
def test_a_body_that_cannot_be_read_is_refused_in_the_documented_form(service: Service, body: bytes) -> None:
    headers = bearer("ada") | {"Content-Type": "application/json"}
    for path in ("submissions", "flags", "submissions/check"):
        answer = client_of(service).post(f"/api/v1/{path}", content=body, headers=headers)
        assert answer.status_code == 422 and set(answer.json()) == FORM, answer.text
        assert answer.json()["problems"], answer.text


def test_where_the_api_has_nothing_it_says_so_in_its_form(board: TestClient) -> None:
    for method, path in (("GET", "/api/v1/nowhere"), ("DELETE", "/api/v1/benchmarks"), ("POST", "/api/v1/requests")):
        answer = board.request(method, path)
        assert answer.status_code == 404 and set(answer.json()) == FORM, (path, answer.text)
