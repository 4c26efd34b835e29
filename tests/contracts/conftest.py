"""The `opener` fixture: the contract suite runs once for every kind of store."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import localhub
from leaderboard import FileStore
from tests.contracts.stores import KINDS, TOKEN, Kind, Opener


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
