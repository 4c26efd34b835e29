"""Serve a root: in the foreground, or in a thread for tests and the demo."""

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from localhub.errors import LocalHubError
from localhub.faults import Faults
from localhub.server import create_app
from localhub.store import Hub


@dataclass(frozen=True)
class Running:
    """A running Hub: its address, its Python object, and its fault switch."""

    endpoint: str
    hub: Hub
    faults: Faults


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 selects a free port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Without IPPROTO_TCP asyncio leaves Nagle's algorithm on, and every answer waits 40 ms for an acknowledgement.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((host, port))
    listening.listen(128)
    return listening


def endpoint_of(listening: socket.socket) -> str:
    """The address to give clients as HF_ENDPOINT."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@contextmanager
def running(
    root: Path,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    tokens: Mapping[str, str] | None = None,
    organizations: Mapping[str, Mapping[str, str]] | None = None,
    choose_user: bool = False,
) -> Iterator[Running]:
    """Serve `root` from a thread while the block lasts, with the fault switch enabled.

    `tokens`: user -> token; `organizations`: name -> (user -> role); `choose_user`: visitors may sign in as any user.
    Clients need HF_HUB_DISABLE_XET=1.
    """
    hub = Hub(root)
    for user, token in (tokens or {}).items():
        hub.accounts.add_user(user, token=token)
    for name, members in (organizations or {}).items():
        hub.accounts.add_organization(name, members)
    listening = bind(host, port)
    app = create_app(hub, choose_user=choose_user, fault_switch=True)
    config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=2)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, name="localhub", daemon=True)
    thread.start()
    try:
        _wait_until_started(server, thread)
        yield Running(endpoint_of(listening), hub, app.state.fault_switch)
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        listening.close()


def _wait_until_started(server: uvicorn.Server, thread: threading.Thread) -> None:
    for _ in range(1000):
        if server.started:
            return
        thread.join(timeout=0.01)
        if not thread.is_alive():
            break
    raise LocalHubError("The Hub did not start: see its log above")
