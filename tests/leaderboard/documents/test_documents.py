"""Pages as documents: what is in them before any script runs, their statuses, their headers, their links."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from html import unescape

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image

from leaderboard.api import catch_errors
from leaderboard.benchmarks import load_benchmark
from leaderboard.documents import document_routes
from leaderboard.documents.files import ASSETS, asset_address, asset_routes
from leaderboard.documents.preview import preview_routes
from leaderboard.service import open_service
from leaderboard.settings import PROJECT, Settings
from tests.leaderboard.compared import Place

MODELS = 60


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A reader of a board with 60 evaluated checkpoints."""
    folder = tmp_path_factory.mktemp("documents")
    benchmark = load_benchmark(PROJECT / "benchmarks" / "tiny.yaml")
    place, rng = Place(folder, benchmark), np.random.default_rng(3)
    tasks = [part.task for column in benchmark.columns for part in column.parts]
    for number in range(MODELS):
        chance = 0.3 + 0.6 * number / MODELS
        place.publish(f"lab/model-{number:02}", {task: list((rng.random(20) < chance).astype(float)) for task in tasks})
    folders = {f"{name}_dir": folder / name for name in ("requests", "results", "work")}
    named = {
        "benchmarks": "tiny,open-llm-v1", "title": "Our <board>", "operator": "The Lab", "contact": "lab@example.org",
        "hub_endpoint": "http://127.0.0.1:9",
    }  # fmt: skip
    service = open_service(Settings.model_validate({**folders, **named}))
    app = FastAPI()
    app.include_router(document_routes(service))
    app.include_router(asset_routes())
    app.include_router(preview_routes(service))
    catch_errors(app)
    with TestClient(app, base_url="http://board.example") as client:
        yield client


def model_names(page: str) -> list[str]:
    return re.findall(r'class="pt-name"[^>]*>([^<]+)<', page)


def link(page: str, text: str) -> str:
    """The address of the link with that text."""
    match = re.search(rf'<a[^>]*href="([^"]+)"[^>]*>{re.escape(text)}', page)
    assert match is not None, text
    return unescape(match[1])


@pytest.mark.parametrize("path", ["/", "/queue", "/compare", "/plots", "/about", "/flags", "/model/lab/model-07"])
def test_every_page_says_what_it_is_to_readers_and_to_other_sites(reader: TestClient, path: str) -> None:
    page = reader.get(path).text
    assert page.count("<h1") == 1 and page.count("<main") == 1 and '<html lang="en"' in page
    for tag in ('<meta name="description"', 'property="og:title"', 'property="og:description"', 'property="og:image"'):
        assert page.count(tag) == 1, tag
    assert "gradio.app" not in page and "window.gradio_config" not in page
    assert f'property="og:url" content="http://board.example{path}"' in page
    title = re.search(r"<title>(.+?)</title>", page)
    assert title is not None and title[1].endswith(" · Our &lt;board&gt;")
    assert "Run by The Lab" in page and 'href="mailto:lab@example.org"' in page


def test_the_board_says_what_it_measures_how_many_since_when_and_who_runs_it(reader: TestClient) -> None:
    page = reader.get("/").text
    sentence = re.search(r'<meta name="description" content="([^"]+)"', page)
    assert sentence is not None
    assert sentence[1].startswith("Generated questions about sums") and "60 checkpoints, last changed" in sentence[1]
    assert sentence[1].endswith("run by The Lab.")


def test_the_page_of_flags_is_described_without_its_links(reader: TestClient) -> None:
    sentence = re.search(r'<meta name="description" content="([^"]+)"', reader.get("/flags").text)
    assert sentence is not None and sentence[1].startswith("Anybody who may submit can flag")
    assert sentence[1].endswith("also under a new name.")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 200),
        ("/queue", 200),
        ("/model/lab/never-seen", 404),
        ("/model", 404),
        ("/request/0123456789abcdef", 404),
        ("/request", 404),
        ("/?benchmark=none", 404),
        ("/compare?benchmark=none", 404),
    ],
)
def test_statuses_are_those_of_what_is_shown(reader: TestClient, path: str, status: int) -> None:
    answer = reader.get(path)
    assert answer.status_code == status and answer.headers["content-type"].startswith("text/html")
    assert ("This page cannot be shown" in answer.text) is (status == 404)
    assert reader.head(path).status_code == status


@pytest.mark.parametrize(
    ("older", "now"),
    [
        ("/model?subject=lab/model-07&benchmark=tiny", "/model/lab/model-07?benchmark=tiny"),
        ("/model/lab/model-07/", "/model/lab/model-07"),
        ("/queue/?status=failed", "/queue?status=failed"),
        ("/request?subject=%0d%0aX:y", "/request/%0D%0AX%3Ay"),
        ("//evil.example/", "/evil.example"),
    ],
)
def test_older_addresses_lead_to_todays(reader: TestClient, older: str, now: str) -> None:
    answer = reader.get(f"http://board.example{older}", follow_redirects=False)
    assert (answer.status_code, answer.headers.get("location")) in ((308, now), (404, None))


