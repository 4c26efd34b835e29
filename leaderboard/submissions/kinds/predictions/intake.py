"""How files of predictions are taken in."""

from __future__ import annotations

from leaderboard.records import PredictionsSubmission
from leaderboard.submissions.kinds.named import ArtifactIntake


class PredictionsIntake(ArtifactIntake[PredictionsSubmission]):
    """Takes files of predictions."""
