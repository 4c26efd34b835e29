"""A worker whose clock jumps: `python -m scripts.jumping_clock FILE`, with the seconds it is ahead in FILE.

What Podium's own code asks of the clock jumps. (libfaketime 0.9.10 makes `time.sleep` of Python 3.11 fail.)
"""

from __future__ import annotations

import sys
import time
from datetime import datetime, tzinfo
from pathlib import Path

from backend.commands.worker import main

PACKAGES = ("backend", "leaderboard")
real_time = time.time


def install(file: Path) -> None:
    """Let `time.time` and `datetime.now` be ahead by the seconds in `file`; the monotonic clock stays."""

    def jumping_time() -> float:
        return real_time() + float(file.read_text() or 0)

    class JumpingDatetime(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> JumpingDatetime:
            return cls.fromtimestamp(jumping_time(), tz)

    time.time = jumping_time
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in PACKAGES and getattr(module, "datetime", None) is datetime:
            module.datetime = JumpingDatetime  # type: ignore[attr-defined]


if __name__ == "__main__":
    install(Path(sys.argv[1]))
    sys.exit(main())
