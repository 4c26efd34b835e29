"""Whether a submission can be accepted: pure functions over what it says, what the Hub says, and what is known here.

Every rule takes the Case and yields Problems; `check` runs them all, so that everything is said at once.
To add one: write its sentence in `catalogue`, its function in one of the modules named in RULES, its lines in
docs/checks.md.
"""

from __future__ import annotations

from leaderboard.records import Problem, Severity
from leaderboard.submissions.kinds.checkpoint.checks import checkpoint, policy, quantised, submission
from leaderboard.submissions.kinds.checkpoint.checks.case import Case, Lookup, base_of, base_revision_of
from leaderboard.submissions.kinds.checkpoint.checks.native import Native, native_architectures

__all__ = [
    "Case",
    "Lookup",
    "Native",
    "base_of",
    "base_revision_of",
    "check",
    "errors",
    "native_architectures",
]

RULES = (*submission.ASKED, *policy.RULES, *checkpoint.RULES, *quantised.RULES, *submission.FITS)
"""In the order in which a person reads their problems."""


def check(case: Case) -> list[Problem]:
    """Every problem of the submission, errors and warnings; an empty list when there is none."""
    return [problem for rule in RULES for problem in rule(case)]


def errors(problems: list[Problem]) -> list[Problem]:
    """Those that refuse the submission."""
    return [problem for problem in problems if problem.severity is Severity.ERROR]
