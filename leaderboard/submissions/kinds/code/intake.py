"""How packages of code are taken in."""

from __future__ import annotations

from leaderboard.records import CodeSubmission
from leaderboard.submissions.kinds.named import ArtifactIntake


class CodeIntake(ArtifactIntake[CodeSubmission]):
    """Takes packages of code."""
