"""The job's side: what it asks the relay for, from any thread."""

from __future__ import annotations

import errno
import itertools
import os
import threading
import time
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from backend.failures import JobFailed
from backend.relay.channel import ANSWER, ASK, FOLDER, MOST_ANSWERED, Sender, receive
from backend.relay.errors import job_failed, job_failed_as_told

OPEN_S = 30.0
LOOK_S = 0.05


class RelayClient:
    """The way to the endpoint of a job."""

    def __init__(self, scratch: Path, host: str) -> None:
        """`host`: for sentences. Raises JobFailed where there is no relay."""
        self._host = host
        folder = scratch / FOLDER
        try:
            self._sender = Sender(_opened(folder / ASK))
            self._answers = os.open(folder / ANSWER, os.O_RDONLY)
        except OSError as error:
            raise self._lost() from error
        self._numbers = itertools.count()
        self._waiting: dict[int, Future[Any]] = {}
        self._lock = threading.Lock()
        self._gone = False
        threading.Thread(target=self._listen, name="relay", daemon=True).start()

    def ask(self, route: str, payload: dict[str, Any]) -> dict[str, Any]:
        """The endpoint's answer to a request. Raises JobFailed."""
        answer: dict[str, Any] = self._call("ask", route=route, payload=payload)
        return answer

    def models(self) -> dict[str, Any] | None:
        """What the endpoint's list of models says of this one; None where it has none. Raises JobFailed."""
        entry: dict[str, Any] | None = self._call("models")
        return entry

    def load(self, route: str, payload: dict[str, Any], concurrency: int) -> dict[str, Any]:
        """A measurement of the endpoint under load (`backend.relay.load.measure`). Raises JobFailed."""
        samples: dict[str, Any] = self._call("load", route=route, payload=payload, concurrency=concurrency)
        return samples

    def account(self) -> dict[str, Any]:
        """What was spent and seen so far. Raises JobFailed."""
        spent: dict[str, Any] = self._call("account")
        return spent

    def _call(self, operation: str, **fields: Any) -> Any:
        future: Future[Any] = Future()
        number = next(self._numbers)
        with self._lock:
            if self._gone:
                raise self._lost()
            self._waiting[number] = future
        try:
            self._sender.send({"id": number, "operation": operation, **fields})
        except OSError as error:
            raise self._lost() from error
        return future.result()

    def _listen(self) -> None:
        """Hand out answers until the relay ends."""
        try:
            while (message := receive(self._answers, MOST_ANSWERED)) is not None:
                self._hand_out(message)
        except (OSError, ValueError):
            pass  # what is left has no answer, as below
        with self._lock:
            self._gone = True
            left = list(self._waiting.values())
        for future in left:
            if not future.done():
                future.set_exception(self._lost())

    def _hand_out(self, message: dict[str, Any]) -> None:
        with self._lock:
            future = self._waiting.pop(message["id"])
        if fault := message.get("fault"):
            future.set_exception(job_failed_as_told(fault["code"], fault["message"], fault["whose"]))
        else:
            future.set_result(message.get("answer"))

    def _lost(self) -> JobFailed:
        return job_failed("endpoint_relay", self._host)


def _opened(pipe: Path) -> int:
    """The pipe for writing, once the relay reads it. Raises OSError."""
    end = time.monotonic() + OPEN_S
    while True:
        try:
            descriptor = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            if error.errno != errno.ENXIO or time.monotonic() > end:
                raise
            time.sleep(LOOK_S)
            continue
        os.set_blocking(descriptor, True)
        return descriptor
