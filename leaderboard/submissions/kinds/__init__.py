"""The kinds of submissions by name: how each is looked up, checked and made into a request.

A kind is a folder here, an entry here, an entry in `leaderboard.records.kinds` (fields, identity) and an evaluator in
`backend.evaluators`.
"""

from __future__ import annotations

from typing import Any

from leaderboard.records.submission import CHECKPOINT
from leaderboard.submissions.kinds.checkpoint.intake import CheckpointIntake
from leaderboard.submissions.kinds.code.intake import CodeIntake
from leaderboard.submissions.kinds.endpoint.intake import EndpointIntake
from leaderboard.submissions.kinds.kind import KindIntake
from leaderboard.submissions.kinds.predictions.intake import PredictionsIntake

INTAKES: dict[str, KindIntake[Any, Any]] = {
    CHECKPOINT: CheckpointIntake(),
    "predictions": PredictionsIntake(),
    "code": CodeIntake(),
    "endpoint": EndpointIntake(),
}
"""Name of a kind -> how its submissions are taken in."""
