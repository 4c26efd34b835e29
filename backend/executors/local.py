"""Jobs on this machine: slots in front of a warm forkserver (see forkserver.py)."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from backend import Job, JobState, JobStatus
from backend.accelerators import VISIBLE, Accelerators, find_accelerators, nodes, variables
from backend.environment import job_environment
from backend.executors.layers import sandbox_layers
from backend.sandbox import Layer
from backend.workdir import Workdir
from leaderboard.settings import PROJECT, Settings

FORKSERVER = "backend.executors.forkserver"
PRELOAD = ("backend.evaluators.warm",)
"""Imported once by the forkserver, before any job."""
FINAL = (JobState.ENDED, JobState.KILLED)
CLOSE_S = 10.0
log = logging.getLogger(__name__)


@dataclass
class Record:
    """What is known of one job."""

    job: Job
    server: subprocess.Popen[str] | None = None
    """Where it was started; None while it waits for accelerators."""
    status: JobStatus = field(default_factory=lambda: JobStatus(JobState.QUEUED))
    pid: int = 0
    """Process and process group of the job; 0 before it was forked, and where it ends with its forkserver by itself."""
    peak_bytes: int = 0


class LocalExecutor:
    """On this machine, up to PODIUM_SLOTS at a time, each a process tree in the sandbox.

    `environment` is the jobs' whole environment, `layers` is what confines them, `accelerators` are handed out to them.
    Jobs and handles end with this process: after a restart their state is UNKNOWN.
    """

    outlives_scheduler = False

    def __init__(
        self,
        folder: Path,
        environment: Mapping[str, str],
        layers: Sequence[Layer],
        slots: int = 1,
        preload: Sequence[str] = PRELOAD,
        accelerators: Accelerators | None = None,
    ) -> None:
        self._folder = folder
        self._environment = dict(environment)
        self._layers = list(layers)
        self._slots = slots
        self._preload = list(preload)
        self._accelerators = accelerators or Accelerators((), slots)
        self._waiting: list[str] = []
        self._records: dict[str, Record] = {}
        self._lock = threading.Lock()
        self._ready = threading.Event()
        self._wake: Callable[[], None] | None = None
        self._server = self._start_server()

    @classmethod
    def from_settings(cls, settings: Settings, preload: Sequence[str] = PRELOAD) -> LocalExecutor:
        """One for the settings, with every layer that they want and can have. Raises BadSettings where that is none."""
        layers, environment = sandbox_layers(settings.sandbox), job_environment(settings)
        installed = find_accelerators(settings.device, environment.get(VISIBLE))
        accelerators = Accelerators(installed, settings.slots)
        return cls(settings.work_dir, environment, layers, settings.slots, preload, accelerators)

    def slots(self) -> int:
        """How many more jobs may be submitted now."""
        with self._lock:
            return self._slots - sum(record.status.state not in FINAL for record in self._records.values())

    def submit(self, job: Job) -> str:
        """Start the job and return its handle.

        It waits while the forkserver is still warming up, and while too few accelerators are free for it.
        """
        handle = f"local-{secrets.token_hex(6)}"
        with self._lock:
            self._records[handle] = Record(job)
            self._waiting.append(handle)
            self._start_waiting()
        return handle

    def poll(self, handles: Sequence[str]) -> dict[str, JobStatus]:
        """The state of each handle; UNKNOWN for one of another process."""
        with self._lock:
            known = {handle: self._records[handle].status for handle in handles if handle in self._records}
        return {handle: known.get(handle, JobStatus(JobState.UNKNOWN)) for handle in handles}

    def cancel(self, handle: str) -> None:
        """End the job and every process it started; nothing happens to one that has ended."""
        with self._lock:
            record = self._records.get(handle)
            if handle in self._waiting:
                self._waiting.remove(handle)
                self._records[handle].status = JobStatus(JobState.KILLED, "cancelled")
            elif record is not None and record.status.state not in FINAL:
                self._command(cancel=handle)

    def logs(self, handle: str) -> str:
        """The end of the job's log; empty for an unknown handle."""
        with self._lock:
            record = self._records.get(handle)
        return Workdir(record.job.workdir).log_tail() if record else ""

    def peak_memory(self, handle: str) -> int:
        """Most private memory (bytes) that was seen of an ended job, looked at twice a second."""
        with self._lock:
            return self._records[handle].peak_bytes

    def watch(self, wake: Callable[[], None]) -> None:
        """Call `wake`, from another thread, whenever a job has ended."""
        self._wake = wake

    def wait_ready(self, timeout_s: float) -> bool:
        """Whether the forkserver is warm, after waiting for it up to `timeout_s` seconds."""
        return self._ready.wait(timeout_s)

    def close(self) -> None:
        """End every job and the forkserver."""
        with self._lock:
            self._waiting.clear()
            server = self._server
            if not self._ready.is_set():
                server.kill()
            if server.stdin:
                server.stdin.close()
        try:
            server.wait(CLOSE_S)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()

    def _start_waiting(self) -> None:
        """Start the jobs that accelerators are free for. One that wants a number of them waits for those before it."""
        ahead = False
        for handle in list(self._waiting):
            wanted = self._records[handle].job.resources.gpus
            given = None if ahead and wanted else self._accelerators.take(handle, wanted)
            if given is None:
                ahead = True
                continue
            self._waiting.remove(handle)
            self._start(handle, variables(given), nodes(given))

    def _start(self, handle: str, environment: Mapping[str, str], accelerators: Sequence[str] | None) -> None:
        if self._server.poll() is not None:
            self._server = self._start_server()
        record = self._records[handle]
        record.server = self._server
        self._command(
            start=handle,
            workdir=str(record.job.workdir.absolute()),
            wall_seconds=record.job.resources.wall_seconds,
            memory_bytes=record.job.resources.memory_bytes,
            environment=environment,
            accelerators=accelerators,
        )

    def _start_server(self) -> subprocess.Popen[str]:
        self._ready.clear()
        layers = ",".join(self._layers)
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / "forkserver.log").open("a", encoding="utf-8") as errors:
            server = subprocess.Popen(
                [sys.executable, "-m", FORKSERVER, str(self._folder.absolute() / "root"), layers, *self._preload],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=self._environment,
                cwd=PROJECT,
                start_new_session=True,
                text=True,
            )
        threading.Thread(target=self._listen, args=(server,), name="forkserver-events", daemon=True).start()
        return server

    def _command(self, **command: object) -> None:
        """Send a command; one that a dead forkserver does not take is settled when its events end."""
        assert self._server.stdin is not None
        try:
            self._server.stdin.write(json.dumps(command) + "\n")
            self._server.stdin.flush()
        except (BrokenPipeError, ValueError):
            log.warning("The forkserver does not take commands: it has ended.")

    def _listen(self, server: subprocess.Popen[str]) -> None:
        """Take in events until the forkserver ends; with it have ended all its jobs."""
        assert server.stdout is not None
        for line in server.stdout:
            event = json.loads(line)
            if "ready" in event:
                log.info("The local executor is warm after %s s.", event["ready"])
                self._ready.set()
            elif "running" in event:
                self._records[event["running"]].pid = event["pid"]
                self._set(event["running"], JobStatus(JobState.RUNNING))
            else:
                reason = event["reason"] or ("" if event["exit"] >= 0 else f"signal {-event['exit']}")
                self._set(
                    event["ended"], JobStatus(JobState.KILLED if reason else JobState.ENDED, reason), event["peak"]
                )
        server.stdout.close()
        server.wait()
        with self._lock:
            records = self._records.items()
            lost = {name: job.pid for name, job in records if job.server is server and job.status.state not in FINAL}
        for name, pid in lost.items():
            if pid:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(pid, signal.SIGKILL)
            self._set(name, JobStatus(JobState.KILLED, "the local executor's forkserver ended"))

    def _set(self, handle: str, status: JobStatus, peak: int = 0) -> None:
        with self._lock:
            record = self._records[handle]
            record.status = status
            record.peak_bytes = peak
            if status.state in FINAL:
                self._accelerators.give_back(handle)
                self._start_waiting()
        if status.state in FINAL and self._wake is not None:
            self._wake()
