"""The sandbox of jobs: each is confined before it opens its first input, and sees only its View.

Two layers, both where both can be had: namespaces (a file system, processes and a network of its own) and Landlock
(which files may be opened). Both come with a seccomp filter, resource limits, no capabilities and no open files but
the log. What makes them and what runs in them uses the standard library and libseccomp only, without any secret.

Programs of strangers, which are hostile on purpose, have a sandbox of their own: see programs.py.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from enum import StrEnum
from pathlib import Path

from backend.sandbox import landlock, linux
from backend.sandbox.limits import limit_processes, limit_resources, threads_of_user
from backend.sandbox.namespaces import Namespaces
from backend.sandbox.seccomp import Seccomp
from backend.sandbox.view import View

__all__ = ["Layer", "Sandbox", "View", "entered"]

SELF = ("/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/filesystems")
"""What of the machine's /proc a job may read where it has none of its own."""
OWN = ("/proc", "/etc/passwd")
"""What is its own where it has namespaces."""


class Layer(StrEnum):
    """One way to keep a job from what is not its own."""

    NAMESPACES = "namespaces"
    LANDLOCK = "landlock"


_entered: list[Layer] = []


def entered() -> tuple[Layer, ...]:
    """The layers that confine this process."""
    return tuple(_entered)


class Sandbox:
    """Forks jobs and confines them. Made, and isolated, once in a process without secrets, before any thread."""

    def __init__(self, layers: Collection[Layer], root: Path) -> None:
        """`root` is an empty folder for Namespaces; without layers nothing is confined. Raises OSError."""
        self.layers = tuple(Layer(layer) for layer in layers)
        self._namespaces = Namespaces(root) if Layer.NAMESPACES in self.layers else None
        signals_stay_inside = self._namespaces is not None or landlock.version() >= landlock.SCOPED_SINCE
        self._seccomp = Seccomp(signals_stay_inside) if self.layers else None
        self._with_sockets = Seccomp(signals_stay_inside, sockets=True) if self._namespaces else None

    @property
    def own_processes(self) -> bool:
        """Whether a job's processes end with its first one, and are counted by themselves."""
        return self._namespaces is not None

    def isolate(self) -> None:
        """Get ready to fork jobs. With namespaces the caller goes on in a child. Raises OSError."""
        if self._namespaces:
            self._namespaces.isolate()

    def fork(self) -> int:
        """As os.fork, for a child that will `enter`. Raises OSError."""
        return self._namespaces.fork() if self._namespaces else os.fork()

    def enter(self, view: View, slot: int) -> None:
        """In the child: confine this process for good, `slot` being its number among those running. Raises OSError."""
        if view.supervises:
            if self._namespaces:
                self._namespaces.supervise()
            return
        if self._namespaces:
            self._namespaces.enter(view, slot)
        elif self.layers:
            limit_resources(view)
            limit_processes(view, threads_of_user())
            linux.drop_capabilities()
        sockets = view.sockets and self._namespaces is not None  # elsewhere they would reach the machine's network
        if Layer.LANDLOCK in self.layers:
            around = map(Path, OWN if self._namespaces else SELF)
            shared_memory = [Path("/dev/shm")] if self._namespaces else []
            landlock.restrict((*view.readable(), *around), (*view.write, *view.devices(), *shared_memory), sockets)
        seccomp = self._with_sockets if sockets else self._seccomp
        if seccomp:
            seccomp.load()
        _entered[:] = self.layers
