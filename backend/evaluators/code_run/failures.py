"""What went wrong in submitted code, as its submitter may read it: what was raised and where, never what is hidden."""

from __future__ import annotations

import builtins
import re
from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from typing import Any

from leaderboard.results.terminal import shown_text

MOST_WHERE = 10
MOST_TEXT = 500
NAME = re.compile(r"\w{1,100}")
MOST_LINES = 1_000_000


class FailureKind(StrEnum):
    """How a call failed."""

    EXCEPTION = "exception"
    TIME_LIMIT = "time_limit"
    MEMORY_LIMIT = "memory_limit"
    ENDED = "ended"
    """The process ended: sys.exit is an exception, os._exit and signals are this."""
    ANSWER = "answer"
    """It returned, but not what the benchmark asks for."""
    PROTOCOL = "protocol"
    """Something else than the runner wrote to the private pipe."""


class CallFailed(Exception):
    """A call of submitted code failed."""

    def __init__(self, kind: FailureKind, what: str, message: str = "", where: Sequence[str] = ()) -> None:
        self.kind = kind
        self.what = what
        """The exception's type, or what happened in words of ours."""
        self.where = tuple(where)
        """`file:line` in the submission's own files, the outermost first."""
        self.message = message
        """What the submission chose and so may tell of the data: the exception's message, sizes, an exit code."""
        super().__init__(what)

    def place(self, messages: bool) -> str:
        """What happened, and in which line of the submission's files.

        Names of exceptions of its own can tell of the data too; they are left out unless `messages`.
        """
        own = self.kind is FailureKind.EXCEPTION and not hasattr(builtins, self.what)
        what = "an exception of its own" if own and not messages else self.what
        return f"{what} at {self.where[-1]}" if self.where else what

    def sentence(self, messages: bool) -> str:
        """The same, with the message where `messages` allows it."""
        place = self.place(messages)
        return f"{place}: {self.message}" if messages and self.message else place


def raised(error: Any, files: Collection[str]) -> CallFailed:
    """The exception that the runner describes; `files` are the submission's. Nothing of the description is trusted."""
    fields: Mapping[str, Any] = error if isinstance(error, dict) else {}
    name, message = fields.get("type"), fields.get("message")
    what = name if isinstance(name, str) and NAME.fullmatch(name) else "an exception"
    text = shown_text(message[:MOST_TEXT]) if isinstance(message, str) else ""
    words = " ".join(text.split()).removesuffix(".")
    return CallFailed(FailureKind.EXCEPTION, what, words, _places(fields.get("where"), files))


def _places(where: Any, files: Collection[str]) -> list[str]:
    """`file:line` of each frame that is described as it should be."""
    frames = where[-MOST_WHERE:] if isinstance(where, list) else []
    pairs = [frame for frame in frames if isinstance(frame, list) and len(frame) == 2]
    return [
        f"{file}:{line}"
        for file, line in pairs
        if isinstance(file, str) and file in files and type(line) is int and 0 < line < MOST_LINES
    ]
