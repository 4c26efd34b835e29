"""A board that is served over HTTP for the command, can be stopped and started again, and may have faults."""

from __future__ import annotations

import contextlib
import hashlib
import json
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI, Request, Response

from app import Server, listen
from leaderboard.api import add_api, catch_errors
from leaderboard.cli.__main__ import main
from leaderboard.records import Abilities, Artifact, ArtifactRequest, NamedBlock, Provenance, Score, new_id, now
from leaderboard.records import Request as QueuedRequest
from leaderboard.service import Service
from tests.contracts.test_executor import until
from tests.leaderboard.people import TOKENS, Open

QUIZ = """\
id: quiz
version: "1"
title: Quiz
description: Questions with hidden answers.
kinds: [predictions]
columns:
  - {key: correct, title: Accuracy, score: accuracy}
  - {key: loss, title: Log loss, score: loss, higher_is_better: false, in_average: false}
predictions:
  columns:
    - {name: answer, type: choice, choices: [left, right]}
    - {name: chance, type: number, range: [0, 1]}
  labels: {file: labels.csv}
  metrics:
    accuracy: {metric: accuracy, prediction: answer, label: answer}
    loss: {metric: log_loss, prediction: chance, label: is_hard}
"""
LABELS = "id,answer,is_hard\nq1,left,1\nq2,right,0\nq3,left,0\n"
GOOD = "id,answer,chance\nq1,left,0.5\nq2,right,0.25\nq3,left,1\n"
Fault = Callable[[Request], Response | None]
"""Answers instead of the board, or lets it answer."""


class Site:
    """A board, the server that it is served by, and the settings' folder of somebody who uses the command."""

    def __init__(self, opened: Open, folder: Path) -> None:
        self.folder = folder
        self.faults: list[Fault] = []
        self.asked: list[str] = []
        """Method and path of every request to the API that reached the server."""
        self.lost: list[str] = []
        """Method and path of requests that the board carries out once, and whose answers are lost."""
        self._opened = opened
        with socket.socket() as place:
            place.bind(("127.0.0.1", 0))
            self.port: int = place.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self.service: Service
        self._server: Server | None = None

    def start(self) -> None:
        """Serve the board, opened anew, at the same address."""
        self.service = self._opened()
        worker = Abilities(worker="w1", benchmarks=["quiz"], kinds=["predictions"], updated=now())
        self.service.queue.store.commit({"workers/w1.json": worker.model_dump_json().encode()}, "What w1 can do")
        app = FastAPI()
        add_api(app, self.service)
        catch_errors(app)

        @app.middleware("http")
        async def fail(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
            self.asked.append(f"{request.method} {request.url.path.removeprefix('/api/v1')}")
            for fault in self.faults:
                if (failed := fault(request)) is not None:
                    return failed
            done = await answer(request)
            if self.asked[-1] in self.lost:
                self.lost.remove(self.asked[-1])
                return Response("a proxy gave up", status_code=502)
            return done

        self._server = Server(uvicorn.Config(app, log_level="critical", lifespan="off", timeout_graceful_shutdown=5))
        self._server.ending.append(self.service.watch.close)
        self._place = listen("127.0.0.1", self.port)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._place]}, daemon=True)
        self._thread.start()
        until(lambda: self._server is not None and self._server.started)

    def stop(self) -> None:
        """Stop serving."""
        if self._server is not None:
            self._server.should_exit = True
            self._thread.join(60)
            self._place.close()
            self._server = None

    def requests(self) -> list[QueuedRequest]:
        return [self.service.queue.get(request.id) for request in self.service.queue.view()]

    def queued(self, name: str = "mine", **fields: Any) -> ArtifactRequest:
        """A submission of Ada's that waits."""
        sha256 = hashlib.sha256(name.encode()).hexdigest()
        artifact = Artifact(sha256=sha256, bytes=1, filename=f"{name}.csv")
        request = ArtifactRequest(
            id=new_id(), kind="predictions", benchmark="quiz", model=f"ada/{name}", revision=sha256, artifact=artifact,
            sender="ada", submitted_time=now(), **fields,
        )  # fmt: skip
        self.service.queue.submit(request)
        return request

    def run(self, request_id: str) -> QueuedRequest:
        """What a worker does first: claim it and start it."""
        queue = self.service.queue
        return queue.started(queue.claim(queue.get(request_id), "w1", 600), "job")

    def finish(self, request_id: str, correct: float = 2 / 3) -> None:
        """What a worker does: run it, publish its scores, finish."""
        running = self.run(request_id)
        scores = {"correct": correct, "loss": 0.5}
        block = NamedBlock(
            request_id=running.id, attempt=running.attempts, benchmark="quiz", benchmark_version="1",
            kind="predictions", model=running.model, revision=running.revision, precision="", weight_type="",
            use_chat_template=False, time=str(running.job_start_time), average=correct, provenance=Provenance(),
            scores={key: Score(raw=value, normalised=value, n=3) for key, value in scores.items()},
        )  # fmt: skip
        self.service.results.publish({"podium": block}, {})
        self.service.queue.finish(running)


@contextlib.contextmanager
def cut(port: int, after: list[int]) -> Iterator[str]:
    """A way to the server that breaks: each next connection after so many bytes from the client, then none."""
    listening = socket.create_server(("127.0.0.1", 0))

    def carry(source: socket.socket, target: socket.socket, left: int | None) -> None:
        with contextlib.suppress(OSError):
            while (left is None or left > 0) and (data := source.recv(65536)):
                target.sendall(data if left is None else data[:left])
                left = None if left is None else left - len(data)
        for each in (source, target):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def serve() -> None:
        while True:
            try:
                client, _ = listening.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", port))
            left = after.pop(0) if after else None
            threading.Thread(target=carry, args=(client, server, left), daemon=True).start()
            threading.Thread(target=carry, args=(server, client, None), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        listening.close()


class Shell:
    """Runs the command as a person does, with a settings' folder of their own."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.err = ""

    def __call__(self, *words: str, exit: int = 0) -> str:
        """What `podium WORDS` writes to standard output."""
        ended = main([str(word) for word in words])
        told = self._capsys.readouterr()
        self.err = told.err
        assert ended == exit, (ended, told.out, told.err)
        assert not [token for token in TOKENS.values() if token in told.out + told.err]
        return told.out

    def json(self, *words: str, exit: int = 0) -> Any:
        """The document of `podium WORDS --json`."""
        document = json.loads(self(*words, "--json", exit=exit))
        assert document["exit"] == exit and self.err == ""
        return document
