"""The process beside one program: puts its files together, starts bubblewrap, watches the limits, fetches the output.

It reads one line from standard input (an Order as JSON), and when that input ends before the program does, because the
supervisor closed it or died, it ends the program. It writes one line to standard output: how the program ended. Its
environment is empty. backend/sandbox/programs.py starts it. Light to import: standard library only.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from backend.sandbox import bubblewrap, linux
from backend.sandbox.capped_log import CappedLog
from backend.sandbox.gate import VARIABLES, Gate
from backend.sandbox.limits import Cgroup, limit_resources, name_of_program, set_limit, threads_of_user
from backend.sandbox.process_tree import children, descendants, private_bytes
from backend.sandbox.seccomp import ProgramSeccomp
from backend.sandbox.stage import Stage, is_full, used_bytes
from backend.sandbox.trees import Limits, TreeRefused, copy_tree
from backend.sandbox.view import View

LOOK_S = 0.1
LOOK_AT_MEMORY_S = 0.5
GRACE_S = 1.0
"""Between SIGTERM and SIGKILL."""
OWN_PROCESSES = 2
"""bubblewrap's."""
SPARE_PROCESSES = 8
"""By which the limit of a user is higher than that of a cgroup, which says when it was met."""
NOT_STARTED = 71
DRAIN_S = 5.0
READ = 1 << 16
NICE = 5
NO_SUCH_COMMAND = "bwrap: execvp "
"""How bubblewrap begins to say that everything worked but the command itself."""
STDERR = 2


@dataclass(frozen=True, kw_only=True)
class ProgramOrder:
    """A program as its supervisor orders it (see backend/sandbox/programs.py), whatever runs it."""

    command: list[str]
    mounts: list[tuple[str, str, bool, bool]]
    """Source, target, whether it is written, and by several programs at a time."""
    devices: list[str]
    cwd: str
    environment: dict[str, str]
    wall_seconds: float
    memory_bytes: int
    processes: int
    tmp_bytes: int
    disk_bytes: int
    disk_files: int
    log: str
    log_bytes: int


@dataclass(frozen=True, kw_only=True)
class Order(ProgramOrder):
    """One that bubblewrap runs."""

    bwrap: str
    python: str
    prefixes: list[str]
    descriptors: list[int]
    allowed_hosts: list[str]


class Output(NamedTuple):
    """A folder that the program writes, in memory, and where its contents go."""

    place: Path
    into: Path


