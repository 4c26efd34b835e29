"""Checks files in processes of their own, with limits: a file that crashes or fills its reader harms nothing else."""

from __future__ import annotations

import logging
import subprocess
import sys
import tempfile
from pathlib import Path

from pydantic import BaseModel, ValidationError

from leaderboard.benchmarks.challenge import PredictionsRules
from leaderboard.errors import Infrastructure
from leaderboard.predictions.findings import Finding

SECONDS = 60
MEMORY_BYTES = 3 << 30
"""Address space; of it a file of a million rows fills about a fifth."""
OUT_OF_MEMORY = 3
"""Exit status."""
ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "ARROW_DEFAULT_MEMORY_POOL": "system",  # the others reserve more than they use
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}

log = logging.getLogger(__name__)


class Task(BaseModel):
    """What is to be checked."""

    file: Path
    filename: str
    """What it was called when it was uploaded."""
    rules: PredictionsRules
    private: Path
    """Folder of the benchmark's private data."""
    scratch: Path
    """An empty folder."""
    seconds: int
    """Processor time that the check may take."""
    memory_bytes: int
    """Address space that it may fill."""


class Report(BaseModel):
    """What a check found."""

    findings: list[Finding] = []
    """Every kind of problem; empty for a good file."""
    constant: list[str] = []
    """Columns that hold one value everywhere."""
    counts_rows: bool = False
    """Whether findings name rows, not lines."""
    ours: str = ""
    """Why nothing can be checked, for the organiser."""


def check_file(file: Path, filename: str, rules: PredictionsRules, private: Path) -> Report:
    """What is wrong with an uploaded file. Raises Infrastructure when it cannot be checked, OSError."""
    with tempfile.TemporaryDirectory(prefix="podium-check-") as scratch:
        task = Task(
            file=file.absolute(), filename=filename, rules=rules, private=private, scratch=Path(scratch),
            seconds=SECONDS, memory_bytes=MEMORY_BYTES,
        )  # fmt: skip
        try:
            ended = subprocess.run(
                [sys.executable, "-m", __package__],
                input=task.model_dump_json().encode(), capture_output=True, cwd=ROOT, env=ENVIRONMENT, timeout=SECONDS,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return _stopped()
    if ended.returncode < 0 or ended.returncode == OUT_OF_MEMORY:
        return _stopped()
    if ended.returncode:
        log.error("The check of a file of predictions failed: %s", ended.stderr[-2000:].decode(errors="replace"))
        raise Infrastructure("The file could not be checked on our side. Try again later, or tell the maintainers.")
    try:
        report = Report.model_validate_json(ended.stdout)
    except ValidationError:  # the file made its reader say something else
        return _stopped()
    if report.ours:
        log.error("Files of predictions cannot be checked: %s", report.ours)
        raise Infrastructure("The benchmark's labels cannot be read on our side. Tell the maintainers.")
    return report


def _stopped() -> Report:
    return Report(findings=[Finding(code="check_stopped", count=1, examples=[])])
