"""The processes that a process started, from /proc: forkserver and scheduler have psutil for that.

Light to import: standard library only.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path


def children(pid: int) -> list[int]:
    """The processes that a process started, whichever its thread."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += map(int, (task / "children").read_text().split())
    return found


def descendants(pid: int) -> Iterator[int]:
    """The processes that a process started, and those that these started."""
    for child in children(pid):
        yield child
        yield from descendants(child)


def private_bytes(pid: int) -> int:
    """Memory of a process; of what several share, each counts its part."""
    with contextlib.suppress(OSError):
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        return sum(int(line.split()[1]) << 10 for line in lines if line.startswith(("Pss_Anon:", "Pss_Shmem:")))
    return 0
