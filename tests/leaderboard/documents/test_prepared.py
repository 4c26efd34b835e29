"""What readers do not wait for: what was read when the service started, and drawings that were made before."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path

import pytest

from leaderboard.benchmarks import load_benchmark
from leaderboard.documents import leaderboard, model, plots
from leaderboard.documents.visit import Visit
from leaderboard.documents.warm import warm_up
from leaderboard.records import Request
from leaderboard.service import Service, open_service
from leaderboard.settings import PROJECT, Settings
from tests.counting import count_reads
from tests.leaderboard.compared import Place

TINY = load_benchmark(PROJECT / "benchmarks" / "tiny.yaml")
TASKS = [part.task for column in TINY.columns for part in column.parts]
MODELS = 20
ONE_PAGE = 10
"""Files that a page reads at most: the result, its details, flags."""


@pytest.fixture
def service(tmp_path: Path) -> Service:
    """A board with twenty evaluated checkpoints and as many requests, just started."""
    folders = {f"{name}_dir": tmp_path / name for name in ("requests", "results", "work", "private")}
    settings = Settings.model_validate({**folders, "benchmarks": "tiny", "hub_endpoint": "http://127.0.0.1:9"})
    place, queue = Place(tmp_path, TINY), open_service(settings).queue
    for number in range(MODELS):
        place.publish(f"lab/model-{number}", {task: [1.0, float(number % 2), 0.0] for task in TASKS})
        queue.submit(Request(benchmark="tiny", model=f"lab/model-{number}", revision="a" * 40, sender="bob"))
    return open_service(settings)


def test_the_first_reader_of_a_model_waits_for_its_own_files_only(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    warm_up(service).join(60)
    reads = count_reads(monkeypatch)
    model.draw(service, Visit(("lab", "model-7")))
    assert reads["read"] <= ONE_PAGE < MODELS


def test_plots_are_drawn_once_for_a_board_and_a_choice(service: Service) -> None:
    drawn, board = plots.DrawnPlots(), service.boards.get("tiny").board
    first = drawn.of(board, "average", "submitted", [])
    assert drawn.of(board, "average", "submitted", []) is first
    assert drawn.of(board, "dates", "submitted", []) is not first
    for number in range(plots.KEPT):
        drawn.of(board, "average", "submitted", [f"row-{number}"])
    assert drawn.of(board, "average", "submitted", []) is not first, "only the latest choices are kept"
    again = open_service(service.settings).boards.get("tiny").board
    assert drawn.of(again, "average", "submitted", []) is not drawn.of(board, "average", "submitted", [])


def test_the_leaderboard_is_drawn_once_a_minute_for_a_board_and_a_view(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 30.0
    monkeypatch.setattr("time.time", lambda: now)
    first = leaderboard.draw(service, Visit())
    assert leaderboard.draw(service, Visit()) is first
    assert leaderboard.draw(service, Visit(query={"search": "model-7"})) is not first
    now += 60
    following = leaderboard.draw(service, Visit())
    assert following is not first, "its times are in words"
    old = weakref.ref(service.boards.get("tiny").board)
    Place(tmp_path, TINY).publish("lab/newest", {task: [1.0, 1.0, 1.0] for task in TASKS})
    service.boards.refresh("tiny")
    assert "lab/newest" not in following and "lab/newest" in leaderboard.draw(service, Visit())
    gc.collect()
    assert old() is None, "an old board is not kept by its pages"
