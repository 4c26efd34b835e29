"""Whether a checkpoint can be accepted: pure functions over the submission, what the Hub says, and what is known here.

Every rule takes the case and yields Problems; `check` runs them all, so that everything is said at once.
To add one: write its sentence in `catalogue`, its function in one of the modules named in RULES, its lines in
docs/checks.md.
"""

from __future__ import annotations

from leaderboard.records import Problem
from leaderboard.submissions.kinds.checkpoint.checks import checkpoint, copies, quantised, submission
from leaderboard.submissions.kinds.checkpoint.checks.case import CheckpointCase, Lookup, base_of, base_revision_of
from leaderboard.submissions.kinds.checkpoint.checks.native import Native, native_architectures

__all__ = [
    "CheckpointCase",
    "Lookup",
    "Native",
    "base_of",
    "base_revision_of",
    "check",
    "native_architectures",
]

RULES = (*submission.ASKED, *copies.RULES, *checkpoint.RULES, *quantised.RULES, *submission.FITS)
"""In the order in which a person reads their problems."""


def check(case: CheckpointCase) -> list[Problem]:
    """Every problem of the checkpoint, errors and warnings; an empty list when there is none."""
    return [problem for rule in RULES for problem in rule(case)]
