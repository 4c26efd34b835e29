"""A confined process with submitted code: started, asked, ended. Nothing that it answers is trusted."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.evaluators.code_run import inside
from backend.evaluators.code_run.channel import Channel
from backend.evaluators.code_run.failures import CallFailed, FailureKind, raised
from backend.evaluators.code_run.inside.messages import BadMessage, Most
from backend.evaluators.code_run.output import Output
from backend.failures import JobFailed
from backend.sandbox.programs import Ended, Mount, Program, start
from leaderboard.records import Fault

SUBMISSION = "/submission"
RUNNER = "/podium"
MODELS = "/models"
LOG_BYTES = 4 << 20
GRACE_S = 2.0
"""How long a process that has closed its end of the pipe may take to end by itself."""
LITTLE = Most(document_bytes=1 << 20, buffer_bytes=0, buffers=0)
"""Of an answer that says no more than that a call has ended, or how it failed."""
ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",
}
UNSTARTED = ("not_started", "not_confined")
"""Reasons of ends that are our side's."""
PROCESSES = 256
"""Processes and threads of one process with submitted code."""


@dataclass(frozen=True)
class Confinement:
    """What a submission's processes see and may use."""

    mounts: tuple[Mount, ...]
    """Package, data and models, read-only."""
    environment: dict[str, str]
    """Beside `ENVIRONMENT`."""
    memory_bytes: int
    tmp_bytes: int
    files: frozenset[str]
    """The package's, by which lines are named."""
    logs: Path
    """Folder of our own for what the processes print."""
    deadline: float
    """When everything has to be over, in seconds of the monotonic clock."""
    allowed_hosts: tuple[str, ...] = ()
    """Hosts that they may reach through a proxy."""
    devices: tuple[Path, ...] = ()
    """Device files of their accelerators."""

    @property
    def left(self) -> float:
        """Seconds until then, never negative."""
        return max(0.0, self.deadline - time.monotonic())


class OutOfTime(Exception):
    """The time for everything is over."""


class SubmittedProcess:
    """One process with the submission's code. What it prints goes to `output` when it ends."""

    def __init__(self, confinement: Confinement, output: Output) -> None:
        """Start it. Raises OSError."""
        self._confinement = confinement
        self._output = output
        self._number = 0
        self._ended: Ended | None = None
        self._channel = Channel()
        self._log = confinement.logs / f"{output.processes}.log"
        self._running = start(self._program(self._channel.theirs.fileno()))
        self._channel.handed_over()
        output.processes += 1

    @property
    def alive(self) -> bool:
        """Whether it has not been ended by us and has not been seen to end."""
        return self._ended is None

    def ask(self, do: str, name: str, *arguments: Any, seconds: float | None = None, most: Most = LITTLE) -> Any:
        """Have the runner do something, in at most `seconds` or the time that is left; its answer.

        Raises CallFailed, and OutOfTime when the time for everything is over. The process has ended after any failure
        but an exception in the submission's code.
        """
        self._number += 1
        deadline = self._confinement.deadline
        if seconds is not None:
            deadline = min(deadline, time.monotonic() + seconds)
        question = {"number": self._number, "do": do, "name": name, "arguments": arguments}
        try:
            self._channel.send(question, deadline)
            answer = self._channel.receive(deadline, most)
        except TimeoutError:
            ended = self.close()
            if ended.reason != "memory_limit" and not self._confinement.left:
                raise OutOfTime from None
            words = f"no answer within its time limit ({seconds:.3g} seconds)"
            raise self._exhausted(ended) or CallFailed(FailureKind.TIME_LIMIT, words) from None
        except (EOFError, ConnectionError):
            raise self._death() from None
        except BadMessage as error:
            self.close()
            raise CallFailed(FailureKind.PROTOCOL, "an answer that cannot be read", str(error)) from None
        return self._value(answer)

    def show_printed(self) -> None:
        """Take over what it has printed so far."""
        if self._ended is None:
            self._output.follow(self._log)

    def close(self) -> Ended:
        """End it, with every process that it has started; take over what it printed. How it ended."""
        if self._ended is None:
            self._running.kill()
        return self._settled()

    def _value(self, answer: Any) -> Any:
        if not isinstance(answer, dict) or answer.get("number") != self._number:
            self.close()
            raise CallFailed(FailureKind.PROTOCOL, "an answer to something that was not asked")
        if "error" in answer:
            raise raised(answer["error"], self._confinement.files)
        return answer.get("value")

    def _death(self) -> CallFailed:
        """How it ended by itself, or was ended by its limits. Raises OutOfTime, and JobFailed when it never began."""
        impatience = threading.Timer(GRACE_S, self._running.kill)
        impatience.start()
        ended = self._settled()
        impatience.cancel()
        if ended.reason == "wall_limit":
            raise OutOfTime
        if ended.reason in UNSTARTED:
            raise JobFailed("no_sandbox", f"The package could not be started: {ended.message}", Fault.INFRASTRUCTURE)
        how = ended.reason.replace("_", " ") or f"exit code {ended.code}"
        return self._exhausted(ended) or CallFailed(FailureKind.ENDED, "its process ended", how)

    def _exhausted(self, ended: Ended) -> CallFailed | None:
        """The failure, where the process was ended for its memory."""
        if ended.reason != "memory_limit":
            return None
        gb = self._confinement.memory_bytes / 1e9
        return CallFailed(FailureKind.MEMORY_LIMIT, f"more than the {gb:g} GB of memory that it may have")

    def _settled(self) -> Ended:
        """How it ended, once it has; what it printed is taken over."""
        if self._ended is None:
            self._ended = self._running.wait()
            self._channel.close()
            self._output.add(self._log)
        return self._ended

    def _program(self, descriptor: int) -> Program:
        confinement = self._confinement
        return Program(
            command=("python", "-s", "-E", "-B", "-u", "-m", "inside", str(descriptor), SUBMISSION),
            mounts=(Mount(Path(inside.__file__).parent, f"{RUNNER}/inside"), *confinement.mounts),
            cwd=RUNNER,
            environment={**ENVIRONMENT, **confinement.environment},
            wall_seconds=confinement.left + GRACE_S,
            memory_bytes=confinement.memory_bytes,
            tmp_bytes=confinement.tmp_bytes,
            processes=PROCESSES,
            log=self._log,
            log_bytes=LOG_BYTES,
            descriptors=(descriptor,),
            allowed_hosts=confinement.allowed_hosts,
            devices=confinement.devices,
        )