class Launch:
    """One program, from its files to its end."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self.limits = Limits(order.disk_bytes, order.disk_files)
        view = View(memory_bytes=order.memory_bytes, processes=order.processes + OWN_PROCESSES)
        self.cgroup = Cgroup(name_of_program(), view)
        self.outputs: list[Output] = []
        self.memories: list[Path] = []
        """Everything in memory that it may write."""
        self.binds: list[bubblewrap.Bind] = []
        self.devices: list[bubblewrap.Bind] = []
        self.reason = self.message = self.last_words = ""
        self.gate: Gate | None = None
        """Where it may reach hosts."""
        self.init: int | None = None
        """Number of the program's pid 1."""
        self.code: int | None = None
        self.peak = 0
        """Most memory, where no cgroup counts."""
        self._status = b""
        self._look_again = 0.0

    def run(self) -> dict[str, Any]:
        """How the program ended, with its output in place. Raises OSError and TreeRefused before it was started."""
        try:
            stage = self._put_together()
            began = time.monotonic()
            self._start_and_watch(stage)
            seconds = time.monotonic() - began
            self._find_reason()
            self._fetch()
        finally:
            peak = self.cgroup.peak_bytes() or self.peak
            self.cgroup.remove()
        return {
            "code": self.code, "reason": self.reason, "seconds": round(seconds, 3), "peak_bytes": peak,
            "message": self.message,
        }  # fmt: skip

    def _put_together(self) -> Stage:
        stage, order = Stage(), self.order
        for source, target, write, shared in order.mounts:
            if write and not shared:
                place = self._memory(stage, target, order.disk_bytes)
                copy_tree(Path(source), place, self.limits)
                stage.hand_over(place)
                self.outputs.append(Output(place, Path(source)))
            else:
                self.binds.append(bubblewrap.Bind(str(stage.bind(Path(source))), target, write))
        for device in map(Path, order.devices):
            self.devices.append(bubblewrap.Bind(str(stage.bind(device)), f"/dev/{device.name}", True))
        for prefix in bubblewrap.shown(order.prefixes):
            self.binds.append(bubblewrap.Bind(str(stage.bind(Path(prefix))), prefix))
        for target in ("/tmp", "/dev/shm"):
            self._memory(stage, target, order.tmp_bytes, "1777")
        return stage

    def _memory(self, stage: Stage, target: str, most_bytes: int, mode: str = "755") -> Path:
        """A folder in memory that the program sees at `target` and may write."""
        place = stage.memory(most_bytes, self.order.disk_files, mode)
        self.memories.append(place)
        self.binds.append(bubblewrap.Bind(str(place), target, True))
        return place

    def _start_and_watch(self, stage: Stage) -> None:
        log = CappedLog(Path(self.order.log), self.order.log_bytes)
        log_end, program_end = os.pipe()
        status, bwrap_end = os.pipe()
        if self.order.allowed_hosts:
            self.gate = Gate(self.order.allowed_hosts, stage)
        launcher = os.getpid()
        child = os.fork()
        if child == 0:
            become_bubblewrap(self, stage, program_end, bwrap_end, launcher)
        for descriptor in (program_end, bwrap_end, *self.order.descriptors):
            os.close(descriptor)
        with log:
            try:
                self._watch(child, log, log_end, status)
            finally:
                if self.gate:
                    self.gate.close()
                end_all(child, self.init)
            drain(log_end, log)
        self.last_words = log.last_words.decode(errors="replace").strip()
        while chunk := os.read(status, READ):
            self._take_status(chunk)

    def _watch(self, child: int, log: CappedLog, log_end: int, status: int) -> None:
        """Until the program has ended, or has to be."""
        ended = os.pidfd_open(child)
        watched = select.poll()
        for descriptor in (0, log_end, status, ended):
            watched.register(descriptor, select.POLLIN)
        deadline = time.monotonic() + self.order.wall_seconds
        while True:
            ready = {descriptor for descriptor, _ in watched.poll(LOOK_S * 1000)}
            for descriptor in ready & {log_end, status}:
                chunk = os.read(descriptor, READ)
                if not chunk:
                    watched.unregister(descriptor)
                elif descriptor == log_end:
                    log.write(chunk)
                else:
                    self._take_status(chunk)
            if ended in ready:
                return
            if 0 in ready:
                self.reason = "killed"
                return
            self.reason = self.reason or self._is_over()
            if self.reason not in {"", "wall_limit"}:
                return
            if time.monotonic() > deadline:
                if self.reason:
                    return
                self.reason = "wall_limit"
                deadline += GRACE_S
                ask_to_end(self.init)

    def _is_over(self) -> str:
        """The limit that its processes have met together; empty for none. Without cgroups they are looked at."""
        if self.cgroup.ran_out_of_memory():
            return "memory_limit"
        if self.init is None or (self.cgroup.limits_memory and self.cgroup.limits_processes):
            return ""
        everybody = [self.init, *descendants(self.init)]
        if len(everybody) > self.order.processes + 1:
            return "process_limit"
        if self.cgroup.limits_memory or time.monotonic() < self._look_again:
            return ""
        self._look_again = time.monotonic() + LOOK_AT_MEMORY_S
        used = sum(map(private_bytes, everybody)) + sum(map(used_bytes, self.memories))
        self.peak = max(self.peak, used)
        return "memory_limit" if used > self.order.memory_bytes else ""

    def _take_status(self, chunk: bytes) -> None:
        """What bubblewrap says: one JSON object a line."""
        *lines, self._status = (self._status + chunk).split(b"\n")
        for line in lines:
            said = json.loads(line)
            self.code = said.get("exit-code", self.code)
            if self.init is None and "child-pid" in said:
                self.init = said["child-pid"]
                if self.gate:
                    self.gate.open(self.init)

    def _find_reason(self) -> None:
        if self.cgroup.ran_out_of_memory():
            self.reason = "memory_limit"
        elif self.code is None and not self.reason:
            self.reason = "not_started" if self.last_words.startswith(NO_SUCH_COMMAND) else "not_confined"
            self.message = f"The program could not be started: {self.last_words}"
        elif self.code and not self.reason:
            if any(is_full(output.place) for output in self.outputs):
                self.reason = "disk_limit"
            elif self.cgroup.refused_processes():
                self.reason = "process_limit"

    def _fetch(self) -> None:
        """Bring what the program wrote to where it belongs, unless nobody waits for it."""
        problem = fetch(self.outputs, self.limits) if self.reason != "killed" else ""
        if problem:
            self.reason, self.message = self.reason or "output_refused", self.message or problem