def test_a_page_that_did_not_change_is_sent_once(reader: TestClient) -> None:
    first = reader.get("/compare")
    weak = first.headers["etag"]
    for known in (weak, f'"older", {weak}', weak.removeprefix("W/")):
        again = reader.get("/compare", headers={"If-None-Match": known})
        assert again.status_code == 304 and not again.content, known
    assert reader.get("/compare", headers={"If-None-Match": f'"{weak}"'}).status_code == 200, "another tag"
    assert first.headers["cache-control"] == "private, no-cache" and "Cookie" in first.headers["vary"]


def test_files_are_kept_for_good_under_an_address_with_their_digest(reader: TestClient) -> None:
    assert "immutable" in reader.get(asset_address("theme.css")).headers["cache-control"]
    assert reader.get("/podium-assets/theme.css").headers["cache-control"] == "no-cache"
    page = reader.get("/").text
    loaded = set(re.findall(r'"/podium-assets/([\w.]+)', page))
    assert loaded <= set(ASSETS) and {"theme.css", "table.css", "board.js"} <= loaded


def test_the_board_is_read_sorted_filtered_and_paged_by_links_alone(reader: TestClient) -> None:
    page = reader.get("/").text
    first = model_names(page)
    assert len(first) == 50 and "Page 1 of 2" in page
    second = model_names(reader.get(link(page, "Next")).text)
    assert len(second) == 10 and not set(first) & set(second)
    by_name = reader.get(link(page, "Model")).text
    assert model_names(by_name)[:2] == ["lab/model-00", "lab/model-01"] and 'aria-sort="ascending"' in by_name
    assert model_names(reader.get(link(by_name, "Model")).text)[0] == "lab/model-59"
    by_score = reader.get(link(page, "Arithmetic")).text
    assert 'aria-sort="descending"' in by_score
    filtered = reader.get(link(page, "float32")).text
    assert "Page 1 of 2" in filtered and 'aria-current="true">float32' in filtered
    assert "Page 1 of 2" not in reader.get(link(page, "bfloat16")).text
    found = reader.get("/?search=model-07").text
    assert model_names(found) == ["lab/model-07"] and 'value="model-07"' in found
    assert "No matches." in reader.get("/?search=nothing-of-the-kind").text


def test_standard_errors_are_beside_averages_and_ranks_unless_a_reader_hides_them(reader: TestClient) -> None:
    page = reader.get("/").text
    row = page.partition('data-label="Average"')
    assert re.match(r"[^<]*>[\d.]+<span class=\"pt-error\"> ±\d", row[2]), row[2][:200]
    assert re.search(r'class="pt-range">\d+–\d+<', page)
    assert "pt-error" not in reader.get("/?errors=false").text


def test_links_between_pages_keep_the_benchmark(reader: TestClient) -> None:
    page = reader.get("/queue?benchmark=open-llm-v1").text
    assert '<a href="/about?benchmark=open-llm-v1" data-keep' in page
    assert '<option value="open-llm-v1" selected>' in page


def test_forms_work_without_a_script(reader: TestClient) -> None:
    page = reader.get("/compare?benchmark=tiny&rows=x&find=model").text
    form = page[page.index("<form data-view") :].partition("</form>")[0]
    assert '<input type="hidden" name="benchmark" value="tiny">' in form and "<noscript><button" in form
    assert 'name="find"' in form and form.count('name="find"') == 1


def test_what_a_reader_writes_into_an_address_stays_text(reader: TestClient) -> None:
    evil = '"><script>alert(1)</script>'
    for path in ("/", "/queue", "/compare", "/plots", "/about", "/model/lab/model-07", f"/model/{evil}"):
        page = reader.get(path, params={"search": evil, "name": evil, "find": evil, "text": evil, "x": evil}).text
        assert "<script>alert" not in page, path


def test_the_policy_of_documents_lets_no_text_become_a_program(reader: TestClient) -> None:
    policy = reader.get("/").headers["content-security-policy"]
    assert "script-src 'self';" in policy and "unsafe-eval" not in policy


@pytest.mark.parametrize("path", ["/", "/model/lab/model-07", "/about?benchmark=open-llm-v1"])
def test_the_picture_of_a_page_is_made_here(reader: TestClient, path: str) -> None:
    page = reader.get(path).text
    address = re.search(r'property="og:image" content="([^"]+)"', page)
    assert address is not None and address[1].startswith("http://board.example/preview.png")
    answer = reader.get(unescape(address[1]))
    assert answer.headers["content-type"] == "image/png" and len(answer.content) < 60_000
    picture = Image.open(io.BytesIO(answer.content))
    assert picture.size == (1200, 630) and len(picture.getcolors(100_000) or []) > 20, "there is something on it"
    again = reader.get(unescape(address[1]), headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304


def test_there_is_no_picture_of_what_the_board_does_not_have(reader: TestClient) -> None:
    of_board, of_stranger = (reader.get(f"/preview.png{query}") for query in ("", "?model=lab/never-seen"))
    assert of_board.content == of_stranger.content
    assert reader.get("/preview.png?benchmark=none").status_code == 404
