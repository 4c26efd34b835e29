"""A log of bounded size: its beginning as it is written, and its end once it has ended.

Light to import: standard library only.
"""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType

WORDS = 500
TAIL = 4
"""One part in so many is kept for the end."""


class CappedLog:
    """Appends to a file at most about `most_bytes`. Raises OSError where the file cannot be opened or is a link."""

    def __init__(self, path: Path, most_bytes: int) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        self._file = os.open(path, flags, 0o644)
        self._tail_bytes = most_bytes // TAIL
        self._room = most_bytes - self._tail_bytes
        self._tail = b""
        self._dropped = 0
        self.last_words = b""
        """The end of what was written."""

    def write(self, chunk: bytes) -> None:
        """Add what the program wrote."""
        self.last_words = (self.last_words + chunk[-WORDS:])[-WORDS:]
        head, rest = chunk[: self._room], chunk[self._room :]
        if head:
            os.write(self._file, head)
            self._room -= len(head)
        kept = (self._tail + rest)[-self._tail_bytes :] if self._tail_bytes else b""
        self._dropped += len(self._tail) + len(rest) - len(kept)
        self._tail = kept

    def __enter__(self) -> CappedLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write the end, and how much is missing before it."""
        if self._dropped:
            os.write(self._file, f"\n[{self._dropped} bytes of the log were left out here]\n".encode())
        os.write(self._file, self._tail)
        os.close(self._file)
