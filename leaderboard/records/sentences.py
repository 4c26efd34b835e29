"""Problems as sentences: templates, into which what comes from submitters is put through `shown`."""

from __future__ import annotations

from typing import NamedTuple

from leaderboard.records.problem import Problem, Severity
from leaderboard.records.shown import shown

__all__ = ["WARNING", "Catalogue", "Template", "shown"]

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
