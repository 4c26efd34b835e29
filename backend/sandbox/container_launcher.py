"""The process beside one program in an image: podman or docker runs it; this watches the limits and fetches the output.

It reads and writes what the launcher of bubblewrap does (launcher.py). What the program writes lies on this machine's
disk while it runs, and is looked at: an engine has no folder of bounded size that is still there when a program has
ended. Light to import: standard library only.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.sandbox.bubblewrap import Bind
from backend.sandbox.capped_log import CappedLog
from backend.sandbox.container_options import INSPECTED, NEVER, Bounds, program_words, run_words
from backend.sandbox.containers import PREFIX, ask, environment
from backend.sandbox.launcher import GRACE_S, READ, SPARE_PROCESSES, Output, ProgramOrder, do_order, drain, fetch
from backend.sandbox.limits import threads_of_user
from backend.sandbox.seccomp import ProgramSeccomp
from backend.sandbox.stage import FIRST_UID, UIDS
from backend.sandbox.trees import Limits, clear, copy_tree

KILLED = "137"
"""Exit code after SIGKILL, also of a shell whose child got it. Where it was not from us, the kernel was out of memory:
engines tell that of a container's first process only."""
LOOK_S = 0.1
LOOK_AT_DISK_S = 0.5
END_S = 30
SPARE_S = 60
"""How long after its time limit a container is nobody's any more."""
NO_COMMAND = (126, 127)
"""Exit codes of an engine whose container is fine but for its command."""


@dataclass(frozen=True, kw_only=True)
class ContainerOrder(ProgramOrder):
    """One that an engine runs."""

    engine: str
    image: str


