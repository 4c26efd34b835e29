"""Processes that answer for a model, started and asked: all at once, each for its part."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, NamedTuple

from backend.evaluators.remote.errors import unpacked
from backend.failures import JobFailed
from leaderboard.records import Fault
from leaderboard.settings import PROJECT

SERVE = "backend.evaluators.remote.serve"
PACKAGES = ("backend", "leaderboard")
CACHES = ("TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR")
END_S = 30.0
Message = dict[str, Any]


class Start(NamedTuple):
    """How one process is started."""

    command: Sequence[str]
    """An interpreter."""
    maker: str
    """`module:function` of what makes its engine."""
    arguments: Mapping[str, Any]
    """What the maker is given."""
    environment: Mapping[str, str]
    """Added to this process's own."""


class EngineProcess:
    """One process; it ends with this one, or when it is closed."""

    def __init__(self, start: Start) -> None:
        """Start it, without waiting for its engine. Raises OSError."""
        reading, theirs_out = os.pipe()
        theirs_in, writing = os.pipe()
        self._process = subprocess.Popen(
            [*start.command, "-m", SERVE, str(theirs_in), str(theirs_out)],
            env={**os.environ, **own_folders(start), "PYTHONNOUSERSITE": "1", **start.environment},
            pass_fds=(theirs_in, theirs_out),
            stdin=subprocess.DEVNULL,
        )
        for descriptor in (theirs_in, theirs_out):
            os.close(descriptor)
        self.answers = Connection(reading, writable=False)
        self._asked = Connection(writing, readable=False)
        self.tell({"maker": start.maker, "arguments": dict(start.arguments)})

    def tell(self, message: Message) -> None:
        """Send a message; what a dead process does not take shows when it is listened to."""
        try:
            self._asked.send_bytes(json.dumps(message).encode())
        except BrokenPipeError:
            return

    def hear(self) -> Message:
        """The next message. Raises what the process says that it failed with, and JobFailed when it has ended."""
        try:
            message: Message = json.loads(self.answers.recv_bytes())
        except EOFError:
            code = self._process.wait()
            raise JobFailed(
                "job_crashed",
                f"The process of an engine ended without an error message (exit code {code}); the log may say more.",
                Fault.INFRASTRUCTURE,
            ) from None
        if "failed" in message:
            raise unpacked(message["failed"])
        return message

    def close(self) -> None:
        """End it: first it may end what it has started itself."""
        self._asked.close()
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self.answers.close()


def own_folders(start: Start) -> dict[str, str]:
    """Variables for a new folder, in which a process finds our packages and keeps what its libraries compile.

    In the sandbox the folder that our packages lie in cannot be listed, and torch would write to /tmp.
    """
    folder = Path(tempfile.mkdtemp(prefix="podium-engine-"))
    code = folder / "code"
    code.mkdir()
    for package in {*PACKAGES, start.maker.partition(".")[0]}:
        (code / package).symlink_to(PROJECT / package)
    caches = {name: str(folder / name.lower()) for name in CACHES}
    return {"PYTHONPATH": str(code), **caches}


def start_all(starts: Sequence[Start]) -> tuple[list[EngineProcess], list[Message]]:
    """Start processes side by side; they, and the facts of their engines. Raises what one of them fails with."""
    with ExitStack() as unless_all_are_ready:
        processes = []
        for start in starts:
            processes.append(EngineProcess(start))
            unless_all_are_ready.callback(processes[-1].close)
        facts = [message["ready"] for message in collect(processes, "ready")]
        unless_all_are_ready.pop_all()
        return processes, facts


def collect(
    processes: Sequence[EngineProcess], end: str, on_progress: Callable[[int], None] | None = None
) -> list[Message]:
    """The first message with the key `end` of each process, in their order.

    `on_progress` is told how many requests all of them have answered. Raises as EngineProcess.hear.
    """
    last: dict[int, Message] = {}
    done = dict.fromkeys(range(len(processes)), 0)
    while len(last) < len(processes):
        waiting = {processes[index].answers: index for index in done if index not in last}
        for ready in wait(list(waiting)):
            index = next(number for connection, number in waiting.items() if connection is ready)
            message = processes[index].hear()
            if end in message:
                last[index] = message
            done[index] = len(message[end]) if end in message else message["done"]
        if on_progress is not None:
            on_progress(sum(done.values()))
    return [last[index] for index in range(len(processes))]
