"""What went wrong in submitted code, as its submitter may read it: what was raised and where, never what is hidden."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from leaderboard.results.terminal import shown_text

MOST_WHERE = 10
MOST_TEXT = 500
NAME = re.compile(r"\w{1,100}")
FILE = re.compile(r"[\w./ -]{1,200}")


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

    def __init__(self, kind: FailureKind, what: str, where: Sequence[str] = (), message: str = "") -> None:
        self.kind = kind
        self.what = what
        """The exception's type, or what happened in words."""
        self.where = tuple(where)
        """`file:line` in the submission's own files, the outermost first."""
        self.message = message
        """The exception's message; may quote the data."""
        super().__init__(what)

    @property
    def place(self) -> str:
        """What happened, and in which line of the submission's files."""
        return f"{self.what} at {self.where[-1]}" if self.where else self.what

    def sentence(self, messages: bool) -> str:
        """The same, with the exception's message where `messages` allows it."""
        return f"{self.place}: {self.message}" if messages and self.message else self.place


def raised(error: Any) -> CallFailed:
    """The exception that the runner describes. Nothing of the description is trusted."""
    fields: Mapping[str, Any] = error if isinstance(error, dict) else {}
    name, message = fields.get("type"), fields.get("message")
    what = name if isinstance(name, str) and NAME.fullmatch(name) else "an exception"
    text = shown_text(message[:MOST_TEXT]) if isinstance(message, str) else ""
    words = " ".join(text.split()).removesuffix(".")
    return CallFailed(FailureKind.EXCEPTION, what, _places(fields.get("where")), words)


def _places(where: Any) -> list[str]:
    """`file:line` of each frame that is described as it should be."""
    frames = where[-MOST_WHERE:] if isinstance(where, list) else []
    pairs = [frame for frame in frames if isinstance(frame, list) and len(frame) == 2]
    return [
        f"{file}:{line}"
        for file, line in pairs
        if isinstance(file, str) and FILE.fullmatch(file) and type(line) is int and 0 < line < 1 << 31
    ]
