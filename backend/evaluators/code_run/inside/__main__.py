"""Imports a submission's file and calls what is in it, as the messages on a private pipe say.

    python -m inside DESCRIPTOR FOLDER

Standard output and error are the submission's own. It runs in this very process and may do with it what it likes, so
whoever reads the answers takes them for hostile; hiding the runner only keeps accidents away.
"""

from __future__ import annotations

import importlib
import os
import sys
import types
from typing import Any

from .messages import BadMessage, Most, Piece, pack, unpack

MOST_MESSAGE = 1000
"""Characters of an exception's message that are sent."""
MOST_FRAMES = 20
MOST_PIECES = 512
"""Pieces in one write; the system takes 1,024."""
OURS = Most(document_bytes=1 << 30)
"""What the service sends: more than anybody has data."""


class Pipe:
    """Our end of the private pipe, which programs that the submission starts do not inherit."""

    def __init__(self, descriptor: int) -> None:
        os.set_inheritable(descriptor, False)
        self._descriptor = descriptor

    def read(self, size: int) -> bytearray:
        """Exactly `size` bytes. Raises EOFError."""
        buffer = bytearray(size)
        view = memoryview(buffer)
        while view:
            count = os.readv(self._descriptor, [view])
            if not count:
                raise EOFError
            view = view[count:]
        return buffer

    def write(self, pieces: list[Piece]) -> None:
        """Every piece, in order. Raises OSError."""
        views = [memoryview(piece) for piece in pieces if len(piece)]
        while views:
            count = os.writev(self._descriptor, views[:MOST_PIECES])
            while views and count >= len(views[0]):
                count -= len(views.pop(0))
            if count:
                views[0] = views[0][count:]


class Runner:
    """What has been imported, and the object on which functions are called: a module or an instance."""

    def __init__(self, folder: str) -> None:
        self._folder = folder.rstrip("/") + "/"
        self._target: Any = None

    def answer(self, message: dict[str, Any]) -> list[Piece]:
        """Do what the message says; the value or the exception, packed."""
        number = message["number"]
        try:
            return pack({"number": number, "value": self._do(message)})
        except BaseException as error:  # noqa: BLE001 - whatever submitted code raises, sys.exit among it, is an answer
            return pack({"number": number, "error": self._described(error)})

    def _do(self, message: dict[str, Any]) -> Any:
        name = message["name"]
        match message["do"]:
            case "import":
                self._target = importlib.import_module(name)
            case "create":
                self._target = getattr(self._target, name)()
            case "call":
                return getattr(self._target, name)(*message["arguments"])
            case "call_if_there":
                function = getattr(self._target, name, None)
                return function(*message["arguments"]) if function is not None else None
        return None

    def _described(self, error: BaseException) -> dict[str, Any]:
        """Type and message of an exception, and the lines of the submission's own files that led to it."""
        where = []
        trace = error.__traceback__
        while trace is not None:
            where.append((trace.tb_frame.f_code.co_filename, trace.tb_lineno))
            trace = trace.tb_next
        if isinstance(error, SyntaxError):
            where.append((error.filename or "", error.lineno or 0))
        own = [(str(file).removeprefix(self._folder), line) for file, line in where if self._is_own(file)]
        return {"type": type(error).__name__, "message": _text(error), "where": own[-MOST_FRAMES:]}

    def _is_own(self, file: object) -> bool:
        return isinstance(file, str) and file.startswith(self._folder)


def _text(error: BaseException) -> str:
    try:
        return str(error)[:MOST_MESSAGE]
    except BaseException:  # noqa: BLE001 - the exception's own code
        return ""


def hide() -> None:
    """Take the runner from where a submission's imports look, so that neither finds the other by accident."""
    sys.path.pop(0)
    sys.argv[:] = [""]
    for name in [name for name in sys.modules if name.partition(".")[0] == __package__]:
        del sys.modules[name]
    sys.modules["__main__"] = types.ModuleType("__main__")


def main() -> None:
    """Answer messages until there are no more."""
    pipe, folder = Pipe(int(sys.argv[1])), sys.argv[2]
    hide()
    os.chdir(folder)
    sys.path.insert(0, folder)
    runner = Runner(folder)
    while True:
        try:
            message = unpack(pipe.read, OURS)
        except (EOFError, BadMessage):
            return
        pipe.write(runner.answer(message))


if __name__ == "__main__":
    main()
