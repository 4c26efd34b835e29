"""The local executor's helper: it imports what jobs need once, then forks a child for every job, into the sandbox.

`python -m backend.executors.forkserver ROOT LAYERS [MODULE ...]` (see backend.sandbox; LAYERS joined by commas) imports
the modules and reads commands, one JSON object a line:

    {"start": NAME, "workdir": PATH, "wall_seconds": N, "memory_bytes": N, "environment": {}, "accelerators": null}
    {"cancel": NAME}

(`environment`: variables of this job alone; `accelerators`: see View) and writes events: {"ready": SECONDS},
{"running": NAME, "pid": N}, {"ended": NAME, "reason": "", "exit": N, "peak": N}. Beside its own variables a child's
environment is this process's, which has never held a secret. When the commands end, because the scheduler closed them
or died, every job is killed: what nobody waits for must not run on.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from backend.executors.confined import NOT_CONFINED, become_job, exit_code
from backend.executors.processes import adopt_orphans, count_processes, kill_tree, private_bytes
from backend.sandbox import Layer, Sandbox
from backend.sandbox.limits import Cgroup, sweep
from backend.workdir import Workdir
from leaderboard.errors import Unreadable

LOOK_S = 0.5
"""Seconds between two looks at the jobs' limits."""


@dataclass
class Child:
    """One running job."""

    name: str
    pid: int
    slot: int
    workdir: Workdir
    cgroup: Cgroup
    deadline: float
    memory_bytes: int
    disk_bytes: int
    processes: int
    reason: str = ""
    """Why it was killed."""
    peak: int = 0
    """Most private memory seen, in bytes."""


class Forkserver:
    """Forks jobs, watches their limits and says how they ended. One thread, so that forking is safe."""

    def __init__(self, commands: int, events: int, sandbox: Sandbox) -> None:
        self.commands = commands
        self.events = events
        self.sandbox = sandbox
        self.children: dict[int, Child] = {}
        self._rest = b""
        self._wake_out, self._wake_in = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(self._wake_in, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        adopt_orphans()

    def serve(self) -> None:
        """Work until the commands end."""
        looked = 0.0
        while True:
            ready, _, _ = select.select([self.commands, self._wake_out], [], [], LOOK_S if self.children else None)
            if self._wake_out in ready:
                os.read(self._wake_out, 4096)
            if self.commands in ready and not self._read():
                break
            self._reap()
            if time.monotonic() - looked >= LOOK_S:
                looked = time.monotonic()
                self._look()
        for pid in list(self.children):
            self._end(pid)
        self._reap(wait=True)

    def _read(self) -> bool:
        """Obey the commands that have arrived; False at their end."""
        chunk = os.read(self.commands, 65536)
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            command = json.loads(line)
            if "start" in command:
                self._start(command)
            for child in [child for child in self.children.values() if child.name == command.get("cancel")]:
                self._kill(child, "cancelled")
        return bool(chunk)

    def _start(self, command: dict[str, Any]) -> None:
        workdir = Workdir(Path(command["workdir"]))
        try:
            view = workdir.options().view
            slot = min(set(range(len(self.children) + 1)) - {child.slot for child in self.children.values()})
            cgroup = Cgroup(command["start"], view)
            pid = self.sandbox.fork()
        except (OSError, Unreadable) as error:
            print(f"Job {workdir.name} could not be forked: {error}", file=sys.stderr, flush=True)
            self._tell(ended=command["start"], reason="not_forked", exit=0, peak=0)
            return
        if pid == 0:
            become_job(workdir, self.sandbox, slot, cgroup, command["environment"], command["accelerators"])
        wall = command["wall_seconds"]
        deadline = time.monotonic() + wall if wall else float("inf")
        limits = command["memory_bytes"], view.disk_bytes, view.processes
        self.children[pid] = Child(command["start"], pid, slot, workdir, cgroup, deadline, *limits)
        self._tell(running=command["start"], pid=0 if self.sandbox.own_processes else pid)

    def _look(self) -> None:
        """Kill the jobs that are over a limit."""
        for child in list(self.children.values()):
            if child.reason:
                continue
            child.peak = max(child.peak, private_bytes(child.pid))
            if time.monotonic() > child.deadline:
                self._kill(child, "wall_limit")
            elif child.cgroup.ran_out_of_memory() or 0 < child.memory_bytes < child.peak:
                self._kill(child, "memory_limit")
            elif child.disk_bytes and child.workdir.written(child.disk_bytes) > child.disk_bytes:
                self._kill(child, "disk_limit")
            elif count_processes(child.pid) > child.processes:
                self._kill(child, "process_limit")

    def _kill(self, child: Child, reason: str) -> None:
        child.reason = child.reason or reason
        self._end(child.pid)

    def _end(self, pid: int) -> None:
        """Kill a job and all that it started; where it is pid 1 of a namespace, the kernel does the latter."""
        if self.sandbox.own_processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        else:
            kill_tree(pid)

    def _reap(self, wait: bool = False) -> None:
        """Collect the ended children. One that is no job was left behind by an ended job: it is killed."""
        while True:
            try:
                pid, status = os.waitpid(-1, 0 if wait else os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            child = self.children.pop(pid, None)
            if child is not None:
                self._settle(child, exit_code(status, self.sandbox.own_processes))
            for orphan in {process.pid for process in psutil.Process().children()} - self.children.keys():
                kill_tree(orphan)

    def _settle(self, child: Child, code: int) -> None:
        """Tell how a job ended."""
        if not child.reason and child.cgroup.ran_out_of_memory():
            child.reason = "memory_limit"
        elif code == NOT_CONFINED:
            child.reason = child.reason or "not_forked"
        child.cgroup.remove()
        self._tell(ended=child.name, reason=child.reason, exit=code, peak=child.peak)

    def _tell(self, **event: object) -> None:
        try:
            os.write(self.events, json.dumps(event).encode() + b"\n")
        except BrokenPipeError:
            return


def main(root: str, layers: str, *modules: str) -> None:
    """Import the modules, then serve: commands on standard input, events on standard output, nothing else there."""
    began = time.monotonic()
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    commands, events = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    sweep()
    sandbox = Sandbox([Layer(name) for name in layers.split(",") if name], Path(root))
    sandbox.isolate()
    gc.disable()  # imports make many objects and no garbage: the search takes a third of their time
    for module in modules:
        importlib.import_module(module)
    gc.freeze()
    gc.enable()
    server = Forkserver(commands, events, sandbox)
    server._tell(ready=round(time.monotonic() - began, 2))
    server.serve()


if __name__ == "__main__":
    main(*sys.argv[1:])
