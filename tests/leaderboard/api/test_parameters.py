"""Query parameters of the API: what a route does not take is refused by name, and a search is never cut or dropped."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest
from fastapi.testclient import TestClient

import localhub
from leaderboard.board.view import PARAMETERS
from leaderboard.service import Service
from tests.leaderboard.board.test_contents import block
from tests.leaderboard.board.test_contents import publish as put_result

ROWS, EXPORT = "/api/v1/benchmarks/tiny/rows", "/api/v1/benchmarks/tiny/export"
LONG = {"search": "; ".join(f"some-organisation/a-rather-long-name-of-a-model-{at}-instruct" for at in range(60))}


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[localhub.Running]:
    with localhub.running(tmp_path_factory.mktemp("hub")) as running:
        yield running


@pytest.fixture
def board(api: TestClient, service: Service) -> TestClient:
    """The API of a board with three rows."""
    for number in range(3):
        put_result(service.results_store, block(number, model=f"org/model-{number}"))
    return api


def problems(answer: Any) -> dict[str, str]:
    """Field -> fix of each problem of a refusal."""
    assert answer.status_code == 422, answer.text
    return {problem["field"]: problem["fix"] for problem in answer.json()["problems"]}


def get_routes(api: TestClient) -> dict[str, dict[str, Any]]:
    """Path -> description of each GET route."""
    paths = api.get("/openapi.json").json()["paths"]
    return {path: ways["get"] for path, ways in paths.items() if "get" in ways and path.startswith("/api/v1/")}


def test_every_get_route_refuses_a_parameter_that_it_does_not_list(api: TestClient) -> None:
    routes = get_routes(api)
    assert len(routes) > 30
    for path, about in routes.items():
        answer = api.get(f"{path.replace('{form}', 'csv')}?serach=llama", follow_redirects=False)
        if answer.status_code in (401, 403) or about.get("x-foreign-parameters"):
            continue
        listed = [each["name"] for each in about.get("parameters", ()) if each["in"] == "query"]
        assert problems(answer) == {"serach": f"It takes {', '.join(listed)}." if listed else "It takes none."}, path


def test_only_the_way_back_from_a_sign_in_takes_parameters_of_others(api: TestClient) -> None:
    foreign = [path for path, about in get_routes(api).items() if about.get("x-foreign-parameters")]
    assert foreign == ["/api/v1/sign-in/callback"]


def test_a_limit_over_the_maximum_is_refused_with_the_maximum(api: TestClient) -> None:
    limited = {
        path: each["schema"]["maximum"]
        for path, about in get_routes(api).items()
        for each in about.get("parameters", ())
        if each["name"] == "limit"
    }
    assert len(limited) >= 5
    for path, maximum in limited.items():
        answer = api.get(path, params={"limit": maximum + 1})
        assert problems(answer)["limit"] == f"Use at most {maximum}.", path
        assert f"at most {maximum}" in answer.json()["error"]


def test_each_wrong_parameter_has_its_own_problem(board: TestClient) -> None:
    answer = board.get(f"{ROWS}?serach=llama&limti=3&limit=1&limit=2")
    assert list(problems(answer)) == ["serach", "limti", "limit"]
    assert "Did you mean search?" in answer.json()["error"] and "Did you mean limit?" in answer.json()["error"]
    wrong = problems(board.get(f"{ROWS}?types=robots&size_min=many&hide=everything"))
    assert "chat" in wrong["types"] and "merged" in wrong["hide"] and "number" in wrong["size_min"]
    columns = problems(board.get(f"{EXPORT}.csv?columns=license,licens&sort=avg"))
    assert list(columns) == ["columns", "sort"] and "license, " in columns["sort"]


def test_lists_and_what_clients_add_for_themselves_are_taken(board: TestClient) -> None:
    assert board.get(f"{ROWS}?_=1699&__sign=abc").json()["total"] == 3
    assert board.get("/api/v1/requests?status=FAILED&status=PENDING").status_code == 200
    assert board.get(ROWS, params=dict.fromkeys(PARAMETERS, "")).json()["total"] == 3


def test_sixty_names_are_searched_everywhere(board: TestClient) -> None:
    assert len(LONG["search"]) > 3000
    assert board.get(ROWS, params=LONG).json()["total"] == 0
    names = {"search": f"{LONG['search']}; model-1"}
    assert [row["model"] for row in board.get(ROWS, params=names).json()["rows"]] == ["org/model-1"]
    assert list(pd.read_csv(io.BytesIO(board.get(f"{EXPORT}.csv", params=names).content))["Model"]) == ["org/model-1"]


@pytest.mark.parametrize("address", [ROWS, f"{EXPORT}.csv", f"{EXPORT}.json", f"{EXPORT}.parquet"])
@pytest.mark.parametrize("search", ["model " * 300, "m" * 10_001])
def test_a_search_that_is_too_long_is_refused_everywhere(board: TestClient, address: str, search: str) -> None:
    answer = board.get(address, params={"search": search})
    assert problems(answer).keys() == {"search"} and "may have at most" in answer.json()["error"]


@pytest.mark.parametrize("form", ["csv", "json", "parquet"])
def test_exports_carry_the_warnings_of_a_search(board: TestClient, form: str) -> None:
    search = {"search": "colour: rot; params: “huge”; model-1"}
    warnings = board.get(ROWS, params=search).json()["warnings"]
    exported = board.get(f"{EXPORT}.{form}", params=search)
    assert len(warnings) == 2 and json.loads(exported.headers["Podium-Warnings"]) == warnings
    assert "Podium-Warnings" not in board.get(f"{EXPORT}.{form}?search=model-1").headers


def test_the_address_of_a_model_on_the_boards_own_hub_finds_it(board: TestClient, hub: localhub.Running) -> None:
    search = {"search": f"{hub.endpoint}/org/model-1/tree/main"}
    assert [row["model"] for row in board.get(ROWS, params=search).json()["rows"]] == ["org/model-1"]
