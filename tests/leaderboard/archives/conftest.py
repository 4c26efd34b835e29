"""What every test of a hostile archive asks: which sentences refuse it, and that nothing is left."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from leaderboard.archives import ArchiveLimits, open_archive
from leaderboard.errors import BadArchive

Refused = Callable[..., list[str]]
Fresh = Callable[[], Path]


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A folder for archives, one for all examples of a property."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def fresh(place: Path) -> Fresh:
    """Makes a new, empty folder, also for examples that are tried again."""
    numbers = itertools.count()

    def make() -> Path:
        folder = place / str(next(numbers))
        folder.mkdir()
        return folder

    return make


@pytest.fixture(scope="module")
def refused(fresh: Fresh) -> Refused:
    """The sentences with which an archive is refused, once it is known that nothing was left behind."""

    def check(content: bytes, limits: ArchiveLimits | None = None) -> list[str]:
        folder = fresh()
        file = folder / "archive"
        file.write_bytes(content)
        with pytest.raises(BadArchive) as caught:
            open_archive(file, folder / "out", limits or ArchiveLimits())
        assert [path.name for path in folder.rglob("*")] == ["archive"]
        return caught.value.lines

    return check


def opened_with_changes(folder: Path, archive: bytes, data: st.DataObject) -> tuple[Path, list[Any]]:
    """Open an archive in which up to three bytes are others: its folder, and what was written; nothing when refused.

    A refusal has its reasons, and leaves no folder; nothing half-written is left either way.
    """
    made = bytearray(archive)
    for _ in range(data.draw(st.integers(1, 3))):
        made[data.draw(st.integers(0, len(made) - 1))] = data.draw(st.integers(0, 255))
    file, out = folder / "changed", folder / "out"
    file.write_bytes(made)
    try:
        written = list(open_archive(file, out))
    except BadArchive as error:
        assert error.lines
        assert not out.exists()
        written = []
    assert not list(folder.glob(".*"))
    return out, written
