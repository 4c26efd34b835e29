"""Landlock: which files a process may open, kept by the kernel. It needs no privilege and no namespace.

https://docs.kernel.org/userspace-api/landlock.html. It hides no names (stat and readlink still answer) and limits no
memory. What version 1 (Linux 5.13) leaves open besides files is closed by the seccomp filter.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable
from pathlib import Path

from backend.sandbox.linux import call

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
VERSION_FLAG = 1
PATH_BENEATH = 1
READ = 1 << 0 | 1 << 2 | 1 << 3
"""Execute, read a file, list a folder."""
FILE_RIGHTS = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 14 | 1 << 15
"""Execute, write, read, truncate, ioctl on a device: what a rule for a plain file may allow."""
RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1, 5: (1 << 16) - 1}
"""All rights on files by version."""
TCP = 0b11
SCOPES = 0b11
"""Abstract sockets and signals."""
SCOPED_SINCE = 6


def version() -> int:
    """Version of Landlock's interface, 0 where the kernel has none."""
    try:
        return call("syscall", CREATE_RULESET, None, 0, VERSION_FLAG)
    except OSError:
        return 0


def restrict(read: Iterable[Path], write: Iterable[Path], sockets: bool = False) -> None:
    """Confine this process and all that it starts to these files and folders, for good. Raises OSError.

    `sockets`: whether TCP stays allowed, for a process whose network is its own. no_new_privs must have been set. Paths
    that do not exist are passed over.
    """
    known = version()
    rights = RIGHTS[min(known, max(RIGHTS))]
    attributes = struct.pack(
        "QQQ", rights, TCP if known >= 4 and not sockets else 0, SCOPES if known >= SCOPED_SINCE else 0
    )
    size = 24 if known >= SCOPED_SINCE else 16 if known >= 4 else 8
    ruleset = call("syscall", CREATE_RULESET, attributes, size, 0)
    try:
        for paths, wanted in ((read, READ), (write, rights)):
            for path in paths:
                _allow(ruleset, path, wanted & rights)
        call("syscall", RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: Path, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        allowed = rights if path.is_dir() else rights & FILE_RIGHTS
        call("syscall", ADD_RULE, ruleset, PATH_BENEATH, struct.pack("=Qi", allowed, place), 0)
    finally:
        os.close(place)
