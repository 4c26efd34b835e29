"""What the checks of a submission on the participant's machine say."""

from __future__ import annotations

from pydantic import BaseModel

from leaderboard.records import Problem, Severity

ALL_CHECKS = "pip install 'podium[validate]'"


class Unchecked(BaseModel):
    """A check that was not made."""

    what: str
    """The check: `the smoke test`."""
    why: str
    """A sentence."""
    fix: str
    """How to have it made, a sentence; empty where it can only be made on the server."""


class Validation(BaseModel):
    """What the checks say."""

    benchmark: str
    kind: str
    filename: str
    """What was checked: a package, or a file of predictions."""
    sha256: str
    """Of the file; empty where no package could be made."""
    problems: list[Problem] = []
    """Errors and warnings: those that the server would answer with, and how the smoke test failed."""
    unchecked: list[Unchecked] = []
    ran: bool = False
    """Whether the smoke test ran to its end."""
    scores: dict[str, float] = {}
    """Local scores by their keys (`Column.score`), raw as the metrics give them; empty where there is none."""
    output: str = ""
    """The end of what the smoke test printed."""

    @property
    def valid(self) -> bool:
        """Whether no check found an error. Checks that were not made count for nothing."""
        return not any(problem.severity is Severity.ERROR for problem in self.problems)
