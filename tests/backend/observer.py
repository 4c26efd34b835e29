"""Sees whether anybody opened a file: the kernel tells, whichever process and namespace it was."""

from __future__ import annotations

import ctypes
import os
import struct
from pathlib import Path
from typing import Self

from tests.contracts.test_executor import until

IN_ACCESS, IN_MODIFY, IN_ATTRIB, IN_OPEN = 0x1, 0x2, 0x4, 0x20
IN_NONBLOCK, IN_CLOEXEC = 0o4000, 0o2000000
EVENT = struct.Struct("iIII")


class Observer:
    """Watches files and folders (what lies in them, not below) from its creation on."""

    def __init__(self, *paths: Path) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._events = until(self._inotify, 60)
        mask = IN_ACCESS | IN_MODIFY | IN_ATTRIB | IN_OPEN
        self._paths = {self._libc.inotify_add_watch(self._events, os.fsencode(path), mask): path for path in paths}
        if min(self._paths) < 0:
            raise OSError(ctypes.get_errno(), "inotify cannot watch")

    def _inotify(self) -> int:
        """A descriptor; 0, so that it is asked for again, while other tests hold all that a user may have."""
        return max(0, int(self._libc.inotify_init1(IN_NONBLOCK | IN_CLOEXEC)))

    def seen(self) -> set[Path]:
        """Which of the paths, or files in them, were touched since the last question."""
        result: set[Path] = set()
        while True:
            try:
                chunk = os.read(self._events, 65536)
            except BlockingIOError:
                return result
            while chunk:
                watch, _, _, length = EVENT.unpack_from(chunk)
                name = chunk[EVENT.size : EVENT.size + length].rstrip(b"\0").decode()
                result.add(self._paths[watch] / name if name else self._paths[watch])
                chunk = chunk[EVENT.size + length :]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._events)
