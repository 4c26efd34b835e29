"""Every FileStore of the project, and what the contract suite needs to know of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from leaderboard import FileStore
from leaderboard.stores.local import LocalStore


@dataclass(frozen=True)
class Kind:
    """One implementation: `place` yields a picklable function that opens the same files anew, in any process."""

    name: str
    place: Callable[[Path], Iterator[Callable[[], FileStore]]]
    claims: int
    """How many requests the race is about."""


def local_place(folder: Path) -> Iterator[Callable[[], FileStore]]:
    yield partial(LocalStore, folder / "store")


KINDS = [Kind("local", local_place, claims=500)]


@contextmanager
def opened(kind: Kind, folder: Path) -> Iterator[Callable[[], FileStore]]:
    """The opener of a new, empty place."""
    yield from kind.place(folder)
