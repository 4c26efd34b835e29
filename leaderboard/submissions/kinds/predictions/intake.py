"""How files of predictions are taken in."""

from __future__ import annotations

import threading
from pathlib import Path

from leaderboard.benchmarks.challenge import PredictionsRules
from leaderboard.errors import Infrastructure
from leaderboard.predictions.confined import Report, check_file
from leaderboard.predictions.sentences import problems
from leaderboard.records import PredictionsSubmission, Problem
from leaderboard.submissions.kinds.named import ArtifactCase, ArtifactIntake
from leaderboard.submissions.kinds.predictions.kept import KeptReports, checked

AT_ONCE = 2
"""Files that are checked at the same time in one process, each in up to `confined.MEMORY_BYTES`."""
WAIT_S = 120


class PredictionsIntake(ArtifactIntake[PredictionsSubmission]):
    """Takes files of predictions."""

    def __init__(self) -> None:
        self._places = threading.BoundedSemaphore(AT_ONCE)
        self._kept = KeptReports()

    def inside(self, case: ArtifactCase) -> list[Problem]:
        """Every problem inside the file. Raises Infrastructure when it cannot be checked, OSError."""
        rules = case.benchmark.predictions if case.benchmark else None
        if case.benchmark is None or rules is None or not rules.has_table or case.file is None:
            return []
        if case.private is None:
            raise Infrastructure("This board has no folder for private data. Tell the maintainers.")
        artifact = case.submission.artifact
        check = checked(artifact.sha256, artifact.filename, case.benchmark.id, rules, case.private)
        report = self._kept.get(check)
        if report is None:
            report = self._check(case.file, artifact.filename, rules, case.private)
            self._kept.keep(check, report)
        return problems(report, artifact.filename, case.benchmark)

    def _check(self, file: Path, filename: str, rules: PredictionsRules, private: Path) -> Report:
        if not self._places.acquire(timeout=WAIT_S):
            raise Infrastructure("Many files are being checked at the moment. Submit it again in a few minutes.")
        try:
            return check_file(file, filename, rules, private)
        finally:
            self._places.release()
