"""The `opener` fixture: the contract suite runs once for every kind of store."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

import localhub
from leaderboard import FileStore
from leaderboard.stores.hub import HubStore
from tests.contracts.stores import KINDS, TOKEN, Kind, Open, Opener

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[localhub.Running]:
    """A Hub on loopback."""
    with localhub.running(tmp_path_factory.mktemp("hub"), tokens={"board": TOKEN}) as running:
        yield running


@pytest.fixture(params=KINDS, ids=[kind.name for kind in KINDS])
def kind(request: pytest.FixtureRequest) -> Kind:
    result = request.param
    assert isinstance(result, Kind)
    return result


@pytest.fixture
def opener(kind: Kind, request: pytest.FixtureRequest) -> Opener:
    return kind.place(request)


@pytest.fixture
def store(opener: Opener) -> FileStore:
    return opener()


@pytest.fixture
def open_store(served: localhub.Running, tmp_path: Path) -> Iterator[Open]:
    """Opens one new dataset, as often as it is called; arguments override those of HubStore."""
    repo_id = f"board/hub-{next(_numbers)}"

    def opened(**arguments: object) -> HubStore:
        known = {"endpoint": served.endpoint, "token": TOKEN, "cache": tmp_path / "cache", "max_age_s": 0.0}
        return HubStore(repo_id, **(known | arguments))  # type: ignore[arg-type]

    opened().create()
    yield opened
    served.faults.set([])
