"""A client that stops reading a stream is given up, over a real connection."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from app import listen

CHUNK = b"data: x\n\n" * 5_000


class Endless:
    """An event stream that goes on until its client leaves."""

    def __init__(self) -> None:
        self.left = threading.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
        leaving = asyncio.ensure_future(receive())
        while not leaving.done():
            await send({"type": "http.response.body", "body": CHUNK, "more_body": True})
            await asyncio.sleep(0)
        self.left.set()


@pytest.fixture
def served() -> Iterator[tuple[Endless, int]]:
    """The stream, and the port it is served at."""
    stream = Endless()
    with listen("127.0.0.1", 0, unread_s=0.5) as place:
        server = uvicorn.Server(
            uvicorn.Config(stream, log_level="critical", lifespan="off", timeout_graceful_shutdown=1)
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [place]}, daemon=True)
        thread.start()
        yield stream, place.getsockname()[1]
        server.should_exit = True
        thread.join(20)


def test_a_stream_that_nobody_reads_ends(served: tuple[Endless, int]) -> None:
    stream, port = served
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.recv(12) == b"HTTP/1.1 200"
        assert stream.left.wait(60), "the connection is still held"
