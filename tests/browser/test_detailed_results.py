"""The page that a scoring program wrote, in a real Chromium: its script runs, and reaches nothing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from leaderboard.results.private_results import DETAILED_RESULTS
from leaderboard.service import open_service
from leaderboard.settings import Settings
from scripts.service import running
from tests.browser.test_table import expect
from tests.leaderboard.results.test_private_results import RUN, YAML, publish

pytestmark = pytest.mark.browser
HOSTILE = """
<h1 id="told">Row by row</h1>
<script>
const tried = {
  page: () => parent.document.title, top: () => top.document.title, cookie: () => document.cookie,
  storage: () => localStorage.length, board: () => fetch("/api/v1/me"), elsewhere: () => fetch("ELSEWHERE/fetch"),
  image: () => new Promise((done, fail) => {
    const image = new Image(); image.onload = done; image.onerror = fail; image.src = "ELSEWHERE/image";
  }),
  form: () => new Promise((done, fail) => {
    const form = document.createElement("form"); form.action = "ELSEWHERE/form"; document.body.append(form);
    form.submit(); setTimeout(fail, 300);
  }),
  popup: () => { if (!window.open("ELSEWHERE/popup")) throw 0; },
};
(async () => {
  const reached = [];
  for (const [name, attempt] of Object.entries(tried)) {
    try { await attempt(); reached.push(name); } catch { }
  }
  document.getElementById("told").textContent = "Reached: " + (reached.join(", ") || "nothing");
  parent.postMessage(document.getElementById("told").textContent, "*");
})();
</script>
"""


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[tuple[str, list[str]]]:
    """Another site, and what it was asked for."""
    asked: list[str] = []

    class Site(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Access-Control-Allow-Origin", "*")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, elsewhere: tuple[str, list[str]]) -> Iterator[str]:
    """A board with one result, whose page is hostile."""
    folder = tmp_path_factory.mktemp("board")
    places = {f"{name}_dir": folder / name for name in ("requests", "results", "work", "private", "benchmarks")}
    places["benchmarks_dir"].mkdir()
    text = YAML.format(details="public", all_hidden="false")
    (places["benchmarks_dir"] / "parity.yaml").write_text(text)
    service = open_service(Settings(hub_endpoint="http://127.0.0.1:9", benchmarks="parity", **places))
    publish(service)
    service.private_results.write(RUN, 1, {DETAILED_RESULTS: HOSTILE.replace("ELSEWHERE", elsewhere[0]).encode()})
    more = {f"PODIUM_{name.upper()}": str(place) for name, place in places.items()}
    more |= {"PODIUM_BENCHMARKS": "parity", "PODIUM_EMBEDDED": "false"}
    with running("http://127.0.0.1:9", folder, more) as board:
        yield board.address


@pytest.fixture
def reader(chromium: Any, address: str) -> Iterator[Any]:
    context = chromium.new_context(base_url=address)
    context.set_default_timeout(20_000)
    context.add_cookies([{"name": "podium_session", "value": "secret", "url": address}])
    yield context.new_page()
    context.close()


def test_its_script_runs_and_reaches_nothing(reader: Any, elsewhere: tuple[str, list[str]]) -> None:
    reader.goto("/model/ada/first")
    reader.locator("#detailed-results iframe").scroll_into_view_if_needed()
    frame = reader.frame_locator("#detailed-results iframe")
    expect(frame.locator("#told")).to_have_text("Reached: nothing")
    assert reader.context.pages == [reader] and elsewhere[1] == []


def test_opened_alone_it_reaches_nothing_either(reader: Any, elsewhere: tuple[str, list[str]]) -> None:
    reader.goto(f"/api/v1/requests/{RUN}/detailed-results")
    told = reader.locator("#told")
    expect(told).to_contain_text("Reached: ")
    # Alone it is its own parent and top.
    assert set(told.text_content().removeprefix("Reached: ").split(", ")) <= {"page", "top", "nothing"}
    assert elsewhere[1] == []


def test_it_cannot_lead_its_frame_to_another_site(reader: Any, elsewhere: tuple[str, list[str]]) -> None:
    """Nor by a link that a reader clicks: our page lets no frame of it go elsewhere."""
    reader.goto("/model/ada/first")
    reader.locator("#detailed-results iframe").scroll_into_view_if_needed()
    frame = reader.frame_locator("#detailed-results iframe")
    expect(frame.locator("#told")).to_have_text("Reached: nothing")
    with reader.expect_console_message(lambda message: "frame-src" in message.text or "Framing" in message.text):
        inner = next(frame for frame in reader.frames if "detailed-results" in frame.url)
        inner.evaluate(f"() => setTimeout(() => location.href = '{elsewhere[0]}/gone', 10)")
    assert elsewhere[1] == [] and reader.url.endswith("/model/ada/first")
