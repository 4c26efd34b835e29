"""What was submitted to a bundle: unpacked, and told apart into code and results."""

from __future__ import annotations

import shutil
from pathlib import Path

from backend.evaluators.bundle_run.metadata import NAMES, command_of
from backend.evaluators.bundle_run.plan import RESULTS, Plan
from backend.evaluators.bundle_run.task import Submission
from backend.failures import JobFailed
from backend.workdir import Workdir
from leaderboard.archives import ArchiveLimits, open_archive
from leaderboard.errors import BadArchive, Unreadable
from leaderboard.records import ArtifactRequest

ARCHIVES = (".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz")
PROGRAMS = frozenset({".py", ".ipynb", ".so", ".sh", ".r", ".jl", ".js", ".java", ".jar", ".c", ".cpp", ".go", ".rs"})
"""Endings of files that an ingestion may run."""


def submission_of(workdir: Workdir, plan: Plan, takes_results: bool) -> Submission:
    """Unpack what was submitted. `takes_results`: whether the benchmark also takes results without a program.

    Raises JobFailed.
    """
    folder = workdir.scratch / "submission"
    request = workdir.request()
    assert isinstance(request, ArtifactRequest)
    name = request.artifact.filename if request.artifact.filename.strip(".") else "predictions"
    try:
        if request.kind != RESULTS or name.lower().endswith(ARCHIVES):
            open_archive(workdir.artifact, folder, ArchiveLimits(nested=True), unwrap=True)
        else:
            folder.mkdir()
            shutil.copyfile(workdir.artifact, folder / name)
        command = command_of(folder) if plan.is_code else None
    except BadArchive as error:
        raise JobFailed("bad_archive", str(error)) from error
    except Unreadable as error:
        raise JobFailed("ingestion_failed", f"The submission's own metadata cannot be used: {error}") from error
    holds_results = plan.is_code and takes_results and not holds_program(folder)
    return Submission(folder, plan.is_dataset or (plan.is_code and not holds_results), command)


def holds_program(folder: Path) -> bool:
    """Whether a submission holds something to run rather than results only."""
    return any(
        file.suffix.lower() in PROGRAMS or (file.parent == folder and file.name in NAMES)
        for file in folder.rglob("*")
        if file.is_file()
    )
