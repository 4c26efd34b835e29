"""Linux processes: how a job is tied to its parent, measured, and ended with everything that it started."""

from __future__ import annotations

import contextlib

import psutil

from backend.sandbox import linux

KILL_ROUNDS = 20
"""How often descendants are looked for again: some may just have been starting others."""


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent ends, so that none gets out of sight."""
    linux.prctl(linux.PR_SET_CHILD_SUBREAPER, 1)


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


def count_processes(pid: int) -> int:
    """How many processes `pid` and its descendants are."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return 1 + len(psutil.Process(pid).children(recursive=True))
    return 0
