"""Requests to one host: to addresses that were judged beforehand, without redirects, within a time and a size."""

from __future__ import annotations

import contextlib
import errno
import http.client
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from backend.relay.faults import EndpointFault
from leaderboard.endpoints.addresses import PORTS, AddressRules, Place, addresses_of

MOST_BODY = 32 << 20
MOST_LINE = 1 << 20
CONNECT_S = 15.0
CHUNK = 1 << 16


def pin(place: Place, rules: AddressRules) -> list[str]:
    """The addresses of the endpoint's name, resolved once and all of them allowed. Raises EndpointFault."""
    try:
        addresses = addresses_of(place.host, place.port)
    except socket.gaierror as error:
        if error.errno == socket.EAI_AGAIN:
            raise EndpointFault("endpoint_network", "names are not resolved") from error
        raise EndpointFault("endpoint_unreachable", "its name has no address") from error
    except (OSError, UnicodeError) as error:
        raise EndpointFault("endpoint_unreachable", "its name has no address") from error
    if not all(rules.admits(place, address) for address in addresses):
        raise EndpointFault("endpoint_address")
    return addresses


class PinnedConnection(http.client.HTTPConnection):
    """A connection that resolves no name: it goes to the given addresses, the first one that answers."""

    def __init__(self, place: Place, addresses: Sequence[str], rules: AddressRules, context: ssl.SSLContext) -> None:
        self.default_port = PORTS[place.scheme]
        super().__init__(place.host, place.port, timeout=CONNECT_S)
        self._place, self._addresses, self._rules, self._context = place, addresses, rules, context

    def connect(self) -> None:
        """Connect, and check once more where to. Raises OSError, EndpointFault."""
        last: OSError = ConnectionRefusedError()
        for address in self._addresses:
            try:
                raw = socket.create_connection((address, self._place.port), self.timeout)
            except OSError as error:
                last = error
                continue
            if not self._rules.admits(self._place, raw.getpeername()[0]):
                raw.close()
                raise EndpointFault("endpoint_address")
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.sock = raw
            if self._place.scheme == "https":  # the handshake comes after, so that it can be cut short from outside
                host = self._place.host
                tls = self._context.wrap_socket(raw, server_hostname=host, do_handshake_on_connect=False)
                self.sock = tls
                tls.do_handshake()
            self.sock.settimeout(None)
            return
        raise last


class Head(NamedTuple):
    """The beginning of an answer."""

    status: int
    headers: http.client.HTTPMessage

    @property
    def streams(self) -> bool:
        """Whether the answer comes in events."""
        return self.headers.get_content_type() == "text/event-stream"


class Exchange:
    """One request at a time over a connection that is kept. Not for several threads at once."""

    def __init__(self, place: Place, addresses: Sequence[str], rules: AddressRules, context: ssl.SSLContext) -> None:
        self._connection = PinnedConnection(place, addresses, rules, context)
        self._late = False

    @contextlib.contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Close the connection under what is done in the block once its time is over: nothing can drag it out.

        Raises EndpointFault for what goes wrong on the way.
        """
        self._late = False
        watchdog = threading.Timer(max(0.0, seconds), self._cut)
        watchdog.daemon = True
        watchdog.start()
        try:
            yield
        except EndpointFault as fault:
            self.close()
            if self._late:  # what was cut off may look like a wrong answer
                raise EndpointFault("endpoint_timeout", f"{seconds:.3g}") from fault
            raise
        except (OSError, http.client.HTTPException, ValueError, RecursionError) as error:
            self.close()
            if self._late:
                raise EndpointFault("endpoint_timeout", f"{seconds:.3g}") from error
            raise _fault_of(error) from error
        finally:
            watchdog.cancel()
        if self._late:
            self.close()
            raise EndpointFault("endpoint_timeout", f"{seconds:.3g}")

    def send(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Head:
        """Send a request and read the answer's head; a kept connection that the host has closed is made anew."""
        kept = self._connection.sock is not None
        try:
            return self._send(method, path, body, headers)
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
            self.close()
            if not kept or self._late:
                raise
        return self._send(method, path, body, headers)

    def read(self) -> bytes:
        """The answer's body. Raises EndpointFault for one that is too large or ends too early."""
        parts, size = [], 0
        while part := self._response.read1(CHUNK):
            size += len(part)
            if size > MOST_BODY:
                raise EndpointFault("endpoint_garbage", f"an answer has more than {MOST_BODY >> 20} MiB")
            parts.append(part)
        if self._response.length:
            raise http.client.IncompleteRead(b"")
        self._response.close()  # otherwise the connection is not free for the next request
        return b"".join(parts)

    def lines(self) -> Iterator[tuple[float, bytes]]:
        """The lines of the answer's body, each with the time (monotonic) at which it was there."""
        size = 0
        while line := self._response.readline(MOST_LINE):
            size += len(line)
            if size > MOST_BODY:
                raise EndpointFault("endpoint_garbage", f"an answer has more than {MOST_BODY >> 20} MiB")
            yield time.monotonic(), line
        self._response.close()

    def close(self) -> None:
        """Let the connection go."""
        self._connection.close()

    def _send(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Head:
        self._connection.request(method, path, body or None, headers)
        self._response = self._connection.getresponse()
        return Head(self._response.status, self._response.headers)

    def _cut(self) -> None:
        self._late = True
        current = self._connection.sock
        if current is not None:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(current, socket.SHUT_RDWR)  # of TLS too, without its farewell


def wait_asked_for(headers: http.client.HTTPMessage) -> float | None:
    """Seconds that `Retry-After` asks for; None where it does not."""
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdecimal():
        return float(text[:9])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time()) if text else None
    except (ValueError, OverflowError):
        return None


def _fault_of(error: BaseException) -> EndpointFault:
    if isinstance(error, ssl.SSLCertVerificationError):
        return EndpointFault("endpoint_tls", error.verify_message)
    if isinstance(error, ssl.SSLError):
        return EndpointFault("endpoint_tls", (error.reason or "no TLS").lower().replace("_", " "))
    if isinstance(error, TimeoutError):
        return EndpointFault("endpoint_unreachable", f"it did not accept the connection within {CONNECT_S:.3g} s")
    if isinstance(error, OSError) and error.errno in (errno.ENETUNREACH, errno.ENETDOWN):
        return EndpointFault("endpoint_network", "there is no way to its address")
    if isinstance(error, ConnectionRefusedError):
        return EndpointFault("endpoint_unreachable", "it refused the connection")
    if isinstance(error, http.client.IncompleteRead | http.client.RemoteDisconnected | ConnectionError):
        return EndpointFault("endpoint_unreachable", "it closed the connection before the answer was complete")
    if isinstance(error, json.JSONDecodeError | RecursionError):
        return EndpointFault("endpoint_garbage", "an answer is not JSON")
    if isinstance(error, http.client.HTTPException | ValueError):
        return EndpointFault("endpoint_garbage", "the answer is not HTTP")
    return EndpointFault("endpoint_unreachable", "the connection failed")
