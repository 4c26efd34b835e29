"""What submitted code printed, in the job's log: capped over all its processes, without codes for terminals."""

from __future__ import annotations

from pathlib import Path

from leaderboard.results.log_parts import OWN
from leaderboard.results.terminal import shown_text

MOST_BYTES = 1 << 20
MARK = "| "
"""What every line of a submission begins with in the log: none of them can pass for one of ours."""


class Output:
    """Takes over what processes have printed."""

    def __init__(self, show: bool) -> None:
        """`show`: whether the submitter may read it; otherwise it is only counted."""
        self.processes = 0
        """How many were started."""
        self.bytes = 0
        """What they printed in all."""
        self._show = show
        self._left = MOST_BYTES

    def say(self, sentence: str) -> None:
        """A line of our own in the log."""
        print(OWN + sentence, flush=True)

    def add(self, log: Path) -> None:
        """Take over the log of a process that has ended, and delete it."""
        size = log.stat().st_size if log.exists() else 0
        self.bytes += size
        if self._show and size:
            self._copy(log, size)
        log.unlink(missing_ok=True)

    def _copy(self, log: Path, size: int) -> None:
        with log.open("rb") as file:
            text = shown_text(file.read(self._left).decode(errors="replace"))
        for line in text.rstrip("\n").split("\n"):
            print(MARK + line)
        if size > self._left:
            self.say(f"What the package printed after the first {MOST_BYTES:,} bytes is left out.")
        self._left -= min(size, self._left)
