"""Which layers of the sandbox can be had on this machine: `python -m backend.sandbox` tries each and prints JSON."""

from __future__ import annotations

import json
import os
import socket
import sys
import tempfile
from pathlib import Path

from backend.sandbox import Layer, Sandbox, View

FORBIDDEN = "/etc/hostname"


def problem(layer: Layer) -> str:
    """Why a process cannot be confined with `layer` alone; empty when it can. Tried in a child."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _try(layer, writing)
    os.close(writing)
    with os.fdopen(reading) as answers:
        answer = answers.read()
    os.waitpid(child, 0)
    return answer.removesuffix("ok") if answer else "a process that tries it ends without a word"


def _try(layer: Layer, answers: int) -> None:
    """Confine a process, and answer `ok` if that holds. Never returns."""
    try:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as root:
            sandbox = Sandbox([layer], Path(root))
            sandbox.isolate()
            pid = sandbox.fork()
            if pid == 0:
                sandbox.enter(View(), slot=0)
                os.write(answers, _look().encode())
                os._exit(0)
            os.waitpid(pid, 0)
    except OSError as error:
        os.write(answers, str(error.strerror or error).encode())
    finally:
        os._exit(0)


def _look() -> str:
    """What the confinement leaves open, or `ok`."""
    try:
        Path(FORBIDDEN).read_bytes()
        return f"{FORBIDDEN} can still be read"
    except OSError:
        pass
    try:
        socket.socket().close()
        return "the network can still be used"
    except OSError:
        return "ok"


if __name__ == "__main__":
    json.dump({layer.value: problem(layer) for layer in Layer}, sys.stdout)
