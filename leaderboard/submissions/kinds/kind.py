"""How submissions of one kind are looked up, checked and made into requests."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Generic, TypeVar

from leaderboard.records import BaseSubmission, Problem, Request
from leaderboard.submissions.case import Case, Context

SubmissionT = TypeVar("SubmissionT", bound=BaseSubmission)
CaseT = TypeVar("CaseT", bound=Case)


class KindIntake(ABC, Generic[SubmissionT, CaseT]):
    """What `leaderboard.submissions.intake` asks of a kind, in this order."""

    @abstractmethod
    def look(self, submission: SubmissionT, context: Context) -> CaseT:
        """Everything that the checks need to know; the only step that may wait for others. Raises HubUnavailable."""

    @abstractmethod
    def check(self, case: CaseT) -> list[Problem]:
        """Every problem, errors and warnings, beside those that any kind may have (`leaderboard.submissions.rules`)."""

    @abstractmethod
    def request(self, case: CaseT, context: Context) -> Request | None:
        """What is queued if the submission is accepted; None where too little is known for it."""

    def accepted(self, case: CaseT, context: Context) -> None:
        """Called before the request is queued."""
        return

    def queued(self, case: CaseT, context: Context) -> None:
        """Called after the request was queued."""
        return
