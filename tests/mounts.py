"""Small file systems for tests: full ones and read-only ones, also for root, whom permission bits do not bind."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from scripts.small_disks import fill, small_disk

__all__ = ["fill", "mounted", "read_only"]


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[Path]:
    """A tmpfs at `folder`; skips the test where this user may mount none."""
    with ExitStack() as stack:
        try:
            stack.enter_context(small_disk(folder, options))
        except PermissionError as error:
            pytest.skip(str(error))
        yield folder


@contextmanager
def read_only(folder: Path) -> Iterator[Path]:
    """A folder in which nothing can be written."""
    if os.geteuid() == 0:
        with mounted(folder, "ro,size=1m") as mount:
            yield mount
        return
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o500)
    yield folder
    folder.chmod(0o700)
