"""The board below a path of a host, behind a proxy that takes the path away or leaves it: no address leads outside."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx
import pytest
from fastapi.testclient import TestClient
from pydantic import ValidationError
from starlette.responses import Response

import localhub
from leaderboard.api.root_path import RootPath, is_below, path_of
from leaderboard.settings import Settings
from scripts.seed_hub import seed
from scripts.service import running

ROOT = "/board"
HOP = {"connection", "transfer-encoding", "content-length", "content-encoding", "keep-alive"}
GRADIOS = {"/manifest.json"}
"""Links that Gradio writes into every document, wherever it is; they are not served."""
GRADIO_CONFIG = "window.gradio_config = "
LINK = re.compile(r'(?:href|src|action)="([^"#]+)"')
SENT = re.compile(r'data-(?:send="[A-Z]+ |live=")([^"]+)"')
"""Where forms are sent to, and where changes come from."""
SUBMISSION = {"model": "podium-demo/tiny-base", "benchmark": "tiny", "precision": "bfloat16"}
PAGES = ("", "submit", "queue", "compare", "plots", "about", "model/podium-demo/tiny-base", "manage?subject=tiny")


@contextmanager
def proxy(upstream: str, strips: bool) -> Iterator[str]:
    """A reverse proxy that serves `upstream` below ROOT and nothing else; its address."""

    class Hop(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            """Pass it on."""
            if not is_below(urlsplit(self.path).path, ROOT):
                self.send_error(404, "Another site")
                return
            if strips and self.path == ROOT:  # as nginx does for a location that ends with a slash
                self.send_response(301)
                self.send_header("Location", f"{ROOT}/")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            path = self.path.removeprefix(ROOT) if strips else self.path
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP}
            headers["X-Forwarded-For"] = self.client_address[0]
            place = urlsplit(upstream)
            answer = httpx.request(
                self.command, f"{place.scheme}://{place.netloc}{path}", content=body, headers=headers, trust_env=False,
                timeout=60,
            )  # fmt: skip
            self.send_response(answer.status_code)
            for name, value in answer.headers.multi_items():
                if name.lower() not in HOP:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        do_POST = do_GET

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hop)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}{ROOT}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a service that knows its root path, reached directly."""
    folder = tmp_path_factory.mktemp("root")
    seed(folder / "hub")
    with localhub.running(folder / "hub") as hub:
        settings = {"PODIUM_ROOT_PATH": ROOT, "PODIUM_EMBEDDED": "false", "PODIUM_SIGN_IN": "optional"}
        with running(hub.endpoint, folder / "board", settings) as service:
            made = httpx.post(f"{service.address}/api/v1/submissions", json=SUBMISSION, trust_env=False, timeout=60)
            assert made.status_code == 201, made.text
            yield service.address


@pytest.fixture(scope="module", params=[True, False], ids=["the proxy strips", "the proxy leaves"])
def asker(request: pytest.FixtureRequest, board: str) -> Iterator[httpx.Client]:
    """A reader at the other side of the proxy."""
    with proxy(board, strips=request.param) as address, httpx.Client(trust_env=False, timeout=60) as client:
        client.base_url = httpx.URL(f"{address}/")
        yield client


def test_the_root_itself_leads_to_the_first_page(asker: httpx.Client) -> None:
    answer = asker.get(str(asker.base_url).rstrip("/"), follow_redirects=True)
    assert answer.status_code == 200 and answer.url.path == f"{ROOT}/"


@pytest.mark.parametrize("page", PAGES)
def test_every_link_of_a_page_lies_below_the_root_and_leads_somewhere(asker: httpx.Client, page: str) -> None:
    answer = asker.get(page)
    assert answer.status_code == 200, answer.text
    drawn = [answer.text]
    if GRADIO_CONFIG in answer.text:
        config = config_of(answer.text)
        assert urlsplit(config["root"]).path == ROOT
        drawn += [*strings(config), *draw(asker, config, "/" + page.replace("?subject=", "/"))]
    links = {link for text in drawn for link in LINK.findall(text)}
    sent = [address for text in drawn for address in SENT.findall(text)]
    assert all(is_below(address, ROOT) for address in sent) and (sent or page != "queue")
    own = {urljoin(str(answer.url), link) for link in links - GRADIOS if not link.startswith(("http", "data:"))}
    assert own
    for address in own:
        assert is_below(urlsplit(address).path, ROOT), f"{address} leads outside"
    for address in sorted(own):
        if "/api/v1/sign-in" not in address and "/request/" not in address:
            assert asker.get(address, follow_redirects=True).status_code < 400, address


