"""What is known of a kind of submission by everybody who reads files: queue, results, board, backend.

How submissions of the kind are looked up and checked is in `leaderboard.submissions.kinds`.
"""

from __future__ import annotations

from typing import ClassVar

from leaderboard.records.request import Request
from leaderboard.records.result import PodiumBlock
from leaderboard.records.submission import BaseSubmission


class Kind:
    """One kind of submission, as its files say it.

    The defaults fit a kind whose `revision` is a digest of what was sent.
    """

    submission: ClassVar[type[BaseSubmission]]
    """What a person sends."""
    request: ClassVar[type[Request]] = Request
    """What a request file holds."""
    block: ClassVar[type[PodiumBlock]] = PodiumBlock
    """What a result file holds under `podium`."""
    title: ClassVar[str] = "Submission"
    """What one is called on pages."""
    name_field: ClassVar[str] = "name"
    """The submission's field that names it."""
    on_hub: ClassVar[bool] = False
    """Whether its name is that of a model repository on the Hub, whose facts are shown beside its scores."""
    loads_weights: ClassVar[bool] = False
    """Whether a job loads weights, in the request's precision and of its weight type."""
    activity: ClassVar[str] = "scoring"
    """What a job does with it, a noun for sentences."""
    alternatives: ClassVar[str] = "another version of it"
    """What may be submitted where the same is in the queue already."""

    def identity(self, record: Request | PodiumBlock) -> tuple[str, ...]:
        """What tells it from others of the same name on the same benchmark; a commit or digest comes first."""
        return (record.revision,)

    def subject(self, record: Request | PodiumBlock) -> str:
        """Name and identity in one readable line."""
        return f"{record.model} at {record.revision[:12]}"

    def obstacle(self, request: Request) -> str | None:
        """Why a pending request cannot be claimed, as a sentence; None when it can."""
        return None
