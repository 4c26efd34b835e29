"""What programs print, copied into the job's log while they run: bounded, and never mistaken for a line of ours."""

from __future__ import annotations

import threading
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import IO

from leaderboard.results.log_parts import OWN, say
from leaderboard.results.terminal import shown_text

HEAD_BYTES = 12 * 1024
"""What is copied of a program's output from its beginning."""
TAIL_BYTES = 8 * 1024
"""What is copied of its end, when it is longer. The job's log is read by its last 64 KiB."""
MOST_LINE = 2000
"""Characters of one line that are copied."""
CHUNK_BYTES = 64 * 1024
LOOK_S = 0.2


def plain(line: str) -> str:
    """A line of a program as the log shows it: what a progress bar said last, no codes, and no line of ours."""
    shown = next((part for part in reversed(line.split("\r")) if part.strip()), "")
    text = shown_text(shown)[:MOST_LINE]
    return f" {text}" if text.startswith(OWN.strip()) else text


class LiveLog:
    """Follows the file that a program prints into, for the length of a `with` block, in a thread of its own."""

    def __init__(self, file: Path, shown: bool = True) -> None:
        """`shown`: whether what is printed is copied; what the organiser hides is not."""
        self._file = file
        self._shown = shown
        self._ended = threading.Event()
        self._copied = 0
        self._left_out = 0
        self._tail: deque[str] = deque()
        self._tail_bytes = 0
        self._thread = threading.Thread(target=self._follow, name=f"log-{file.name}", daemon=True)

    def __enter__(self) -> None:
        if self._shown:
            self._thread.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        if self._shown:
            self._thread.join()

    def _follow(self) -> None:
        while not self._file.exists():
            if self._ended.wait(LOOK_S):
                break
        if not self._file.exists():
            return
        with self._file.open("rb") as file:
            rest = b""
            while not self._ended.wait(LOOK_S):
                rest = self._take(file, rest)
            rest = self._take(file, rest)
        if rest:
            self._add(rest)
        if self._left_out:
            say(f"{self._left_out:,} bytes of its output are left out here.")
        for line in self._tail:
            print(line, flush=True)

    def _take(self, file: IO[bytes], rest: bytes) -> bytes:
        """Copy the whole lines that were written since; the beginning of the one that is not whole yet."""
        while chunk := file.read(CHUNK_BYTES):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._add(line)
            if len(rest) > CHUNK_BYTES:
                self._add(rest)
                rest = b""
        return rest

    def _add(self, line: bytes) -> None:
        text = plain(line.decode(errors="replace"))
        size = len(text.encode()) + 1
        if self._copied + size <= HEAD_BYTES and not self._tail:
            self._copied += size
            print(text, flush=True)
            return
        self._tail.append(text)
        self._tail_bytes += size
        while self._tail_bytes > TAIL_BYTES:
            dropped = len(self._tail.popleft().encode()) + 1
            self._tail_bytes -= dropped
            self._left_out += dropped


def last_line(file: Path, most: int = 300) -> str:
    """The last line of a program's output that says something, for a sentence; empty when there is none."""
    try:
        with file.open("rb") as source:
            source.seek(0, 2)
            source.seek(max(0, source.tell() - TAIL_BYTES))
            lines = source.read(TAIL_BYTES).decode(errors="replace").split("\n")
    except FileNotFoundError:
        return ""
    return next((shown[:most] for line in reversed(lines) if (shown := plain(line).strip())), "")
