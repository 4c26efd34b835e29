"""`python -m backend.relay SCRATCH`: serves one job, whose pipes are below SCRATCH; its Task comes on standard input.

It ends when the job closes its pipe, when no job opens one, and when whoever started it ends or closes standard input.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from backend.relay.calls import Caller, Task
from backend.relay.channel import ANSWER, ASK, FOLDER, MOST_ASKED, Sender, receive
from backend.relay.faults import SENTENCES, EndpointFault, sentence
from backend.relay.load import measure
from leaderboard.endpoints.addresses import Place, parse

JOB_OPENS_S = 3600.0
"""A job that has not opened its pipe by then was never started."""


class Relay:
    """Answers a job's messages, as many at a time as the benchmark allows."""

    def __init__(self, task: Task, answers: Sender) -> None:
        self._task = task
        self._answers = answers
        self._caller: Caller | None = None
        self._lock = threading.Lock()
        place = parse(task.url)
        self._host = place.host if isinstance(place, Place) else "The endpoint"
        self._operations: dict[str, Callable[[dict[str, Any]], Any]] = {
            "ask": lambda message: self._open().ask(message["route"], message["payload"]),
            "models": lambda message: self._open().models_listed(),
            "load": self._load,
            "account": lambda message: self._open().account(),
        }

    def answer(self, message: dict[str, Any]) -> None:
        """Do what a message asks for, and answer it."""
        reply: dict[str, Any] = {"id": message.get("id")}
        try:
            reply["answer"] = self._operations[str(message.get("operation"))](message)
        except EndpointFault as fault:
            reply["fault"] = {
                "code": fault.code,
                "message": sentence(fault.code, self._host, fault.detail),
                "whose": SENTENCES[fault.code].fault,
            }
        self._answers.send(reply)

    def _load(self, message: dict[str, Any]) -> dict[str, Any]:
        """The concurrencies and numbers are the benchmark's, whatever the job says."""
        load = self._task.rules.load
        if load is None or message["concurrency"] not in load.concurrencies:
            raise EndpointFault("endpoint_rejected", "of the relay")
        payload = {**message["payload"], "max_tokens": load.max_tokens}
        return measure(self._open(), message["route"], payload, message["concurrency"], load.requests)

    def _open(self) -> Caller:
        """The caller, made once: the name is resolved when the job asks for the first time."""
        with self._lock:
            self._caller = self._caller or Caller(self._task)
            return self._caller


def serve(folder: Path, task: Task) -> None:
    """Answer the job's messages until it closes its pipe. Raises OSError."""
    asked = os.open(folder / ASK, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    answers = os.open(folder / ANSWER, os.O_RDWR | os.O_NOFOLLOW)  # it need not wait for the job to open it
    print("ready", flush=True)
    if not select.select([asked], [], [], JOB_OPENS_S)[0]:
        return
    os.set_blocking(asked, True)
    relay = Relay(task, Sender(answers))
    most = task.rules.concurrency + 1
    free = threading.Semaphore(most)  # a job that asks for more has to wait: nothing is piled up here
    with ThreadPoolExecutor(most, thread_name_prefix="relay") as pool:
        while (message := receive(asked, MOST_ASKED)) is not None:
            free.acquire()
            answered = pool.submit(relay.answer, message)
            answered.add_done_callback(_end_if_broken)
            answered.add_done_callback(lambda _: free.release())
        os._exit(0)  # nobody reads the answers that are still under way


def main(scratch: str) -> None:
    """Serve the job in `scratch`."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    task = Task.model_validate_json(sys.stdin.readline())
    threading.Thread(target=_end_with_starter, name="starter", daemon=True).start()
    serve(Path(scratch) / FOLDER, task)


def _end_if_broken(answered: Future[None]) -> None:
    """End with an error that is none of the endpoint's: the job notices that its relay is gone."""
    error = answered.exception()
    if error is not None:
        traceback.print_exception(error)
        os._exit(1)


def _end_with_starter() -> None:
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1])
