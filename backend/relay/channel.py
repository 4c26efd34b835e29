"""Two named pipes in the job's folder, and the messages on them: JSON, each after its length in four bytes."""

from __future__ import annotations

import json
import os
import struct
import threading
from pathlib import Path
from typing import Any

FOLDER = "relay"
ASK, ANSWER = "ask", "answer"
MOST_ASKED, MOST_ANSWERED = 16 << 20, 256 << 20
"""Bytes of a message to the relay, and to the job."""
LENGTH = struct.Struct("!I")


def make_pipes(scratch: Path) -> None:
    """Make both pipes below a job's scratch folder. Raises OSError."""
    folder = scratch / FOLDER
    folder.mkdir(mode=0o755)
    for name in (ASK, ANSWER):
        os.mkfifo(folder / name)
        # Only root's jobs have users of their own, which are not known yet.
        (folder / name).chmod(0o666 if os.geteuid() == 0 else 0o600)


class Sender:
    """Writes whole messages; safe for threads."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()

    def send(self, message: dict[str, Any]) -> None:
        """Write one message. Raises OSError."""
        content = json.dumps(message, ensure_ascii=False).encode("utf-8", "replace")
        view = memoryview(LENGTH.pack(len(content)) + content)
        with self._lock:
            while view:
                view = view[os.write(self._descriptor, view) :]


def receive(descriptor: int, most: int) -> dict[str, Any] | None:
    """The next message; None when the other side has closed its end.

    Raises ValueError for what is none, or has more than `most` bytes.
    """
    head = _read(descriptor, LENGTH.size)
    if head is None:
        return None
    (size,) = LENGTH.unpack(head)
    if size > most:
        raise ValueError("The message is too long.")
    content = _read(descriptor, size)
    if content is None:
        return None
    message = json.loads(content)
    if not isinstance(message, dict):
        raise ValueError("The message is no object.")
    return message


def _read(descriptor: int, size: int) -> bytes | None:
    parts, left = [], size
    while left:
        part = os.read(descriptor, min(left, 1 << 20))
        if not part:
            return None
        parts.append(part)
        left -= len(part)
    return b"".join(parts)