class Container:
    """One program, from its files to its end."""

    def __init__(self, order: ContainerOrder) -> None:
        self.order = order
        self.limits = Limits(order.disk_bytes, order.disk_files)
        until = int(time.time() + order.wall_seconds + SPARE_S)
        self.name = f"{PREFIX}{until}-{os.urandom(6).hex()}"
        self.reason = self.message = ""
        self.code: int | None = None
        self.is_root = os.geteuid() == 0
        self.uid = FIRST_UID + int.from_bytes(os.urandom(2)) % UIDS if self.is_root else os.getuid()
        self.gid = self.uid if self.is_root else os.getgid()
        self._binds: list[Bind] = []
        self._outputs: list[Output] = []

    def run(self) -> dict[str, Any]:
        """How the program ended, with its output in place. Raises OSError and TreeRefused before it was started."""
        with tempfile.TemporaryDirectory(prefix=".podium-", dir=Path(self.order.log).parent) as folder:
            try:
                self._put_together(Path(folder))
                began = time.monotonic()
                self._start_and_watch(Path(folder))
                seconds = time.monotonic() - began
                if self.reason != "killed":
                    self._fetch()
            finally:
                clear(Path(folder))
        return {
            "code": self.code, "reason": self.reason, "seconds": round(seconds, 3), "peak_bytes": 0,
            "message": self.message,
        }  # fmt: skip

    def _put_together(self, folder: Path) -> None:
        folder.chmod(0o755)  # its user is another one
        for number, (source, target, write, shared) in enumerate(self.order.mounts):
            if write and not shared:
                place = folder / str(number)
                copy_tree(Path(source), place, self.limits)
                self._hand_over(place)
                self._outputs.append(Output(place, Path(source)))
                self._binds.append(Bind(str(place), target, True))
            else:
                self._binds.append(Bind(source, target, write))
        links = not any(shared for *_, shared in self.order.mounts)
        profile = ProgramSeccomp(nameless_files=True, links=links).profile()
        (folder / "seccomp.json").write_text(json.dumps(profile))

    def _hand_over(self, place: Path) -> None:
        """Give a folder to the program's user. Raises OSError."""
        if self.is_root:
            for path in (place, *place.rglob("*")):
                os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def _words(self, folder: Path) -> list[str]:
        order = self.order
        bounds = Bounds(
            user=f"{self.uid}:{self.gid}",
            memory_bytes=order.memory_bytes,
            processes=order.processes,
            threads=order.processes + SPARE_PROCESSES + (0 if self.is_root else threads_of_user()),
            tmp_bytes=order.tmp_bytes,
            file_bytes=max(order.disk_bytes, order.tmp_bytes),
            seconds=int(order.wall_seconds) + SPARE_S,
            keeps_user=not self.is_root,
        )
        words = run_words(order.engine, self.name, bounds, self._binds, folder / "seccomp.json", order.devices)
        return words + program_words(order.environment, order.cwd, order.image, order.command)

    def _start_and_watch(self, folder: Path) -> None:
        log = CappedLog(Path(self.order.log), self.order.log_bytes)
        log_end, program_end = os.pipe()
        with log:
            client = subprocess.Popen(  # cwd: podman leaves a file "oom" there when memory ran out
                self._words(folder), stdin=subprocess.DEVNULL, stdout=program_end, stderr=program_end,
                env=environment(), cwd=folder,
            )  # fmt: skip
            os.close(program_end)
            try:
                self._watch(client.pid, log, log_end)
            finally:
                self._tell("kill", self.name)
                _end(client)
                drain(log_end, log)
                self._find_reason(client.returncode, log.last_words.decode(errors="replace").strip())
                self._tell("rm", "--force", "--volumes", self.name)

    def _watch(self, client: int, log: CappedLog, log_end: int) -> None:
        """Until the program has ended, or has to be."""
        ended = os.pidfd_open(client)
        watched = select.poll()
        for descriptor in (0, log_end, ended):
            watched.register(descriptor, select.POLLIN)
        deadline, look_again = time.monotonic() + self.order.wall_seconds, 0.0
        while not self.reason or self.reason == "wall_limit":
            ready = {descriptor for descriptor, _ in watched.poll(LOOK_S * 1000)}
            if log_end in ready:
                chunk = os.read(log_end, READ)
                log.write(chunk)
                if not chunk:
                    watched.unregister(log_end)
            if ended in ready:
                break
            now = time.monotonic()
            if 0 in ready:
                self.reason = "killed"
            elif now > look_again and not self.reason:
                look_again, self.reason = now + LOOK_AT_DISK_S, self._is_over_disk()
            if now > deadline:
                if self.reason:
                    break
                self.reason, deadline = "wall_limit", now + GRACE_S
                self._tell("kill", "--signal=TERM", self.name)
        os.close(ended)

    def _is_over_disk(self) -> str:
        """`disk_limit` when a folder that it writes holds too much, or hides what it holds; empty otherwise."""
        for output in self._outputs:
            size = count = 0
            hidden: list[OSError] = []
            for above, folders, files in os.walk(output.place, onerror=hidden.append):
                count += len(folders) + len(files)
                for name in files:
                    with contextlib.suppress(FileNotFoundError):
                        size += (Path(above) / name).lstat().st_blocks * 512
            closed = any(not isinstance(error, FileNotFoundError) for error in hidden)
            if size > self.limits.most_bytes or count > self.limits.most_files or closed:
                return "disk_limit"
        return ""

    def _find_reason(self, client_code: int, last_words: str) -> None:
        answer = self._tell("inspect", "--format", INSPECTED, self.name)
        killed, code, started, *_ = answer.split() if answer.count(" ") >= 2 else ("", "", NEVER)
        if started.startswith(NEVER):
            if not self.reason:
                self.reason = "not_started" if client_code in NO_COMMAND else "not_confined"
                self.message = f"The program could not be started: {last_words}"
            return
        if killed == "true" or (code == KILLED and not self.reason):
            self.reason = "memory_limit"
        if not self.reason:
            self.code = int(code)
            self.reason = self._is_over_disk()

    def _fetch(self) -> None:
        """Bring what the program wrote to where it belongs."""
        if problem := fetch(self._outputs, self.limits):
            self.reason, self.message = self.reason or "output_refused", self.message or problem

    def _tell(self, *words: str) -> str:
        """What the engine answers; empty where it does not."""
        try:
            return ask(self.order.engine, *words).stdout
        except (OSError, subprocess.TimeoutExpired):
            return ""


def _end(client: subprocess.Popen[bytes]) -> None:
    """Wait for an engine whose container was killed, not for ever."""
    try:
        client.wait(END_S)
    except subprocess.TimeoutExpired:
        client.kill()
        client.wait()


def main() -> None:
    """Do one order with an engine."""
    do_order(lambda order: Container(ContainerOrder(**order)).run())
