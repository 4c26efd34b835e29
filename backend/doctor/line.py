"""One line of the doctor."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel


class State(StrEnum):
    """How a thing is."""

    OK = "ok"
    WARNING = "warning"
    """Podium works, though not as well as it could."""
    FAILED = "failed"
    """Podium, or a part of it, does not work."""


class Line(BaseModel):
    """One thing that was looked at. It holds no secret."""

    name: str
    state: State
    sentence: str
    """What was found."""
    fix: str = ""
    """What to do; empty where all is well."""


def ok(name: str, sentence: str) -> Line:
    """A thing that is well."""
    return Line(name=name, state=State.OK, sentence=sentence)


def warning(name: str, sentence: str, fix: str) -> Line:
    """A thing that could be better."""
    return Line(name=name, state=State.WARNING, sentence=sentence, fix=fix)


def failed(name: str, sentence: str, fix: str) -> Line:
    """A thing that does not work."""
    return Line(name=name, state=State.FAILED, sentence=sentence, fix=fix)
