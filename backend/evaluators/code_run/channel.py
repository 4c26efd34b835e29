"""Our end of the private pipe to a process with submitted code: every read and write has a deadline."""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from typing import Any

from backend.evaluators.code_run.inside.messages import Most, Piece, pack, unpack

BUFFER_BYTES = 1 << 20
"""Of the socket: a message of this size is written in one go."""


class Channel:
    """A connected pair of sockets, of which the process inherits one."""

    def __init__(self) -> None:
        self._ours, self.theirs = socket.socketpair()
        for end in (self._ours, self.theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)

    def handed_over(self) -> None:
        """Close the end that the process has inherited by now, so that its end is seen here."""
        self.theirs.close()

    def send(self, value: Any, deadline: float) -> None:
        """Write a message until `deadline` (monotonic seconds). Raises TimeoutError, ConnectionError."""
        for piece in _joined(pack(value)):
            self._ours.settimeout(_left(deadline))
            self._ours.sendall(piece)

    def receive(self, deadline: float, most: Most) -> Any:
        """Read a message until `deadline`. Raises TimeoutError, EOFError, ConnectionError, BadMessage."""

        def read(size: int) -> bytearray:
            buffer = bytearray(size)
            view = memoryview(buffer)
            while view:
                self._ours.settimeout(_left(deadline))
                count = self._ours.recv_into(view)
                if not count:
                    raise EOFError
                view = view[count:]
            return buffer

        return unpack(read, most)

    def close(self) -> None:
        """Close both ends."""
        self._ours.close()
        self.theirs.close()


def _joined(pieces: Sequence[Piece]) -> list[Piece]:
    """The same with small pieces put together: one write for each costs more than the copy."""
    return [b"".join(pieces)] if sum(len(piece) for piece in pieces) < BUFFER_BYTES else list(pieces)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
