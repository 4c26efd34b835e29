"""How files of predictions are taken in."""

from __future__ import annotations

import threading

from leaderboard.errors import Infrastructure
from leaderboard.predictions.confined import check_file
from leaderboard.predictions.sentences import problems
from leaderboard.records import PredictionsSubmission, Problem
from leaderboard.submissions.kinds.named import ArtifactCase, ArtifactIntake

AT_ONCE = 2
"""Files that are checked at the same time in one process, each in up to `confined.MEMORY_BYTES`."""
WAIT_S = 120


class PredictionsIntake(ArtifactIntake[PredictionsSubmission]):
    """Takes files of predictions."""

    def __init__(self) -> None:
        self._places = threading.BoundedSemaphore(AT_ONCE)

    def inside(self, case: ArtifactCase) -> list[Problem]:
        """Every problem inside the file. Raises Infrastructure when it cannot be checked, OSError."""
        rules = case.benchmark.predictions if case.benchmark else None
        if case.benchmark is None or rules is None or not rules.has_table or case.file is None:
            return []
        if case.private is None:
            raise Infrastructure("This board has no folder for private data. Tell the maintainers.")
        if not self._places.acquire(timeout=WAIT_S):
            raise Infrastructure("Many files are being checked at the moment. Submit it again in a few minutes.")
        try:
            filename = case.submission.artifact.filename
            return problems(check_file(case.file, filename, rules, case.private), filename, case.benchmark)
        finally:
            self._places.release()
