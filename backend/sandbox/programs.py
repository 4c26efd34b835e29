"""Programs of strangers: each is run in bubblewrap, with nothing in sight but what it is given.

`start` runs one beside the caller, a supervising process that is no stranger's and is not confined itself. Nothing
is ever run without bubblewrap (`missing` says why it cannot be), but for programs in an image that an organiser names:
those are run by podman or docker, with the same mounts and limits (`image_missing`).
"""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from backend.sandbox import containers
from backend.sandbox.container_launcher import ContainerOrder
from backend.sandbox.launcher import Order
from backend.sandbox.trees import Limits, TreeRefused, copy_tree
from leaderboard.errors import CollectRefused

__all__ = [
    "CollectRefused",
    "Ended",
    "Mount",
    "Program",
    "RunningProgram",
    "collect",
    "image_missing",
    "missing",
    "run",
    "start",
]

LAUNCH = (
    "import sys, types; package = types.ModuleType('backend'); package.__path__ = [sys.argv[1]]; "
    "sys.modules['backend'] = package; import importlib; importlib.import_module(sys.argv[2]).main()"
)
"""The launcher without the first page of `backend`, whose imports take longer than all the rest of a start."""
BACKEND = Path(__file__).parents[1]
PLACES = "/usr/bin:/bin:/usr/local/bin"
TRIAL_S = 60
TRIAL = "/podium-trial"
"""A command that no image has: that it is missing is found out last, when all the rest has worked."""
HOW = (
    "It needs bubblewrap 0.8 or newer (on Debian: apt-get install bubblewrap) and libseccomp (apt-get install "
    "libseccomp2), and user namespaces (on the host: sysctl user.max_user_namespaces=10000, and on Ubuntu "
    "kernel.apparmor_restrict_unprivileged_userns=0; in a container: a seccomp profile that allows unshare and mount, "
    "and /proc without masked paths)."
)


class Mount(NamedTuple):
    """A file or folder of this machine that a program sees.

    A program of root's runs as another user: what it is to read must be readable by everybody, whatever the folders
    above say. `write` is for folders: the program starts with what is in `source`, and when it has ended, `source` has
    what the program left, if that was plain files and folders within its limits, and else nothing.
    """

    source: Path
    target: str
    write: bool = False
    shared: bool = False
    """Written by several programs at the same time: bound as it is, for the caller to bound. Such a program can make no
    links: another one, which sees more, would follow them."""


@dataclass(frozen=True)
class Program:
    """What is run, and what it may use."""

    command: Sequence[str]
    mounts: Sequence[Mount]
    cwd: str
    environment: Mapping[str, str]
    """Beside PATH, HOME, TMPDIR and LANG. The program sees nothing of ours."""
    wall_seconds: float
    memory_bytes: int
    """With what it writes: /tmp and the folders that it writes are memory."""
    log: Path
    """Its standard output and error are appended to this file."""
    processes: int = 64
    """Processes and threads."""
    tmp_bytes: int = 64 << 20
    """What fits into /tmp, and again into /dev/shm."""
    log_bytes: int = 1 << 20
    """Of a longer log the beginning and the end are kept."""
    descriptors: Sequence[int] = ()
    """Open files above 2 that it inherits at the same number."""
    disk_bytes: int = 256 << 20
    """What fits into each folder that it writes."""
    disk_files: int = 10_000
    """Files and folders in each folder that it writes, in /tmp and in /dev/shm."""
    allowed_hosts: Sequence[str] = ()
    """Hosts that it may reach through a proxy that its environment names, over https (`host`) or on a port
    (`host:port`). Names have to lead to public addresses."""
    devices: Sequence[Path] = ()
    """Device files that it may open, in /dev by their names, beside those that every program has (`null`, ...)."""
    image: str = ""
    """Image of podman or docker that it runs in, which has to be here (`image_missing`); empty for this machine's
    system and Python, in bubblewrap. With one there are no `descriptors` and no `allowed_hosts`, and what it writes
    lies on the disk while it runs."""


class Ended(NamedTuple):
    """How a program ended."""

    code: int | None
    """Its exit code, 128 and the number of the signal that ended it; None when it was ended from outside or never
    started."""
    reason: str
    """`wall_limit`, `memory_limit`, `process_limit`, `disk_limit`, `output_refused` (what it left is not collected,
    `message` says why), `killed` (by us), `not_started` (its command cannot be executed), `not_confined` (the sandbox
    failed, `message` says why); empty when it ended by itself."""
    seconds: float
    peak_bytes: int
    """Most memory, 0 where nobody counted."""
    message: str = ""


