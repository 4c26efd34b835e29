"""The server's own checks of a submission, on the participant's machine."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel

from leaderboard.packaging.challenge import Challenge
from leaderboard.records import Problem


class Unchecked(BaseModel):
    """A check that was not made."""

    what: str
    why: str
    fix: str
    """How to have it made."""


class Validation(BaseModel):
    """What the checks say."""

    benchmark: str
    kind: str
    filename: str
    """What was checked: a package, or a file of predictions."""
    sha256: str
    problems: list[Problem]
    """Errors and warnings, those that the server would answer with, and how the smoke test failed."""
    unchecked: list[Unchecked] = []
    ran: bool = False
    """Whether the smoke test ran to its end."""
    scores: dict[str, float] = {}
    """Local scores by their keys (`Column.score`), raw as the metrics give them; empty where there is none."""

    @property
    def valid(self) -> bool:
        """Whether no check found an error. Checks that were not made count for nothing."""
        return not any(problem.severity == "error" for problem in self.problems)


def validate(place: Path, challenge: Challenge, *, run: bool = True) -> Validation:
    """Check the package or file of predictions at `place`: what `podium package` made, or a file of the participant's.

    `run`: whether code also runs in the sandbox, on the kit's public data. Raises Infrastructure, OSError.
    """
    raise NotImplementedError
