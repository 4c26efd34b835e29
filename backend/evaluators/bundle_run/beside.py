"""Programs that run at the same time and share a folder."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

from backend.failures import JobFailed
from backend.sandbox.programs import Ended, RunningProgram

LOOK_S = 0.05
GRACE_S = 5.0
"""How long an ingestion may go on, once the scoring program beside it has ended."""
MOST_BYTES = 1 << 30
MOST_FILES = 10_000


class SharedFolder:
    """A folder on this machine's disk that several programs write, looked at while they run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        path.chmod(0o777)  # each program is another user

    def check(self) -> None:
        """Raise JobFailed when more is in it than may be, or what cannot be looked at."""
        size = count = 0
        for above, folders, files in os.walk(self.path, onerror=_hidden_away):
            count += len(folders) + len(files)
            size += sum(_size(Path(above) / name) for name in files)
            if size > MOST_BYTES or count > MOST_FILES:
                raise _too_much()


def ended_well(ended: Ended) -> bool:
    """Whether a program did its work, by its own account."""
    return ended.code == 0 and not ended.reason


def wait_for_all(programs: Sequence[RunningProgram], shared: SharedFolder) -> list[Ended | None]:
    """How each ended; None for those that still run when another has failed. Raises JobFailed for too much output."""
    while any(program.running() for program in programs):
        over = [program.wait() for program in programs if not program.running()]
        if not all(map(ended_well, over)):
            break
        shared.check()
        time.sleep(LOOK_S)
    return [None if program.running() else program.wait() for program in programs]


def wait_for_scoring(
    ingestion: RunningProgram, scoring: RunningProgram, shared: SharedFolder
) -> tuple[Ended, Ended | None]:
    """How both ended; no end of a scoring program whose ingestion failed before. Raises JobFailed for too much output.

    An ingestion that goes on after the scoring has ended is stopped.
    """
    while scoring.running():
        if not ingestion.running() and not ended_well(ingestion.wait()):
            return ingestion.wait(), None
        shared.check()
        time.sleep(LOOK_S)
    until = time.monotonic() + GRACE_S
    while ingestion.running() and time.monotonic() < until:
        time.sleep(LOOK_S)
    ingestion.kill()
    return ingestion.wait(), scoring.wait()


def _hidden_away(error: OSError) -> None:
    """A folder that is gone by now is no matter; one that is nested too deep or closed would hide what it holds."""
    if not isinstance(error, FileNotFoundError):
        raise _too_much() from error


def _too_much() -> JobFailed:
    return JobFailed(
        "output_too_large",
        f"The programs wrote more than {MOST_BYTES:,} bytes or {MOST_FILES:,} files into the folder that they share, "
        "or folders that cannot be looked into, and were stopped. Write less there.",
    )


def _size(path: Path) -> int:
    """Bytes on the disk; 0 for what is gone by now."""
    try:
        return path.lstat().st_blocks * 512
    except OSError:
        return 0