def test_redirects_stay_below_the_root(asker: httpx.Client) -> None:
    deep = asker.get("manage/tiny")
    assert urlsplit(urljoin(str(deep.url), deep.headers["location"])).path == f"{ROOT}/manage"
    for older in ("model?subject=podium-demo/tiny-base", "model/podium-demo/tiny-base/"):
        answer = asker.get(older)
        assert answer.headers["location"] == f"{ROOT}/model/podium-demo/tiny-base"
    submission = {"model": "podium-demo/tiny-base", "benchmark": "tiny", "precision": "float32"}
    made = asker.post("api/v1/submissions", json=submission)
    if made.status_code == 201:
        assert asker.get(urljoin(str(made.url), made.headers["location"])).json()["id"] == made.json()["id"]
    again = asker.post("api/v1/submissions", json=submission)
    assert again.status_code == 409 and again.json()["existing"].startswith(f"{ROOT}/api/v1/requests/")
    assert asker.get(urljoin(str(again.url), again.json()["existing"])).status_code == 200


def test_the_api_s_description_and_the_frame_name_the_root(asker: httpx.Client) -> None:
    assert asker.get("openapi.json").json()["servers"] == [{"url": ROOT}]
    frame = asker.get("embed")
    assert f'src="{ROOT}/podium-assets/board.js' in frame.text and f'"prefix":"{ROOT}"' in frame.text


def test_cookies_are_for_the_board_alone(asker: httpx.Client) -> None:
    begun = asker.get("api/v1/sign-in", headers={"host": "127.0.0.1"})
    assert begun.status_code == 303, begun.text
    assert f"Path={ROOT}/api/v1/sign-in" in begun.headers["set-cookie"]


def test_an_unknown_address_is_a_page_whose_links_stay_below_the_root(asker: httpx.Client) -> None:
    answer = asker.get("nothing/here", headers={"accept": "text/html"})
    assert answer.status_code == 404 and f'href="{ROOT}/queue"' in answer.text


def test_probes_answer_without_the_root_too(board: str) -> None:
    place = urlsplit(board)
    for path in ("/healthz", f"{ROOT}/healthz"):
        assert httpx.get(f"http://{place.netloc}{path}", trust_env=False).status_code == 200


@pytest.mark.parametrize(
    ("location", "sent"),
    [
        ("/queue?x=1", "/board/queue?x=1"),
        ("/board?x=1", "/board?x=1"),
        ("//evil.example", "//evil.example"),
        ("https://hub.example/x", "https://hub.example/x"),
        ("../queue", "../queue"),
    ],
)
def test_only_redirects_to_paths_of_ours_change(location: str, sent: str) -> None:
    browser = TestClient(RootPath(Response(status_code=303, headers={"location": location}), ROOT))
    assert browser.get("/anything", follow_redirects=False).headers["location"] == sent


# --- the settings


@pytest.mark.parametrize(
    ("given", "root"),
    [
        ({}, ""),
        ({"root_path": "/board/"}, "/board"),
        ({"public_url": "https://example.org/a/b/"}, "/a/b"),
        ({"public_url": "https://example.org/board", "root_path": "/board"}, "/board"),
    ],
)
def test_the_root_path_is_said_once(given: dict[str, Any], root: str) -> None:
    assert Settings(**given).root == root


@pytest.mark.parametrize(
    "given",
    [
        {"root_path": "board"},
        {"root_path": "/a b"},
        {"root_path": "//evil.example"},
        {"root_path": "/board", "public_url": "https://example.org/other"},
        {"root_path": "/board", "public_url": "https://example.org"},
    ],
)
def test_a_root_path_that_is_none_or_is_said_twice_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Settings(**given)


@pytest.mark.parametrize(
    ("path", "root", "own"),
    [
        ("/board/queue", "/board", "/queue"),
        ("/board", "/board", "/"),
        ("/boards", "/board", "/boards"),
        ("/queue", "", "/queue"),
    ],
)
def test_our_own_part_of_a_path(path: str, root: str, own: str) -> None:
    assert path_of({"path": path, "root_path": root}) == own


# --- reading Gradio's documents


def config_of(document: str) -> dict[str, Any]:
    """The configuration that Gradio writes into a page."""
    start = document.index(GRADIO_CONFIG) + len(GRADIO_CONFIG)
    config, _ = json.JSONDecoder().raw_decode(document[start:])
    assert isinstance(config, dict)
    return config


def draw(asker: httpx.Client, config: dict[str, Any], where: str) -> Iterator[str]:
    """What the page's events draw for a reader at `where`."""
    for event in config["dependencies"]:
        if len(event["inputs"]) != 1 or event["queue"] is not False or not event["backend_fn"]:
            continue
        sent = {"data": [where], "fn_index": event["id"], "session_hash": "x"}
        answer = asker.post("gradio_api/run/predict", json=sent)
        yield from strings(answer.json())


def strings(value: Any) -> Iterator[str]:
    """Every text in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)
