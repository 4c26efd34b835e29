"""Limits of a job's processes: resource limits everywhere, cgroups where this process may make them."""

from __future__ import annotations

import contextlib
import logging
import os
import resource
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from backend.sandbox.view import View

CGROUPS = Path("/sys/fs/cgroup")
PREFIX = "podium-"
OPEN_FILES = 1024
YOUNG_S = 60

log = logging.getLogger(__name__)


def limit_resources(view: View, addresses: bool = True) -> None:
    """Limit what this process, and each that it starts, may use. Raises OSError.

    `addresses`: whether the address space is limited too, where it does not compute on an accelerator.
    """
    limits = {"CORE": 0, "NOFILE": OPEN_FILES, "MSGQUEUE": 0}
    if view.disk_bytes:
        limits["FSIZE"] = view.disk_bytes
    if view.memory_bytes:
        used = _used()
        limits["DATA"] = used["VmData"] + view.memory_bytes
        if addresses and not view.accelerated:  # a driver of an accelerator reserves far more addresses than memory
            limits["AS"] = used["VmSize"] + 2 * view.memory_bytes
    for name, value in limits.items():
        set_limit(name, value)


def limit_processes(view: View, others: int = 0) -> None:
    """Limit processes and threads of this user, of which `others` are not the job's. Raises OSError.

    The kernel counts by user, and does not count root's.
    """
    set_limit("NPROC", others + view.processes)


def threads_of_user() -> int:
    """How many threads this user has now, in all processes."""
    count = 0
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if process.stat().st_uid == os.getuid():
                count += len(list((process / "task").iterdir()))
    return count


def set_limit(name: str, value: int) -> None:
    """Set a limit, unless a lower one holds already."""
    kind = getattr(resource, f"RLIMIT_{name}")
    _, most = resource.getrlimit(kind)
    allowed = value if most == resource.RLIM_INFINITY else min(value, most)
    resource.setrlimit(kind, (allowed, allowed))


def _used() -> dict[str, int]:
    """Bytes that this process has now: a fork begins with all that its parent had."""
    lines = (line.partition(":") for line in Path("/proc/self/status").read_text().splitlines())
    return {name: int(value.split()[0]) << 10 for name, _, value in lines if name.startswith("Vm")}


class Controller(NamedTuple):
    """A folder in which cgroups for jobs can be made, and how it spells what we need."""

    parent: Path
    memory: str = ""
    processes: str = ""
    swap: str = ""
    """File that limits memory and swap together (version 1), or swap alone (version 2)."""
    kills: str = ""
    """File and field that count processes killed for memory, `FILE FIELD`."""
    peak: str = ""
    """File with the most memory that was used."""
    refusals: str = ""
    """File and field that count refused processes."""


class Cgroup:
    """The cgroups of one job; none where this process may not make any."""

    def __init__(self, name: str, view: View) -> None:
        self.folders: list[tuple[Controller, Path]] = []
        for controller in controllers():
            folder = controller.parent / f"{PREFIX}{name}"
            try:
                folder.mkdir(exist_ok=True)
                if controller.memory and view.memory_bytes:
                    (folder / controller.memory).write_text(str(view.memory_bytes))
                    self._limit_swap(folder / controller.swap, view.memory_bytes)
                if controller.processes:
                    (folder / controller.processes).write_text(str(view.processes))
            except OSError as error:
                log.warning("No cgroup limits a job in %s: %s", controller.parent, error)
                continue
            self.folders.append((controller, folder))

    def _limit_swap(self, file: Path, memory_bytes: int) -> None:
        """Let nothing be swapped beyond the limit of memory, where the kernel counts swap."""
        with contextlib.suppress(OSError):
            file.write_text("0" if file.name == "memory.swap.max" else str(memory_bytes))

    def enter(self) -> None:
        """Put this process, and so all that it starts, under the limits. Raises OSError."""
        for _, folder in self.folders:
            (folder / "cgroup.procs").write_text("0")  # the writer, whatever its pid is called elsewhere

    def ran_out_of_memory(self) -> bool:
        """Whether the kernel killed one of its processes for memory."""
        return any(_count(folder, controller.kills) for controller, folder in self.folders)

    def refused_processes(self) -> bool:
        """Whether the kernel refused it a process."""
        return any(_count(folder, controller.refusals) for controller, folder in self.folders)

    @property
    def limits_memory(self) -> bool:
        """Whether it holds the limit of memory."""
        return any(controller.memory for controller, _ in self.folders)

    @property
    def limits_processes(self) -> bool:
        """Whether it holds the limit of processes."""
        return any(controller.processes for controller, _ in self.folders)

    def peak_bytes(self) -> int:
        """Most memory that its processes had together; 0 where nobody counted."""
        for controller, folder in self.folders:
            with contextlib.suppress(OSError, ValueError):
                if controller.peak:
                    return int((folder / controller.peak).read_text())
        return 0

    def remove(self) -> None:
        """Forget them and those of programs that the job started, once all their processes have ended."""
        for _, folder in self.folders:
            for ended in (folder, *folder.parent.glob(f"{folder.name}.*")):
                with contextlib.suppress(OSError):
                    ended.rmdir()


