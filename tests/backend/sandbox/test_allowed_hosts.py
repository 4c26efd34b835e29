"""The way out, for benchmarks that permit APIs: to the hosts of the list, and nowhere else."""

from __future__ import annotations

import dataclasses
import socket
import threading
from collections.abc import Iterator

import pytest

from tests.backend.sandbox.conftest import Place, by_anybody

ASK = """
import socket, sys, os
def ask(place, verb="CONNECT"):
    with socket.create_connection(("127.0.0.1", 3128), 10) as proxy:
        proxy.sendall(f"{verb} {place} HTTP/1.1\\r\\nHost: {place}\\r\\n\\r\\n".encode())
        answer = proxy.recv(100).split(b"\\r\\n")[0].decode()
        if " 200 " in answer:
            proxy.sendall(b"question")
            answer += " " + proxy.recv(100).decode()
        return answer
print(os.environ["HTTPS_PROXY"])
for words in sys.argv[1:]:
    print(ask(*words.split()))
try:
    socket.create_connection(("127.0.0.1", int(sys.argv[1].rpartition(":")[2])), 1)
except OSError as error:
    print(type(error).__name__)
"""


@pytest.fixture
def api() -> Iterator[str]:
    """The address of a server that answers one connection."""

    def answer(server: socket.socket) -> None:
        client, _ = server.accept()
        with client:
            client.sendall(b"answer to " + client.recv(100))

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=answer, args=(server,), daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}"


@by_anybody
def test_allowed_hosts_are_reached_and_no_others(place: Place, api: str) -> None:
    """`localhost` is on the list as a name, which has to lead to a public address."""
    port = api.rpartition(":")[2]
    asked = [api, f"127.0.0.2:{port}", f"localhost:{port}", "169.254.169.254:80", f"http://{api}/ GET", "nonsense"]
    program = dataclasses.replace(
        place.program("probes"),
        command=("python", "-c", ASK, *asked, place.token),
        allowed_hosts=(api, f"localhost:{port}", "nonsense.invalid"),
    )
    ended = place.runner(program)
    lines = place.log.read_text().splitlines()
    assert ended.code == 0, lines
    assert lines == [
        "http://127.0.0.1:3128",
        "HTTP/1.1 200 Connection established answer to question",
        "HTTP/1.1 403 This host is not allowed",
        "HTTP/1.1 502 This host cannot be reached",
        "HTTP/1.1 403 This host is not allowed",
        "HTTP/1.1 405 Only CONNECT is possible here",
        "HTTP/1.1 403 This host is not allowed",
        "HTTP/1.1 403 This host is not allowed",
        "ConnectionRefusedError",
    ]
