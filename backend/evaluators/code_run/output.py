"""What submitted code printed, in the job's log: capped over all its processes, without codes for terminals."""

from __future__ import annotations

from pathlib import Path

from leaderboard.results.log_parts import say
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
        self._taken = 0
        """Bytes of the log of the process that runs, which were taken over already."""

    def follow(self, log: Path) -> None:
        """Take over the whole lines that a running process has added to its log."""
        self._take(log, ended=False)

    def add(self, log: Path) -> None:
        """Take over what is left of the log of a process that has ended, and delete it."""
        if log.exists():
            self._take(log, ended=True)
            self.bytes += log.stat().st_size
            log.unlink()
        self._taken = 0

    def _take(self, log: Path, ended: bool) -> None:
        if not self._show or not self._left or not log.exists():
            return
        with log.open("rb") as file:
            file.seek(self._taken)
            content = file.read(self._left + 1)
        if not ended:
            content = content[: content.rfind(b"\n") + 1]
        self._taken += len(content)
        shown = content[: self._left]
        self._left -= len(shown)
        if shown:
            text = shown_text(shown.decode(errors="replace")).rstrip("\n")
            print("\n".join(MARK + line for line in text.split("\n")), flush=True)
        if len(content) > len(shown):
            say(f"What the package printed after the first {MOST_BYTES:,} bytes is left out.")
