"""Which files differ between two commits, read from the Hub's own comparison of them.

The Hub answers with a line for each file: kind and size, a tab, and what `git diff --raw` prints. Only the paths are
taken from it, and whoever uses them checks the outcome: the format is not part of the client library.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

RAW_LINE = re.compile(r"(?:[BT] \d+\t)?:\d{6} \d{6} [0-9a-f]{40}\.* [0-9a-f]{40}\.* ([A-Z])\d*\t(.+)")
MOVES = "RC"
"""Status of files that were renamed or copied: two paths follow."""


def compared_paths(lines: Iterable[str], limit: int) -> set[str] | None:
    """The paths of the files that differ; None where they are more than `limit`, or a line cannot be understood."""
    paths: set[str] = set()
    for line in lines:
        match = RAW_LINE.fullmatch(line)
        if match is None:
            return None
        status, rest = match.groups()
        paths |= set(re.split(r"\t| ", rest) if status in MOVES else [rest])
        if len(paths) > limit:
            return None
    return paths
