"""A request that has ended, as far as lists, boards and quotas need it: there are many, and they hardly change."""

from __future__ import annotations

from typing import NamedTuple

from leaderboard.records.people import is_same
from leaderboard.records.request import Request, Status


class EndedRequest(NamedTuple):
    """What is kept in memory of a finished, failed or cancelled request; the rest stays in its file.

    What has the name of a field of `Request` is that field.
    """

    path: str
    """Of its file."""
    version: str
    """Of its file."""
    id: str
    status: Status
    benchmark: str
    model: str
    base_model: str
    params: float | None
    architectures: str
    license: str
    model_type: str
    track: str
    sender: str
    sender_org: str
    submitted_time: str
    ended_time: str
    """When it came to its present state (UTC); empty when its file does not say."""
    seconds: float | None
    """How long the run took that finished it; None when it did not finish."""
    entries: int
    """How many entries its history has."""
    arrived: str = ""
    resubmitted_by: str = ""
    corrected: tuple[str, ...] = ()
    """Fields that a maintainer corrected."""
    scoring_failures: tuple[str, ...] = ()
    """When runs of it failed after they could have told something of hidden data (UTC), the first one first."""

    @property
    def charged_to(self) -> str:
        """Whose quota and fair share it counts for."""
        return self.resubmitted_by or self.sender


AnyRequest = Request | EndedRequest
"""A request in a list: in full while it is pending or running."""


def is_submitter(request: AnyRequest, name: str) -> bool:
    """Whether `name` has submitted it, or has submitted it again."""
    return is_same(request.sender, name) or is_same(request.resubmitted_by, name)


def ended_at(request: AnyRequest) -> str:
    """When it came to its present state (UTC); empty when its file does not say."""
    if isinstance(request, EndedRequest):
        return request.ended_time
    return request.history[-1].time if request.history else request.job_start_time or request.submitted_time
