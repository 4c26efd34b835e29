"""The local executor's helper: it imports what jobs need once, then forks a child for every job.

`python -m backend.executors.forkserver [MODULE ...]` imports the modules and reads commands, one JSON object a line:

    {"start": NAME, "workdir": PATH, "wall_seconds": N, "memory_bytes": N}      {"cancel": NAME}

and writes events: {"ready": SECONDS}, {"running": NAME, "pid": N}, {"ended": NAME, "reason": "", "exit": N, "peak": N}.
A child's environment is this process's own. When the commands end, because the scheduler closed them or died, every
job is killed: what nobody waits for must not run on.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import resource
import select
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import psutil

from backend.executors.processes import adopt_orphans, die_with, kill_tree, private_bytes

LOOK_S = 0.5
"""Seconds between two looks at the jobs' time and memory."""


@dataclass
class Child:
    """One running job."""

    name: str
    pid: int
    deadline: float
    memory_bytes: int
    reason: str = ""
    """Why it was killed."""
    peak: int = 0
    """Most private memory seen, in bytes."""


class Forkserver:
    """Forks jobs, watches their limits and says how they ended. One thread, so that forking is safe."""

    def __init__(self, commands: int, events: int) -> None:
        self.commands = commands
        self.events = events
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
            kill_tree(pid)
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
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._become(parent, Path(command["workdir"]))
        wall = command["wall_seconds"]
        deadline = time.monotonic() + wall if wall else float("inf")
        self.children[pid] = Child(command["start"], pid, deadline, command["memory_bytes"])
        self._tell(running=command["start"], pid=pid)

    def _become(self, parent: int, workdir: Path) -> NoReturn:
        """In the child: turn into the job, and end with it."""
        code = 1
        try:
            die_with(parent)
            adopt_orphans()
            os.setsid()
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for descriptor in (self.commands, self.events, self._wake_in, self._wake_out):
                os.close(descriptor)
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            Path("/proc/self/oom_score_adj").write_text("1000")
            log = os.open(workdir / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            for descriptor in (1, 2):
                os.dup2(log, descriptor)
            from backend import job

            job.run(workdir)
            code = 0
        finally:
            error = sys.exception()
            if error is not None:
                traceback.print_exception(error)
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def _look(self) -> None:
        """Kill the jobs that are over their time or memory."""
        for child in list(self.children.values()):
            if child.reason:
                continue
            child.peak = max(child.peak, private_bytes(child.pid))
            if time.monotonic() > child.deadline:
                self._kill(child, "wall_limit")
            elif child.memory_bytes and child.peak > child.memory_bytes:
                self._kill(child, "memory_limit")

    def _kill(self, child: Child, reason: str) -> None:
        child.reason = child.reason or reason
        kill_tree(child.pid)

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
                code = os.waitstatus_to_exitcode(status)
                self._tell(ended=child.name, reason=child.reason, exit=code, peak=child.peak)
            for orphan in {process.pid for process in psutil.Process().children()} - self.children.keys():
                kill_tree(orphan)

    def _tell(self, **event: object) -> None:
        try:
            os.write(self.events, json.dumps(event).encode() + b"\n")
        except BrokenPipeError:
            return


def main(modules: Sequence[str]) -> None:
    """Import the modules, then serve: commands on standard input, events on standard output, nothing else there."""
    began = time.monotonic()
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    commands, events = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    for module in modules:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()
    server = Forkserver(commands, events)
    server._tell(ready=round(time.monotonic() - began, 2))
    server.serve()


if __name__ == "__main__":
    main(sys.argv[1:])
