"""What is wrong, as a sentence with what to do."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class Severity(StrEnum):
    """An error refuses the submission; a warning is shown and lets it pass."""

    ERROR = "error"
    WARNING = "warning"


class Problem(BaseModel):
    """One thing that is wrong, with what to do about it."""

    model_config = ConfigDict(frozen=True)

    code: str
    """Stable snake_case name, for search and programs."""
    field: str
    """The submission's field it belongs to (`model`, `revision`, `precision`, ...)."""
    message: str
    """A sentence: what is wrong."""
    fix: str
    """A sentence: what to do."""
    severity: Severity = Severity.ERROR
    """`error` or `warning`."""


class Fault(StrEnum):
    """Whose fault a failure is."""

    SUBMISSION = "submission"
    INFRASTRUCTURE = "infrastructure"


class Failure(BaseModel):
    """Why a request failed, for the person who submitted it."""

    fault: Fault
    code: str
    message: str
    """Sentences: what happened, what to do."""
    log: str | None = None
    """Name of the log, relative to the work folder; None when there is none."""
