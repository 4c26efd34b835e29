"""Reports of files that were checked, for the submission that follows a look at the same file."""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path
from typing import NamedTuple

from leaderboard.benchmarks.challenge import PredictionsRules
from leaderboard.predictions.confined import Report

MOST = 64
STOPPED = "check_stopped"


class Checked(NamedTuple):
    """All that a report follows from."""

    sha256: str
    """The file's."""
    filename: str
    """By which its format is known."""
    benchmark: str
    rules: str
    labels: tuple[str, int, int]
    """Place, size and time (ns) of the labels, whose ids a file has to have."""


def checked(sha256: str, filename: str, benchmark_id: str, rules: PredictionsRules, private: Path) -> Checked:
    """What identifies a check."""
    labels = ("", 0, 0)
    if rules.labels is not None:
        file = (private / rules.labels.file).resolve()
        if file.exists():
            labels = (str(file), file.stat().st_size, file.stat().st_mtime_ns)
    return Checked(sha256, filename, benchmark_id, rules.model_dump_json(), labels)


class KeptReports:
    """The last reports, at most `most` of them. Safe for threads."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._reports: OrderedDict[Checked, Report] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, check: Checked) -> Report | None:
        """The report of the same check; None when it was not made, or long ago."""
        with self._lock:
            if check in self._reports:
                self._reports.move_to_end(check)
            return self._reports.get(check)

    def keep(self, check: Checked, report: Report) -> None:
        """Keep a report, unless it says how busy this machine was rather than what is in the file."""
        if any(finding.code == STOPPED for finding in report.findings):
            return
        with self._lock:
            self._reports[check] = report
            while len(self._reports) > self._most:
                self._reports.popitem(last=False)
