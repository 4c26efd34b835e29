"""Counting what code asks of a module, for tests of what something costs."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from leaderboard.stores import folder_tree, local


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
    return counted
