"""Linux processes: how a job is tied to its parent, measured, and ended with everything that it started."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal

import psutil

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
KILL_ROUNDS = 20
"""How often descendants are looked for again: some may just have been starting others."""


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent ends, so that none gets out of sight."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)


def die_with(parent: int) -> None:
    """Have the kernel kill this process when the thread that forked it (in process `parent`) ends."""
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def kill_tree(pid: int) -> None:
    """Kill process `pid` and all its descendants; it is stopped first, so that it starts no more of them."""
    with contextlib.suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        root.suspend()
        for _ in range(KILL_ROUNDS):
            living = [process for process in root.children(recursive=True) if is_alive(process)]
            if not living:
                break
            for process in living:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            psutil.wait_procs(living, timeout=0.05)
        root.kill()


def is_alive(process: psutil.Process) -> bool:
    """Whether it still runs; one that has ended and was not waited for does not."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def private_bytes(pid: int) -> int:
    """Memory of process `pid` and its descendants that no other process shares, swapped pages included."""
    total = 0
    with contextlib.suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        for process in [root, *root.children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                full = process.memory_full_info()
                total += full.uss + full.swap
    return total