def become_bubblewrap(launch: Launch, stage: Stage, output: int, status: int, launcher: int) -> NoReturn:
    """In a fresh fork: give up what the program must not have, and execute bubblewrap. Never returns."""
    order = launch.order
    try:
        launch.cgroup.enter()
        Path("/proc/self/oom_score_adj").write_text("1000")
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for descriptor in (1, 2):
            os.dup2(output, descriptor)
        limit(order, launch)
        stage.leave_rights()
        linux.die_with_parent()
        if os.getppid() != launcher:
            os._exit(NOT_STARTED)
        files = {path: in_memory(content.encode()) for path, content in bubblewrap.FILES.items()}
        seccomp = in_memory(b"")
        links = not any(shared for *_, shared in order.mounts)
        ProgramSeccomp(nameless_files=launch.cgroup.limits_memory, links=links).export(seccomp)
        os.lseek(seccomp, 0, os.SEEK_SET)
        gate = launch.gate.wait if launch.gate else None
        inherited = bubblewrap.Descriptors(files, seccomp, status, gate)
        words = bubblewrap.options(launch.binds, inherited, order.python, order.cwd, launch.devices)
        words += bubblewrap.environment(order.environment | (VARIABLES if launch.gate else {}), order.prefixes)
        arguments = in_memory(b"".join(word.encode() + b"\0" for word in words))
        keep_open({*inherited.all(), arguments, *order.descriptors})
        os.execve(order.bwrap, ["bwrap", "--args", str(arguments), "--", *order.command], {})
    except OSError as error:
        os.write(STDERR, f"{error}\n".encode())
    finally:
        os._exit(NOT_STARTED)


def limit(order: Order, launch: Launch) -> None:
    """Set resource limits, those of memory only where no cgroup holds them. Raises OSError."""
    memory = 0 if launch.cgroup.limits_memory else order.memory_bytes
    disk = max(order.disk_bytes, order.tmp_bytes)
    limit_resources(View(memory_bytes=memory, disk_bytes=disk), addresses=not order.devices)
    others = 0 if os.geteuid() == 0 else threads_of_user()
    set_limit("NPROC", others + order.processes + SPARE_PROCESSES)
    set_limit("CPU", int(order.wall_seconds * (os.cpu_count() or 1)) + 1)
    os.nice(NICE)


def keep_open(descriptors: set[int]) -> None:
    """Close every file but the standard streams and `descriptors`, which bubblewrap inherits."""
    for link in list(Path("/proc/self/fd").iterdir()):
        descriptor = int(link.name)
        if descriptor in descriptors:
            os.set_inheritable(descriptor, True)
        elif descriptor > STDERR:
            with contextlib.suppress(OSError):  # the one that listed them
                os.close(descriptor)


def in_memory(content: bytes) -> int:
    """Descriptor of a nameless file with `content`."""
    descriptor = os.memfd_create("podium")
    os.write(descriptor, content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def ask_to_end(init: int | None) -> None:
    """Send SIGTERM to what pid 1 of the program's namespace has started."""
    for pid in children(init) if init is not None else ():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)


def end_all(child: int, init: int | None) -> None:
    """Kill bubblewrap and its namespace, and wait until nothing of it is left."""
    if init is not None and init in children(child):  # as long as it is its child, its number is nobody else's
        with contextlib.suppress(ProcessLookupError):
            os.kill(init, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    while True:
        try:
            os.wait()
        except ChildProcessError:
            return


def drain(log_end: int, log: CappedLog) -> None:
    """Take in what was written before the end."""
    os.set_blocking(log_end, False)
    until = time.monotonic() + DRAIN_S
    while time.monotonic() < until:
        try:
            chunk = os.read(log_end, READ)
        except BlockingIOError:
            return
        if not chunk:
            return
        log.write(chunk)


def fetch(outputs: Iterable[Output], limits: Limits) -> str:
    """Bring what a program wrote to where it belongs; what of it is refused, a sentence, empty for nothing."""
    problems = []
    for output in outputs:
        try:
            copy_tree(output.place, output.into, limits)
        except TreeRefused as error:
            problems.append(str(error))
    return problems[0] if problems else ""


def main() -> None:
    """Do one order with bubblewrap."""
    linux.prctl(linux.PR_SET_CHILD_SUBREAPER, 1)
    do_order(lambda order: Launch(Order(**order)).run())


def do_order(run: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Read an order, `run` it, and write how the program ended."""
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    os.umask(0o022)
    order = json.loads(os.fdopen(0, "rb", buffering=0, closefd=False).readline())
    try:
        ended = run(order)
    except (OSError, TreeRefused) as error:
        message = f"The program could not be confined: {error}"
        ended = {"code": None, "reason": "not_confined", "seconds": 0.0, "peak_bytes": 0, "message": message}
    with contextlib.suppress(BrokenPipeError):
        os.write(1, json.dumps(ended).encode() + b"\n")