class RunningProgram:
    """A program and the process beside it. Ends with this process at the latest, whoever kills it."""

    def __init__(self, launcher: subprocess.Popen[bytes]) -> None:
        self._launcher = launcher
        self._ended: Ended | None = None

    def wait(self) -> Ended:
        """How it ended, once it has: every process of it is gone then, and its output is in place."""
        if self._ended is None:
            assert self._launcher.stdout is not None
            answer = self._launcher.stdout.read()
            self._launcher.wait()
            self.kill()
            self._launcher.stdout.close()
            message = "The process beside the program ended before it."
            self._ended = Ended(**json.loads(answer)) if answer else Ended(None, "not_confined", 0.0, 0, message)
        return self._ended

    def running(self) -> bool:
        """Whether it has yet to end."""
        return self._ended is None and self._launcher.poll() is None

    def kill(self) -> None:
        """End it now with all that it started; `wait` then says `killed`."""
        assert self._launcher.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._launcher.stdin.close()


def start(program: Program) -> RunningProgram:
    """Start a program. Raises OSError where no process can be started."""
    module, order = _container_order(program) if program.image else _bubblewrap_order(program)
    launcher = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", LAUNCH, str(BACKEND), f"backend.sandbox.{module}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={},
        pass_fds=list(program.descriptors),
        start_new_session=True,
    )
    assert launcher.stdin is not None
    with contextlib.suppress(BrokenPipeError):
        launcher.stdin.write(json.dumps(order).encode() + b"\n")
        launcher.stdin.flush()
    return RunningProgram(launcher)


def _bubblewrap_order(program: Program) -> tuple[str, dict[str, Any]]:
    """The module that does it, and what it is told."""
    order = Order(
        bwrap=_bwrap() or "bwrap",
        python=sys.executable,
        prefixes=[sys.base_prefix, sys.prefix],
        descriptors=list(program.descriptors),
        allowed_hosts=list(program.allowed_hosts),
        **_told(program),
    )
    return "launcher", asdict(order)


def _container_order(program: Program) -> tuple[str, dict[str, Any]]:
    """The module that does it, and what it is told."""
    if program.descriptors or program.allowed_hosts:
        raise ValueError("A program in an image inherits no open files and reaches no hosts.")
    order = ContainerOrder(engine=containers.engine().path, image=program.image, **_told(program))
    return "container_launcher", asdict(order)


def _told(program: Program) -> dict[str, Any]:
    """What both launchers are told."""
    return {
        "command": list(program.command),
        "mounts": [(str(mount.source.absolute()), *mount[1:]) for mount in program.mounts],
        "devices": [str(device.absolute()) for device in program.devices],
        "cwd": program.cwd,
        "environment": dict(program.environment),
        "wall_seconds": program.wall_seconds,
        "memory_bytes": program.memory_bytes,
        "processes": program.processes,
        "tmp_bytes": program.tmp_bytes,
        "disk_bytes": program.disk_bytes,
        "disk_files": program.disk_files,
        "log": str(program.log.absolute()),
        "log_bytes": program.log_bytes,
    }


def run(program: Program) -> Ended:
    """Run a program to its end. Raises OSError where no process can be started."""
    running = start(program)
    try:
        return running.wait()
    finally:
        running.kill()


def missing() -> str:
    """Why programs cannot be confined on this machine and how to get it, sentences; empty when they can."""
    why = problem()
    return f"Submitted code cannot be run here. {why} {HOW}" if why else ""


@cache
def problem() -> str:
    """Why programs cannot be confined on this machine, a sentence; empty when they can. Tried once."""
    if _bwrap() is None:
        return "bubblewrap is not installed."
    with tempfile.TemporaryDirectory() as folder:
        ended = run(Program(["python", "-c", ""], (), "/", {}, TRIAL_S, 256 << 20, Path(folder) / "log"))
    if ended.code == 0 and not ended.reason:
        return ""
    return ended.message or f"A trial ended with {ended.reason or ended.code}."


@cache
def image_missing(image: str) -> str:
    """Why programs cannot run in an image on this machine, sentences; empty when they can. Tried once, with nothing."""
    if why := containers.image_problem(image):
        return why
    with tempfile.TemporaryDirectory() as folder:
        ended = run(
            Program([TRIAL], (), "/", {}, TRIAL_S, 256 << 20, Path(folder) / "log", tmp_bytes=1 << 20, image=image)
        )
    return ended.message if ended.reason == "not_confined" else ""


def collect(source: Path, into: Path, most_bytes: int, most_files: int) -> list[Path]:
    """Copy what a program left in `source` to `into`, which is made or emptied; the copies' paths, sorted.

    Plain files and folders only: raises CollectRefused, with nothing left in `into`, for a link, a hard link, a named
    pipe, a device, a name that cannot be shown, and more than `most_bytes` or `most_files` (folders count). Raises
    OSError where `into` cannot be written.
    """
    try:
        return [into / name for name in copy_tree(source, into, Limits(most_bytes, most_files))]
    except TreeRefused as error:
        raise CollectRefused(str(error)) from error


def _bwrap() -> str | None:
    return shutil.which("bwrap") or shutil.which("bwrap", path=PLACES)
