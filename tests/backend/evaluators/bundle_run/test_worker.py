"""Bundles through the queue: workers killed at each moment, and what becomes known of hidden scores."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app import build_app
from leaderboard.records import Request, Status
from leaderboard.results.private_results import DETAILED_RESULTS, HIDDEN_SCORES
from leaderboard.service import Service
from tests.backend.evaluators.bundle_run.board import HIDDEN_SCORE, HIDDEN_TITLE, BundleBoard
from tests.contracts.test_executor import gone, until
from tests.walking import addresses, draws, pages

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


@pytest.mark.soak
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


ASKED = (
    "/api/v1/benchmarks/parity/rows?facets=1&about=1&columns=withheld&sort=withheld&scores=raw",
    "/api/v1/benchmarks/parity/export.csv?columns=withheld,accuracy",
)
"""What names a hidden column."""


@pytest.mark.slow
def test_hidden_scores_leave_the_service_nowhere(
    service: Service, browser: TestClient, survivors: dict[str, Request], board: BundleBoard
) -> None:
    request, reached = survivors["scoring"], 0
    secrets = [f"{HIDDEN_SCORE:.2f}", f"{HIDDEN_SCORE:,.2f}", HIDDEN_TITLE, "withheld"]
    for address in (*addresses(service, request), *ASKED):
        answer = browser.get(address)
        reached += answer.status_code == 200
        for secret in secrets[: -1 if "withheld" in address else None]:  # an answer names what it was asked
            assert secret.encode() not in answer.content, address
    assert reached > 30
    places = [*pages(request), "/compare?models=ada/scoring,ada/between"]
    for place, drawn in draws(browser, "ada/scoring", places, "Accuracy"):
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
