"""What the kernel tells of changes in folders (inotify): nothing has to be looked at to know that nothing changed.

It tells of what is done on this machine only. So it is not used on file systems that other machines write to, nor
where the kernel refuses; whoever uses it needs another way to see changes.
"""

from __future__ import annotations

import ctypes
import os
import struct
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

LOCAL_FILE_SYSTEMS = {
    0xEF53: "ext", 0x58465342: "xfs", 0x9123683E: "btrfs", 0x01021994: "tmpfs", 0x794C7630: "overlay",
    0xF2F52010: "f2fs", 0x2FC12FC1: "zfs", 0xCA451A4E: "bcachefs", 0x858458F6: "ramfs",
}  # fmt: skip
"""Magic numbers (statfs) of the file systems that only this machine writes to."""
MODIFY, ATTRIB, MOVED_FROM, MOVED_TO, CREATE, DELETE, DELETE_SELF = 0x2, 0x4, 0x40, 0x80, 0x100, 0x200, 0x400
OVERFLOW, IGNORED, IS_FOLDER = 0x4000, 0x8000, 0x40000000
ONLY_FOLDERS, NO_LINKS = 0x01000000, 0x02000000
WATCHED = MODIFY | ATTRIB | MOVED_FROM | MOVED_TO | CREATE | DELETE | DELETE_SELF | ONLY_FOLDERS | NO_LINKS
HEADER = struct.Struct("iIII")
READ_BYTES = 1 << 18


class FolderEvent(NamedTuple):
    """Something changed at `name` in `folder`."""

    folder: str
    name: str
    is_folder: bool


class EventsLost(Exception):
    """More changed than the kernel remembers, or a folder cannot be watched: look at everything."""


class FolderEvents:
    """The changes below `root`, in the folders that are watched. Folders are named relative to it, with a final `/`."""

    def __init__(self, root: Path) -> None:
        """Raises OSError where the kernel tells nothing, or not everything, of `root`."""
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._root = str(root)
        about = ctypes.create_string_buffer(256)
        self._check(self._libc.statfs(os.fsencode(root), about))
        if ctypes.c_ulong.from_buffer(about).value not in LOCAL_FILE_SYSTEMS:
            raise OSError("Other machines may write to this file system.")
        self._handle = self._check(self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
        weakref.finalize(self, os.close, self._handle)
        self._folders: dict[int, str] = {}
        self._watches: dict[str, int] = {}

    def watch(self, folder: str) -> None:
        """Tell of changes in `folder` from now on. Raises FileNotFoundError, OSError when it cannot be watched."""
        if folder not in self._watches:
            place = os.fsencode(f"{self._root}/{folder}")
            number = self._check(self._libc.inotify_add_watch(self._handle, place, WATCHED))
            self._folders[number] = folder
            self._watches[folder] = number

    def forget(self, folder: str) -> None:
        """Tell nothing of `folder` any more."""
        number = self._watches.pop(folder, None)
        if number is not None and self._folders.get(number) == folder:
            del self._folders[number]
            self._libc.inotify_rm_watch(self._handle, number)  # fails where the folder is gone

    def read(self) -> Iterator[FolderEvent]:
        """What changed since the last call. Raises EventsLost."""
        while data := self._available():
            at = 0
            while at < len(data):
                number, mask, _, length = HEADER.unpack_from(data, at)
                name = data[at + HEADER.size : at + HEADER.size + length].rstrip(b"\0")
                at += HEADER.size + length
                folder = self._folders.get(number)
                if mask & OVERFLOW or (folder == "" and mask & (IGNORED | DELETE_SELF)):
                    raise EventsLost
                if folder is not None and name:
                    yield FolderEvent(folder, os.fsdecode(name), bool(mask & IS_FOLDER))

    def _available(self) -> bytes:
        try:
            return os.read(self._handle, READ_BYTES)
        except BlockingIOError:
            return b""

    def _check(self, result: int) -> int:
        if result < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return result
