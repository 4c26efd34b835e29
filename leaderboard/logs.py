"""The end of a job's log, for the person who waits for it."""

from __future__ import annotations

import re

from leaderboard.records import Request
from leaderboard.settings import Settings

TAIL_BYTES = 64 * 1024
CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
INSTALLED = re.compile(r"(?:/[^\s/:'\"]{1,255}){1,20}/site-packages/")
"""Where this machine keeps its packages, which is nobody's business."""


def log_tail(settings: Settings, request: Request, lines: int = 200) -> str:
    """The last `lines` lines of the log of the current or last attempt; empty when this machine has none.

    A progress bar's rewrites of one line count as one line; terminal codes and the machine's own paths are left out.
    """
    folder = settings.work_dir / "jobs"
    path = folder / f"{request.id}-{request.attempts}" / "log.txt"
    if not re.fullmatch(r"[0-9a-f]{16}", request.id) or not path.is_file():
        return ""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - TAIL_BYTES))
        text = file.read(TAIL_BYTES).decode(errors="replace")
    whole = [line.rstrip("\r").rsplit("\r", 1)[-1] for line in text.split("\n")]
    plain = CONTROL.sub("", "\n".join(whole[-lines:])).strip("\n")
    return INSTALLED.sub("", plain).replace(f"{settings.work_dir.absolute()}/", "")