def _count(folder: Path, where: str) -> int:
    """The number that `FILE FIELD` of a cgroup has; 0 where there is none."""
    file, _, field = where.partition(" ")
    with contextlib.suppress(OSError, ValueError):
        counts = dict(line.split() for line in (folder / file).read_text().splitlines()) if file else {}
        return int(counts.get(field, 0))
    return 0


def controllers() -> Iterator[Controller]:
    """Where this process may make cgroups: version 1's controllers, else a delegated folder of version 2."""
    spelled = (
        Controller(
            CGROUPS / "memory",
            memory="memory.limit_in_bytes",
            swap="memory.memsw.limit_in_bytes",
            kills="memory.oom_control oom_kill",
            peak="memory.max_usage_in_bytes",
        ),
        Controller(CGROUPS / "pids", processes="pids.max", refusals="pids.events max"),
    )
    first = [path for path in spelled if (path.parent / "cgroup.procs").exists() and os.access(path.parent, os.W_OK)]
    if first:
        yield from first
        return
    delegated = _delegated()
    if delegated is not None:
        yield Controller(
            delegated,
            memory="memory.max",
            processes="pids.max",
            swap="memory.swap.max",
            kills="memory.events oom_kill",
            peak="memory.peak",
            refusals="pids.events max",
        )


def _delegated() -> Path | None:
    """The parent of our own cgroup (systemd: Delegate=yes, DelegateSubgroup=), where it hands out both controllers."""
    parent = (CGROUPS / _own_cgroup().lstrip("/")).parent
    try:
        handed_out = (parent / "cgroup.subtree_control").read_text().split()
    except OSError:
        return None
    usable = {"memory", "pids"} <= set(handed_out) and os.access(parent, os.W_OK)
    return parent if usable and parent != CGROUPS.parent else None


def _own_cgroup() -> str:
    """The cgroup of version 2 that this process is in."""
    lines = Path("/proc/self/cgroup").read_text().splitlines()
    return next((line.removeprefix("0::") for line in lines if line.startswith("0::")), "/")


def name_of_program() -> str:
    """What the cgroups of a program are called: `JOB.RANDOM`, after the job that this process belongs to, if any."""
    names = [line.rpartition("/")[2] for line in Path("/proc/self/cgroup").read_text().splitlines()]
    jobs = [name.removeprefix(PREFIX) for name in names if name.startswith(PREFIX)]
    return f"{jobs[0] if jobs else 'program'}.{os.urandom(6).hex()}"


def sweep() -> None:
    """Remove the empty cgroups that a killed service left behind.

    One that holds a process cannot be removed; a young one may be another service's, about to be entered.
    """
    for controller in controllers():
        for folder in controller.parent.glob(f"{PREFIX}*"):
            with contextlib.suppress(OSError):
                if time.time() - folder.stat().st_ctime > YOUNG_S:
                    folder.rmdir()
