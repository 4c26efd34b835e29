"""Counting what code asks of a module, for tests of what something costs."""

from __future__ import annotations

import gc
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from leaderboard.stores import folder_tree, local
from leaderboard.stores.folder_events import FolderEvents

UNTIL_S = 120.0


def count_calls(patch: pytest.MonkeyPatch, counted: Counter[str], module: Any, name: str, label: str) -> None:
    """Add every call of a module's function to `counted`, under `label`."""
    original = getattr(module, name)

    def counting(*args: Any) -> Any:
        counted[label] += 1
        return original(*args)

    patch.setattr(module, name, counting)


def count_reads(patch: pytest.MonkeyPatch) -> Counter[str]:
    """What local stores ask of the file system from now on: `read` (files), `listed` (folders)."""
    counted: Counter[str] = Counter()
    count_calls(patch, counted, folder_tree, "opened", "read")
    count_calls(patch, counted, local, "opened", "read")
    count_calls(patch, counted, folder_tree, "_entries", "listed")
    patch.setattr(folder_tree, "UNSURE_NS", -1)
    patch.setattr(folder_tree, "_events", _events)
    return counted


def _events(root: Path) -> FolderEvents:
    """What the kernel tells of a folder. It tells a user of 128 at a time, and without it folders are listed again.

    So this waits while other tests, of any process, use all of them.
    """
    until = time.monotonic() + UNTIL_S
    while True:
        try:
            return FolderEvents(root)
        except OSError:
            if time.monotonic() > until:
                raise
            gc.collect()
            time.sleep(0.1)
