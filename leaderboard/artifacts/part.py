"""The bytes of an upload on disk, written by one at a time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from leaderboard.errors import NotFound, NotPossible, TooLarge


@contextmanager
def exclusively(path: Path) -> Iterator[BinaryIO]:
    """The file for reading and writing, while nobody else has it; the lock ends with the process that holds it.

    Raises NotPossible while somebody else has it, NotFound when it is gone.
    """
    try:
        file = path.open("r+b")
    except FileNotFoundError:
        raise NotFound("This upload has ended.") from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise NotPossible("Another connection sends this upload. Wait for its end, or end it.") from None
        yield file


class Part:
    """What has come of `size` bytes."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._size = size
        self.offset = file.seek(0, os.SEEK_END)

    @property
    def left(self) -> int:
        """Bytes that are missing."""
        return self._size - self.offset

    def check(self, more: int) -> None:
        """Raises TooLarge where `more` bytes are more than are missing."""
        if more > self.left:
            raise TooLarge(
                f"You announced {self._size:,} bytes, and {self.offset:,} of them are here; {more:,} more do not fit. "
                "Announce the file anew with its true size."
            )

    def write(self, data: bytes) -> None:
        """Append. Raises TooLarge, and then writes nothing; OSError."""
        self.check(len(data))
        self._file.write(data)
        self._file.flush()
        self.offset += len(data)
