"""What every test of a hostile archive asks: which sentences refuse it, and that nothing is left."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

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
