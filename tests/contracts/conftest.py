"""The `opener` fixture: the contract suite runs once for every kind of store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from leaderboard import FileStore
from tests.contracts.stores import KINDS, Kind, opened


@pytest.fixture(params=KINDS, ids=[kind.name for kind in KINDS])
def kind(request: pytest.FixtureRequest) -> Kind:
    found = request.param
    assert isinstance(found, Kind)
    return found


@pytest.fixture
def opener(kind: Kind, tmp_path: Path) -> Iterator[Callable[[], FileStore]]:
    with opened(kind, tmp_path) as found:
        yield found


@pytest.fixture
def store(opener: Callable[[], FileStore]) -> FileStore:
    return opener()
