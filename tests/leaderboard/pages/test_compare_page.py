"""The Compare and Plots pages and their API: what they say of real files, and that no name becomes markup."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from leaderboard.api.compare import compare_routes
from leaderboard.api.guard import PREFIX
from leaderboard.api.problems import catch_errors
from leaderboard.board.table import Board
from leaderboard.board.view import View
from leaderboard.compare import Comparisons
from leaderboard.documents import compare, plots
from leaderboard.documents.visit import parse_visit
from leaderboard.documents.words import UNKNOWN
from tests.leaderboard.compared import BENCHMARK, Place

RIGHT = [1.0] * 40
HALF = [1.0, 0.0] * 20


@pytest.fixture
def service(tmp_path: Path) -> Any:
    place = Place(tmp_path)
    place.publish("org/good", {"plain": RIGHT, "mixed_a": HALF, "mixed_b": RIGHT})
    place.publish("org/half", {"plain": HALF, "mixed_a": HALF, "mixed_b": HALF})
    return SimpleNamespace(
        boards=place.boards, results=place.results, benchmarks={"demo": BENCHMARK}, benchmark=lambda name: BENCHMARK
    )


def ids(service: Any) -> str:
    return ",".join(service.boards.get("demo").board.ids)


def page_of(service: Any, query: str) -> str:
    return compare.draw(Comparisons(service.boards, service.results), service, parse_visit(f"/compare?{query}"))


def test_the_page_says_what_the_comparison_comes_to(service: Any) -> None:
    page = page_of(service, f"rows={ids(service)}")
    assert "good is ahead on 2 of 2 tasks (Plain and Mixed)." in page
    assert page.count('class="asked"') == 10 and "20 of 40 shared questions" in page
    assert "McNemar, exact" in page and "✗ wrong" in page
    assert page_of(service, f"rows={ids(service)}&which=wrong").count('class="asked"') == 0
    assert page_of(service, f"rows={ids(service)}&task=mixed_a").count('class="asked"') == 0
    assert page_of(service, f"rows={ids(service)}&page=99").count('class="asked"') == 10


def test_the_page_offers_what_can_be_added(service: Any) -> None:
    assert page_of(service, "").count('title="Add org/') == 2
    chosen_page = page_of(service, f"rows={ids(service).split(',')[0]}&find=half")
    assert chosen_page.count('title="Add org/half') == 1 and "Add another checkpoint" in chosen_page
    assert "No checkpoint on this board matches" in page_of(service, "find=nothing-like-it")
    assert "There is no evaluation" in page_of(service, "rows=org/gone@abc_float32_Original")


def test_what_a_reader_writes_is_not_markup(service: Any) -> None:
    evil = "<img src=x onerror=alert(1)>"
    for query in (f"find={evil}", f"rows={ids(service)}&text={evil}", f"rows={evil}", f"task={evil}&which={evil}"):
        assert "<img" not in page_of(service, query)
    assert "<img" not in plots.draw(service, parse_visit(f"/plots?find={evil}&task={evil}&when={evil}&rows={evil}"))


def test_the_plots_page_keeps_the_chosen_ones(service: Any) -> None:
    page = plots.draw(service, parse_visit(f"/plots?rows={ids(service)}&task=plain"))
    assert page.count('class="plot"') == 2, "without dates and sizes two have nothing to draw"
    assert "How has the best Plain score risen?" in page
    assert page.count("org%2Fgood%40") >= 4
    assert "Compare them" in page


def test_an_empty_board_has_no_plots(service: Any) -> None:
    empty = Board(pd.DataFrame({"fullname": []}), BENCHMARK)
    assert empty.select(View()).rows.size == 0
    service.boards = SimpleNamespace(get=lambda name: SimpleNamespace(board=empty))
    assert "No checkpoint has been evaluated" in plots.draw(service, parse_visit("/plots"))
    assert UNKNOWN not in page_of(service, "")


@pytest.fixture
def client(service: Any) -> TestClient:
    app = FastAPI()
    app.include_router(compare_routes(service))
    catch_errors(app)
    return TestClient(app, base_url=f"http://testserver{PREFIX}")


def test_the_api_gives_what_the_page_says(client: TestClient, service: Any) -> None:
    query = {"rows": ids(service)}
    answer = client.get("/compare", params=query).json()
    [against] = answer["differences"]
    plain = against["columns"][0]
    assert answer["tasks"] == ["plain", "mixed_a", "mixed_b"] and against["sentence"].startswith("good is ahead")
    assert {plain["ahead"], plain["behind"]} == {0, 20} and plain["test"] == "sign"
    examples = client.get("/compare/examples", params=query | {"task": "plain", "limit": 3, "offset": 18}).json()
    assert (examples["total"], examples["compared"], len(examples["examples"])) == (20, 40, 2)
    first = client.get("/compare", params=query)
    assert client.get("/compare", params=query, headers={"If-None-Match": first.headers["etag"]}).status_code == 304


def test_the_api_says_what_there_is(client: TestClient, service: Any) -> None:
    gone = client.get("/compare/examples", params={"rows": ids(service), "task": "other"})
    assert gone.status_code == 404 and "plain, mixed_a, mixed_b" in gone.json()["error"]
    assert "plain, mixed" in client.get("/plots/size", params={"task": "other"}).json()["error"]
    assert client.get("/compare", params={"rows": ""}).json()["settings"] == []


@pytest.mark.parametrize("name", ["progress", "size", "spread", "correlation"])
def test_a_plots_data_is_a_file(client: TestClient, name: str) -> None:
    rows = client.get(f"/plots/{name}").json()
    lines = client.get(f"/plots/{name}", params={"format": "csv"})
    assert "attachment" in lines.headers["content-disposition"]
    assert len(lines.text.splitlines()) == len(rows) + 1
    assert set(client.get(f"/plots/{name}/figure").json()) == {"data", "layout"}
