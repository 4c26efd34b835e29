"""A board over the module's Hub on loopback, opened with the settings of the module."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

import localhub
from leaderboard.service import Service, open_service
from leaderboard.settings import Settings
from tests.leaderboard.people import TOKENS, Open, client_of


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[localhub.Running]:
    """A Hub with people and without repositories, for modules that have no Hub of their own."""
    with localhub.running(tmp_path_factory.mktemp("hub"), tokens=TOKENS) as running:
        yield running


@pytest.fixture
def settings() -> dict[str, Any]:
    """What a module's board is opened with besides its folders and its Hub."""
    return {}


@pytest.fixture
def opened(hub: localhub.Running, tmp_path: Path, settings: dict[str, Any]) -> Open:
    """Opens the board again, perhaps with other settings."""

    def make(**more: Any) -> Service:
        answer: dict[str, Any] = {
            "hub_endpoint": hub.endpoint,
            "hub_timeout_s": 300.0,  # a loaded machine may be slow to answer, and no test here waits for the limit
            "benchmarks": "tiny",
            "requests_dir": tmp_path / "requests",
            "results_dir": tmp_path / "results",
            "work_dir": tmp_path / "work",
        }
        return open_service(Settings(**answer | settings | more))

    return make


@pytest.fixture
def service(opened: Open) -> Service:
    return opened()


@pytest.fixture
def api(service: Service) -> TestClient:
    return client_of(service)
