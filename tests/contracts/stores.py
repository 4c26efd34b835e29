"""Every FileStore of the project, and what the contract suite needs to know of each."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import pytest

import localhub
from leaderboard import FileStore
from leaderboard.stores.hub import HubStore
from leaderboard.stores.local import LocalStore
from localhub import Fault

Opener = Callable[[], FileStore]
"""Opens the same files anew, in any process."""
Open = Callable[..., HubStore]
"""Opens one dataset again, with other arguments where some are given."""
TOKEN = "hf_board"
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Kind:
    """One implementation."""

    name: str
    place: Callable[[pytest.FixtureRequest], Opener]
    """Makes a new, empty place for files."""
    claims: int
    """How many requests the race is about."""


def local_place(request: pytest.FixtureRequest) -> Opener:
    """A new folder."""
    return partial(LocalStore, request.getfixturevalue("tmp_path") / "store")


def hub_place(request: pytest.FixtureRequest) -> Opener:
    """A new dataset on a Hub that runs for the whole session."""
    endpoint, folder = request.getfixturevalue("served").endpoint, request.getfixturevalue("tmp_path")
    opener = partial(HubStore, f"board/files-{next(_numbers)}", endpoint, TOKEN, folder / "cache", max_age_s=0.0)
    opener().create()
    return opener


KINDS = [Kind("local", local_place, claims=250), Kind("hub", hub_place, claims=48)]


@contextmanager
def calls(served: localhub.Running, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The requests that the Hub answers inside the block."""
    seen: list[str] = []
    original = served.faults.strike

    def strike(method: str, path: str) -> list[Fault]:
        seen.append(f"{method} {re.sub('/[0-9a-f]{40}', '', path)}")
        return original(method, path)

    with monkeypatch.context() as patch:
        patch.setattr(served.faults, "strike", strike)
        yield seen
