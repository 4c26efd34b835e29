"""Bundles through the queue: workers killed at each moment, and what becomes known of hidden scores."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app import build_app
from leaderboard.identity.rights import ROUTES
from leaderboard.records import Request, Status
from leaderboard.results.private_results import DETAILED_RESULTS, HIDDEN_SCORES
from leaderboard.service import Service
from tests.backend.evaluators.bundle_run.board import HIDDEN_SCORE, HIDDEN_TITLE, BundleBoard
from tests.contracts.test_executor import gone, until
from tests.leaderboard.identity.test_identity import called, events

NAMES = ("ingesting", "between", "scoring")


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BundleBoard]:
    made = BundleBoard(tmp_path_factory.mktemp("bundles"))
    yield made
    if made.worker and made.worker.poll() is None:
        made.kill()


@pytest.fixture(scope="module")
def survivors(board: BundleBoard) -> dict[str, Request]:
    """Requests whose worker was killed while one was ingested, one was scored and one was between the two."""
    requests = {name: board.submit(name) for name in NAMES}
    board.open_gate("ingest", "scoring")
    board.start()
    until(lambda: "The scoring program of task Parity starts" in board.log(requests["scoring"]))
    for name in ("ingesting", "between"):
        until(lambda name=name: board.launcher(requests[name], "ingest"))
    stopped = board.launcher(requests["between"], "ingest")
    assert stopped is not None
    stopped.parent().send_signal(signal.SIGSTOP)
    board.open_gate("ingest", "between")
    until(lambda: gone(stopped.pid))
    logs = {name: board.log(request) for name, request in requests.items()}
    assert "ended" in logs["scoring"] and "ended" not in logs["ingesting"] + logs["between"]
    board.kill()
    for name in NAMES:
        board.open_gate("ingest", name)
        board.open_gate("score", name)
    board.start()
    return {name: board.ended(request) for name, request in requests.items()}


@pytest.mark.slow
def test_a_killed_worker_scores_each_submission_once(board: BundleBoard, survivors: dict[str, Request]) -> None:
    service = board.service()
    for name, request in survivors.items():
        assert (name, request.status, request.attempts) == (name, Status.FINISHED, 2)
        assert "worker_lost" in request.history[2].note
        [block] = service.results.of_model("parity", f"ada/{name}").values()
        assert (block.request_id, block.attempt) == (request.id, 2) and block.scores["accuracy"].raw == 0.75


@pytest.fixture(scope="module")
def service(board: BundleBoard, survivors: dict[str, Request]) -> Service:
    return board.service()


@pytest.fixture(scope="module")
def browser(service: Service) -> Iterator[TestClient]:
    with TestClient(build_app(service)) as client:
        yield client


ADDRESSES = {
    "{benchmark}": "parity", "{org}": "ada", "{name}": "scoring", "{kind}": "requests", "{flag_id}": "0" * 16,
    "{task}": "parity",
}  # fmt: skip
CHOICES = {"{form}": ("csv", "json", "parquet"), "{name}": ("scoring", "average", "timeline", "pareto", "heatmap")}
PAGES = ["/", "/queue", "/submit", "/about", "/compare", "/plots", "/model/ada/scoring", "/embed", "/openapi.json"]


def addresses(service: Service, request: Request) -> Iterator[str]:
    """Every address that a stranger may read, filled with what is on the board."""
    path = next(iter(service.results.of_model("parity", "ada/scoring")))
    filled = {**ADDRESSES, "{path}": path, "{request_id}": request.id, "{subject}": request.id}
    for route in ROUTES:
        method, _, address = route.partition(" ")
        if method == "GET" and not address.endswith("/events") and "sign-in" not in address:
            names = CHOICES["{name}"] if address.startswith("/plots") else ("scoring",)
            for form in CHOICES["{form}"] if "{form}" in address else ("",):
                for name in names:
                    place = address.replace("{form}", form).replace("{name}", name)
                    for key, value in filled.items():
                        place = place.replace(key, value)
                    yield f"/api/v1{place}"
    yield f"/api/v1/results/{path}?format=every-eval-ever"
    yield "/api/v1/benchmarks/parity/rows?facts=1&facets=1&about=1&columns=withheld&sort=withheld&score=raw"
    yield "/api/v1/benchmarks/parity/export.csv?columns=withheld,accuracy"
    yield from PAGES
    yield f"/request/{request.id}"


def draws(browser: TestClient, places: list[str]) -> Iterator[tuple[str, str]]:
    """What every event of every page, and every tool for programs, answers to a stranger."""
    app: Any = browser.app
    pages = next(route.app.get_blocks() for route in app.routes if hasattr(getattr(route, "app", None), "get_blocks"))
    shown = 0
    for number, name, count in events(pages):
        asked = ["ada/scoring"] if name == "tools.look_up_model" else places if name.endswith(".show") else [""]
        for place in asked if number is not None and not name.startswith("submit.submit") else ():
            data: list[Any] = [place, "", 20] if name.startswith("tools.") else [place, *[""] * (count - 1)]
            assert number is not None
            drawn = called(browser, number, data[:count], {})
            shown += "Accuracy" in drawn
            yield f"{name} at {place}", drawn
    assert shown > 5, "scores are on these pages"


@pytest.mark.slow
def test_hidden_scores_leave_the_service_nowhere(
    service: Service, browser: TestClient, survivors: dict[str, Request], board: BundleBoard
) -> None:
    request, reached = survivors["scoring"], 0
    secrets = [f"{HIDDEN_SCORE:.2f}", f"{HIDDEN_SCORE:,.2f}", HIDDEN_TITLE, "withheld"]
    for address in addresses(service, request):
        answer = browser.get(address)
        reached += answer.status_code == 200
        for secret in secrets[: -1 if "withheld" in address else None]:  # an answer names what it was asked
            assert secret.encode() not in answer.content, address
    assert reached > 30
    for place, drawn in draws(browser, [*PAGES, f"/request/{request.id}", "/compare?models=ada/scoring,ada/between"]):
        assert not any(secret in drawn for secret in secrets), place
    for store in ("requests", "results"):
        for file in (board.folder / store).rglob("*"):
            if file.is_file():
                assert not any(secret.encode() in file.read_bytes() for secret in secrets), file


@pytest.mark.slow
def test_maintainers_see_hidden_scores(service: Service, survivors: dict[str, Request]) -> None:
    request = survivors["scoring"]
    kept = json.loads(service.private_results.read(request.id, 2, HIDDEN_SCORES))
    assert kept["withheld"]["title"] == HIDDEN_TITLE and kept["withheld"]["score"]["raw"] == HIDDEN_SCORE
    assert (Path(service.settings.private_dir) / "results").stat().st_mode & 0o077 == 0


@pytest.mark.slow
def test_detailed_results_are_served_as_a_strangers_page(
    service: Service, browser: TestClient, survivors: dict[str, Request]
) -> None:
    answer = browser.get(f"/api/v1/requests/{survivors['scoring'].id}/detailed-results")
    assert answer.status_code == 200 and "Looked at" in answer.text
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox allow-scripts; default-src 'none'") and "same-origin" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert browser.get(f"/api/v1/requests/{survivors['scoring'].id}/detailed-results?attempt=1").status_code == 404
    assert service.private_results.has(survivors["between"].id, 2, DETAILED_RESULTS)
