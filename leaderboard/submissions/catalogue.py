"""Problems as sentences, and those that a submission of any kind can have. docs/checks.md lists all problems.

Sentences are templates; what is put into them comes from submitters and goes through `shown` first.
"""

from __future__ import annotations

from typing import NamedTuple

from leaderboard.records import Problem, Severity
from leaderboard.records.shown import shown

__all__ = ["COMMON", "WARNING", "Catalogue", "Template", "shown"]

WARNING = Severity.WARNING


class Template(NamedTuple):
    """A problem before names and numbers are filled in."""

    field: str
    message: str
    fix: str
    severity: Severity = Severity.ERROR


class Catalogue(dict[str, Template]):
    """Code of a problem -> its sentences."""

    def problem(self, code: str, **values: object) -> Problem:
        """The problem `code` with `values` put into its sentences, each of them through `shown`."""
        return self.problem_with(code, {}, **values)

    def problem_with(self, code: str, sentences: dict[str, str], **values: object) -> Problem:
        """As `problem`; `sentences` are our own words, put in as they are."""
        field, message, fix, severity = self[code]
        words = {name: shown(value) for name, value in values.items()} | sentences
        return Problem(
            code=code, field=field, message=message.format(**words), fix=fix.format(**words), severity=severity
        )


COMMON = Catalogue(
    {
        "unknown_benchmark": Template(
            "benchmark", "There is no benchmark {value} here.", "Choose one of the benchmarks of this board: {known}."
        ),
        "unknown_track": Template(
            "track", "The benchmark {benchmark} has no track {value}.", "Choose one of its tracks: {known}."
        ),
        "kind_not_taken": Template(
            "kind", "The benchmark {benchmark} takes no submissions of the kind {value}.", "It takes: {known}."
        ),
        "do_not_submit": Template(
            "model",
            "{model} is not taken by {benchmark}: {reason}",
            "Ask this board's maintainers if you think that this is wrong.",
        ),
        "quota_used_up": Template(
            "model",
            "{name} has made {used} submissions to {benchmark} {period}; one person may make {limit}.",
            "{again}; failed and cancelled submissions are not counted.",
        ),
        "organisation_quota_used_up": Template(
            "model",
            "Members of {name} have submitted {used} of its checkpoints to {benchmark} {period}; "
            "one organisation may submit {limit}.",
            "{again}; failed and cancelled submissions are not counted.",
        ),
        "team_quota_used_up": Template(
            "model",
            "The team of {name} has made {used} submissions to {benchmark} {period}; one team may make {limit}.",
            "{again}; failed and cancelled submissions are not counted.",
        ),
        "failures_used_up": Template(
            "model",
            "{used} submissions of {name} to {benchmark} failed {period} after scoring had begun, or wait or run and "
            "may still fail; one {whom} may have {limit}.",
            "{again}, or when those that wait or run have finished.",
        ),
        "already_requested": Template(
            "model",
            "{subject} has already been submitted: request {request} is {status}.",
            "Follow that request; {alternatives} can be submitted.",
            WARNING,
        ),
    }
)
