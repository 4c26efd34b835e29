"""What a process with an engine in it runs: it makes a harness model and answers requests until nobody asks any more.

`python -m backend.evaluators.remote.serve READ WRITE`, the descriptors of two pipes. Messages are JSON. The first one
that it reads is {"maker": "module:function", "arguments": {}}; it answers {"ready": facts}, and from then on

    {"kind": "loglikelihood", "requests": [{"args": [...], "task": NAME, "doc": N}]}

with any number of {"done": N} and one {"answers": [...], "account": {}, "processor_seconds": S}; where something fails,
{"failed": {}} (see errors.py). Here only the standard library, lm-eval and what the maker imports are needed.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from multiprocessing.connection import Connection
from typing import Any, NamedTuple, NoReturn

from backend.evaluators.remote.errors import packed

TELL_S = 1.0
"""Seconds between two messages about how far a call is."""


class Engine(NamedTuple):
    """What a maker makes."""

    lm: Any
    """A model of the harness."""
    facts: Mapping[str, Any]
    """What the harness and the result are told of it: max_length, backend, batch_size, hardware, packages, ..."""
    account: Callable[[], Mapping[str, Any]]
    """What the engine says of its work so far."""


class Counter:
    """Tells how many requests of a call are answered, as the model's cache hook or by its `on_answered`."""

    def __init__(self, tell: Callable[[dict[str, Any]], None]) -> None:
        self._tell = tell
        self._told = time.monotonic()
        self._hooked = self._reported = 0

    def begin(self) -> None:
        """A new call."""
        self._hooked = self._reported = 0

    def add_partial(self, attr: str, req: Iterable[Any], res: Any) -> None:
        """One answer; the harness calls this."""
        self._hooked += 1
        self._say()

    def report(self, indices: Collection[int]) -> None:
        """These requests of the call are answered."""
        self._reported += len(indices)
        self._say()

    def _say(self) -> None:
        if time.monotonic() - self._told >= TELL_S:
            self._told = time.monotonic()
            self._tell({"done": max(self._hooked, self._reported)})


def main(reading: str, writing: str) -> int:
    """Serve until the asker closes its end; 0 then."""
    asked = Connection(int(reading), writable=False)
    answers = Connection(int(writing), readable=False)

    def tell(message: dict[str, Any]) -> None:
        answers.send_bytes(json.dumps(message).encode())

    try:
        serve(asked, tell)
    except EOFError:
        return 0
    except BaseException as error:
        tell({"failed": packed(error)})
        raise


def serve(asked: Connection, tell: Callable[[dict[str, Any]], None]) -> NoReturn:
    """Make the engine and answer. Raises EOFError at the end, and whatever the engine raises."""
    wanted = json.loads(asked.recv_bytes())
    module, _, function = wanted["maker"].partition(":")
    engine: Engine = getattr(importlib.import_module(module), function)(**wanted["arguments"])
    counter = Counter(tell)
    engine.lm.set_cache_hook(counter)
    engine.lm.on_answered = counter.report
    tell({"ready": dict(engine.facts)})
    while True:
        question = json.loads(asked.recv_bytes())
        counter.begin()
        worked = time.process_time()
        answers = getattr(engine.lm, question["kind"])(instances(question["kind"], question["requests"]))
        spent = time.process_time() - worked
        tell({"answers": answers, "account": dict(engine.account()), "processor_seconds": spent})


def instances(kind: str, requests: Iterable[Mapping[str, Any]]) -> list[Any]:
    """The harness's requests."""
    instance = importlib.import_module("lm_eval.api.instance").Instance
    return [
        instance(
            request_type=kind, doc={}, arguments=tuple(each["args"]), idx=0, metadata=(each["task"], each["doc"], 1)
        )
        for each in requests
    ]


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
