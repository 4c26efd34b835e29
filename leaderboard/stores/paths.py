"""What every store agrees on: which paths it takes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise

from leaderboard.errors import BadPath

PLAIN_NAME = re.compile(r"[^./\\\x00-\x1f\x7f\ud800-\udfff][^/\\\x00-\x1f\x7f\ud800-\udfff]{0,254}")
"""A file or folder name: not hidden (so neither `.` nor `..`), no control characters, nothing that is not UTF-8."""


def check_path(path: str) -> str:
    """Return `path` if it is relative, with `/` between plain names. Raises BadPath."""
    for name in path.split("/"):
        if not PLAIN_NAME.fullmatch(name) or len(name.encode()) > 255:
            reason = "it is absolute or has an empty name" if not name else f"{name!r} is not a plain name"
            raise BadPath(path, f"{reason}; use names without a leading dot, joined with '/'")
    return path


def check_paths(paths: Iterable[str]) -> None:
    """Check every path of one commit, and that none of them lies inside another. Raises BadPath."""
    ordered = sorted(check_path(path) + "/" for path in paths)
    for before, after in pairwise(ordered):
        if after.startswith(before):
            raise BadPath(after[:-1], f"{before[:-1]!r} is a file in the same commit")


def shown(path: str) -> str:
    """`path` as text that any page and any JSON can hold: what is not printable is written as an escape."""
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in path)


def too_long(size: int, limit: int) -> str:
    """Why a file of `size` bytes is not read."""
    return f"it has {size:,} bytes; at most {limit:,} are read here."
