"""The way out of a program's network, for benchmarks that permit APIs: a proxy that connects to the hosts of a list.

A program's network has nobody on it. Where it may reach hosts, this process listens on a port of that network, and
connects on the machine's own to what is on the list and nothing else: HTTP's CONNECT, as every client does for https.
Names are looked up here, once a connection, and must lead to public addresses; an address that is on the list itself
is taken as it is. Light to import: standard library only.
"""

from __future__ import annotations

import contextlib
import encodings.idna  # noqa: F401  # needed later, when the interpreter's files may be out of reach
import ipaddress
import os
import selectors
import socket
import threading
from collections.abc import Sequence
from typing import NoReturn

from backend.sandbox import linux

HTTPS = 443
MOST_CONNECTIONS = 32
MOST_HEAD = 8192
CONNECT_S = 10.0
IDLE_S = 120.0
CHUNK = 1 << 16
ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"


class Refused(ValueError):
    """A request that is not done; begins with the status."""


class Proxy:
    """Connects programs to `allowed` hosts: `host` for https, or `host:port`."""

    def __init__(self, allowed: Sequence[str]) -> None:
        self.allowed = {_place(host) for host in allowed}
        self._free = threading.Semaphore(MOST_CONNECTIONS)

    def serve(self, listener: socket.socket) -> NoReturn:
        """Take connections until this process is ended; more than there may be wait."""
        while True:
            self._free.acquire()
            client, _ = listener.accept()
            threading.Thread(target=self._answer, args=(client,), daemon=True).start()

    def _answer(self, client: socket.socket) -> None:
        try:
            with client, contextlib.suppress(OSError):
                client.settimeout(CONNECT_S)
                try:
                    host = self._connected(_head(client))
                except Refused as refused:
                    client.sendall(f"HTTP/1.1 {refused}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
                    return
                with host:
                    client.sendall(ESTABLISHED)
                    _pass_on(client, host)
        finally:
            self._free.release()

    def _connected(self, head: bytes) -> socket.socket:
        """A connection to what a request names. Raises Refused."""
        words = head.split(b"\r\n", 1)[0].decode("latin-1").split()
        if len(words) != 3 or words[0] != "CONNECT":
            raise Refused("405 Only CONNECT is possible here")
        place = _place(words[1])
        if place not in self.allowed:
            raise Refused("403 This host is not allowed")
        try:
            for address in _addresses(*place):
                with contextlib.suppress(OSError):
                    return socket.create_connection((address, place[1]), CONNECT_S)
        except (OSError, UnicodeError):
            pass
        raise Refused("502 This host cannot be reached")


def listener_inside(pid: int, port: int) -> socket.socket:
    """A socket that listens on the network of process `pid`. Raises OSError."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    child = os.fork()
    if child == 0:
        try:
            linux.call("setns", os.open(f"/proc/{pid}/ns/net", os.O_RDONLY), linux.NEW_NETWORK)
            listener = socket.create_server(("", port))
            socket.send_fds(theirs, [b"x"], [listener.fileno()])
        finally:
            os._exit(0)
    theirs.close()
    with ours:
        _, descriptors, *_ = socket.recv_fds(ours, 1, 1)
    os.waitpid(child, 0)
    if not descriptors:
        raise OSError("The proxy for allowed hosts cannot listen on the program's network.")
    return socket.socket(fileno=descriptors[0])


def _place(host: str) -> tuple[str, int]:
    """Host and port of `host` or `host:port`."""
    name, colon, port = host.rpartition(":")
    if colon and port.isdecimal() and len(port) <= 5:
        return name.lower().rstrip("."), int(port)
    return host.lower().rstrip("."), HTTPS


def _addresses(host: str, port: int) -> list[str]:
    """The addresses to connect to: public ones of a name, or the one that was written."""
    with contextlib.suppress(ValueError):
        return [str(ipaddress.ip_address(host))]
    found = [str(answer[4][0]) for answer in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    return [address for address in dict.fromkeys(found) if ipaddress.ip_address(address.partition("%")[0]).is_global]


def _head(client: socket.socket) -> bytes:
    """A request up to its empty line. Raises Refused."""
    head = b""
    while b"\r\n\r\n" not in head:
        chunk = client.recv(CHUNK)
        head += chunk
        if not chunk or len(head) > MOST_HEAD:
            raise Refused("400 This is no request")
    return head


def _pass_on(one: socket.socket, other: socket.socket) -> None:
    """Pass bytes both ways until one side ends or nothing comes for a while."""
    with selectors.DefaultSelector() as ready:
        ready.register(one, selectors.EVENT_READ, other)
        ready.register(other, selectors.EVENT_READ, one)
        while events := ready.select(IDLE_S):
            for key, _ in events:
                assert isinstance(key.fileobj, socket.socket)
                chunk = key.fileobj.recv(CHUNK)
                if not chunk:
                    return
                key.data.sendall(chunk)
