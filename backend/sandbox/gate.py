"""Holds a program back until its way out is there: the process of its proxy (proxy.py)."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Sequence

from backend.sandbox import linux
from backend.sandbox.stage import Stage

STDERR = 2
PORT = 3128
ADDRESS = f"http://127.0.0.1:{PORT}"
VARIABLES = {"HTTPS_PROXY": ADDRESS, "https_proxy": ADDRESS}
"""What tells a program's clients of the proxy."""


class Gate:
    """For a program that may reach `allowed` hosts."""

    def __init__(self, allowed: Sequence[str], stage: Stage) -> None:
        self._allowed = allowed
        self._stage = stage
        self.wait, self._go = os.pipe()
        """What bubblewrap waits for before it executes the program."""
        self._proxy: int | None = None

    def open(self, init: int) -> None:
        """Start the proxy of the network that process `init` is on, and let the program go. Raises OSError."""
        from backend.sandbox.proxy import Proxy, listener_inside  # few programs need it, and it takes its time

        listener = listener_inside(init, PORT)
        self._proxy = os.fork()
        if self._proxy == 0:
            try:
                self._stage.leave_rights()
                linux.die_with_parent()
                os.closerange(0, STDERR)
                os.closerange(STDERR + 1, listener.fileno())
                os.closerange(listener.fileno() + 1, 1 << 16)
                Proxy(self._allowed).serve(listener)
            finally:
                os._exit(1)
        listener.close()
        os.write(self._go, b"x")

    def close(self) -> None:
        """End the proxy, with every connection."""
        if self._proxy:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._proxy, signal.SIGKILL)
