"""The system calls that Python's standard library lacks."""

from __future__ import annotations

import ctypes
import os
import signal
from pathlib import Path

LIBC = ctypes.CDLL(None, use_errno=True)

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_CAPBSET_DROP = 24
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38

NEW_MOUNTS = 0x00020000
NEW_CGROUP = 0x02000000
NEW_HOSTNAME = 0x04000000
NEW_IPC = 0x08000000
NEW_USER = 0x10000000
NEW_PID = 0x20000000
NEW_NETWORK = 0x40000000

PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}.get(os.uname().machine, -1)
MOUNT_SETATTR = 442
LAST_CAPABILITY = 63
CAPABILITY_VERSION_3 = 0x20080522


def call(name: str, *args: int | str | bytes | Path | None) -> int:
    """A function of libc that returns a negative number and sets errno when it fails. Raises OSError.

    Numbers go as long: the variadic functions syscall() and prctl() would read rubbish above 32 bits.
    """
    words = [ctypes.c_long(arg) if isinstance(arg, int) else _text(arg) for arg in args]
    result: int = getattr(LIBC, name)(*words)
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")
    return result


def _text(arg: str | bytes | Path | None) -> bytes | None:
    return arg if arg is None or isinstance(arg, bytes) else os.fsencode(arg)


def prctl(option: int, value: int) -> None:
    """Change an attribute of this process. Raises OSError."""
    call("prctl", option, value, 0, 0, 0)


def die_with_parent() -> None:
    """Have the kernel kill this process when the thread that forked it ends. Raises OSError."""
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def drop_capabilities() -> None:
    """Give up every capability of this process, and what its programs could get back. Raises OSError."""
    for capability in range(LAST_CAPABILITY + 1):
        LIBC.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)  # fails beyond the last one, and where there are none to drop
    call("capset", CAPABILITY_VERSION_3.to_bytes(4, "little") + bytes(4), bytes(24))
    prctl(PR_SET_NO_NEW_PRIVS, 1)
