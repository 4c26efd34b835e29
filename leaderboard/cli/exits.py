"""What a shell and a program learn of how a command ended: a code and an exit code. docs/command.md has the table."""

from __future__ import annotations

from typing import Any, NamedTuple

from leaderboard.errors import (
    BadBenchmark,
    BadSettings,
    Conflict,
    Infrastructure,
    Interrupted,
    NotAccepted,
    NotAllowed,
    NotFound,
    NotPossible,
    NotSignedIn,
    PodiumError,
    SubmissionFailed,
    TooLarge,
    TooMany,
    WrongUse,
)


class Ending(NamedTuple):
    """How a command ended."""

    code: str
    """For programs."""
    exit: int
    """The process's exit code."""


DONE = Ending("done", 0)
WRONG_USE = Ending("wrong_use", 2)
INTERRUPTED = Ending("interrupted", 130)
INCOMPLETE = Ending("incomplete", 6)
"""Of an import that left files out; all others were imported."""
ENDINGS: list[tuple[type[PodiumError], Ending]] = [
    (Interrupted, INTERRUPTED),
    (WrongUse, WRONG_USE),
    (BadSettings, Ending("bad_settings", 2)),
    (BadBenchmark, Ending("bad_benchmark", 2)),
    (NotSignedIn, Ending("not_signed_in", 5)),
    (NotAllowed, Ending("not_allowed", 5)),
    (SubmissionFailed, Ending("submission_failed", 4)),
    (NotAccepted, Ending("not_accepted", 1)),
    (NotFound, Ending("not_found", 1)),
    (NotPossible, Ending("not_possible", 1)),
    (TooLarge, Ending("too_large", 1)),
    (TooMany, Ending("too_many", 3)),
    (Infrastructure, Ending("unavailable", 3)),
    (Conflict, Ending("conflict", 3)),
    (PodiumError, Ending("refused", 1)),
]
"""The first class that fits."""


def ending_of(error: PodiumError) -> Ending:
    """How a command ends that raises `error`."""
    return next(ending for kind, ending in ENDINGS if isinstance(error, kind))


def error_document(error: PodiumError) -> dict[str, Any]:
    """What `--json` prints of `error`."""
    ending = ending_of(error)
    document: dict[str, Any] = {"code": ending.code, "exit": ending.exit, "error": str(error)}
    if isinstance(error, NotAccepted):
        document["problems"] = [problem.model_dump(mode="json") for problem in error.problems]
    if isinstance(error, SubmissionFailed):
        document["request"] = error.request
    if isinstance(error, TooMany):
        document["retry_after_s"] = error.retry_after_s
    return document
