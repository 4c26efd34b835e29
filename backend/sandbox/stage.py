"""Where a program's files are put together: a mount namespace in which only this process and bubblewrap are.

Folders that other users cannot reach (below a home folder of mode 0700) are bound to places that they can, and what
the program may write is memory of bounded size, so that nothing it writes reaches a disk before it has ended.
Light to import: standard library only.
"""

from __future__ import annotations

import os
from pathlib import Path

from backend.sandbox import linux
from backend.sandbox.namespaces import BIND, NO_DEVICES, NO_SUID, PRIVATE, map_ids

PLACE = Path("/sys/kernel")
"""Covered in that namespace: a folder that every machine has and no program sees."""
FIRST_UID, UIDS = 61500, 3500
"""The users that programs of root run as, one of them each."""


class Stage:
    """Makes the namespace; the process stays in it. Raises OSError where the kernel does not allow it."""

    def __init__(self) -> None:
        self.privileged = os.geteuid() == 0 and _is_everybody()
        """Whether it can be another user, as root of the machine and of a container can."""
        self.uid, self.gid = os.geteuid(), os.getegid()
        linux.call("unshare", linux.NEW_MOUNTS | (0 if self.privileged else linux.NEW_USER))
        if self.privileged:
            self.uid = self.gid = FIRST_UID + int.from_bytes(os.urandom(2)) % UIDS
        else:
            map_ids(self.uid, self.uid, self.gid)
        linux.call("mount", "none", "/", None, PRIVATE, None)
        linux.call("mount", "tmpfs", PLACE, "tmpfs", NO_SUID | NO_DEVICES, "size=1m,mode=755")
        self._count = 0

    def bind(self, source: Path) -> Path:
        """Another path of `source`, which everybody can reach. Raises OSError."""
        if not self.privileged:
            return source
        place = self._next()
        if source.is_dir():
            place.mkdir()
        else:
            place.touch()
        linux.call("mount", source, place, None, BIND, None)
        return place

    def memory(self, most_bytes: int, most_files: int, mode: str = "755") -> Path:
        """A folder in memory that belongs to the program. Raises OSError."""
        place = self._next()
        place.mkdir()
        options = f"size={most_bytes},nr_inodes={most_files + 1},mode={mode},uid={self.uid},gid={self.gid}"
        linux.call("mount", "tmpfs", place, "tmpfs", NO_SUID | NO_DEVICES, options)
        return place

    def hand_over(self, folder: Path) -> None:
        """Give what is in `folder` to the program. Raises OSError."""
        if self.privileged:
            for above, folders, files in os.walk(folder):
                for name in (*folders, *files):
                    os.chown(Path(above, name), self.uid, self.gid, follow_symlinks=False)

    def leave_rights(self) -> None:
        """In the process that becomes bubblewrap: go on as the program's user. Raises OSError."""
        if self.privileged:
            os.setgroups([])
            os.setresgid(self.gid, self.gid, self.gid)
            os.setresuid(self.uid, self.uid, self.uid)

    def _next(self) -> Path:
        self._count += 1
        return PLACE / str(self._count)


def _is_everybody() -> bool:
    """Whether the users of programs exist in this user namespace."""
    ranges = [line.split() for line in Path("/proc/self/uid_map").read_text().splitlines()]
    return any(int(first) <= FIRST_UID and int(first) + int(count) >= FIRST_UID + UIDS for first, _, count in ranges)


def is_full(folder: Path) -> bool:
    """Whether a folder of `memory` takes nothing more."""
    place = os.statvfs(folder)
    return place.f_bavail == 0 or place.f_ffree == 0


def used_bytes(folder: Path) -> int:
    """What is in a folder of `memory`."""
    place = os.statvfs(folder)
    return (place.f_blocks - place.f_bfree) * place.f_frsize
