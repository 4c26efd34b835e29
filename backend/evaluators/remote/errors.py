"""An exception taken from one process into another, with what failures are recognised by: classes, text, notes."""

from __future__ import annotations

from typing import Any

from backend.failures import JobFailed
from leaderboard.records import Fault

MOST_CAUSES = 8
KEPT = {"Exception": Exception, "ValueError": ValueError, "NotImplementedError": NotImplementedError}


def packed(error: BaseException, causes: int = MOST_CAUSES) -> dict[str, Any]:
    """An exception as JSON takes it."""
    cause = error.__cause__ or error.__context__
    return {
        "classes": [kind.__name__ for kind in type(error).__mro__ if issubclass(kind, BaseException)],
        "text": str(error),
        "notes": list(getattr(error, "__notes__", [])),
        "finding": [error.code, error.fault.value] if isinstance(error, JobFailed) else None,
        "cause": packed(cause, causes - 1) if cause is not None and causes else None,
    }


def unpacked(values: dict[str, Any]) -> Exception:
    """An exception with the same class names, text, notes and causes."""
    error: Exception
    if values["finding"]:
        code, fault = values["finding"]
        error = JobFailed(code, values["text"], Fault(fault))
    else:
        kind: type[Exception] = Exception
        for name in reversed(values["classes"]):
            kind = KEPT.get(name) or type(name, (kind,), {})
        error = kind(values["text"])
    for note in values["notes"]:
        error.add_note(note)
    if values["cause"]:
        error.__cause__ = unpacked(values["cause"])
    return error
