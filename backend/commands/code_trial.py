"""A package of code run once on public data, as a worker runs it: confined, within the benchmark's limits, scored."""

from __future__ import annotations

import contextlib
import io
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from backend.evaluators import EVALUATORS, evaluator_name
from backend.evaluators.code_run import evaluate
from backend.failures import JobFailed
from backend.sandbox.programs import missing
from backend.workdir import JobOptions, Workdir
from leaderboard.benchmarks import Benchmark
from leaderboard.errors import PodiumError
from leaderboard.records import Artifact, CodeRequest, Failure, Fault, now
from leaderboard.records.submission import CODE

OUTPUT_CHARACTERS = 20_000
"""Of the end of what it printed."""


@dataclass(frozen=True)
class Trial:
    """How a run went."""

    scores: Mapping[str, float]
    """By their keys; none where it failed."""
    failure: Failure | None
    unconfined: str
    """Why programs of strangers cannot be run here; empty where they can. Nothing was run then."""
    output: str
    """The end of what it printed."""


def run(package: Path, digest: str, benchmark: Benchmark, data: Path) -> Trial:
    """Run a package in which the checks found nothing wrong.

    `digest`: its SHA-256, which also decides what a run would leave to chance. `data`: the folder that stands for the
    benchmark's private one. Raises OSError.
    """
    if unconfined := missing():
        return Trial({}, None, unconfined, "")
    printed = io.StringIO()
    with tempfile.TemporaryDirectory(prefix="podium-trial-") as folder, contextlib.redirect_stdout(printed):
        workdir = _prepared(Path(folder), package, digest, benchmark, data)
        try:
            evaluate(workdir.path)
            failure = None
        except JobFailed as error:
            failure = Failure(fault=error.fault, code=error.code, message=str(error))
        except PodiumError as error:
            failure = Failure(fault=Fault.INFRASTRUCTURE, code="not_run", message=str(error))
        scores = {} if failure else dict(workdir.results()["results"][benchmark.id])
    return Trial(scores, failure, "", printed.getvalue()[-OUTPUT_CHARACTERS:])


def _prepared(folder: Path, package: Path, digest: str, benchmark: Benchmark, data: Path) -> Workdir:
    """The work folder of the run. What a competition keeps back or rounds is neither here."""
    request = CodeRequest(
        id=digest[:16], kind=CODE, model="here/submission", revision=digest, benchmark=benchmark.id,
        submitted_time=now(), attempts=1, job_start_time=now(),
        artifact=Artifact(sha256=digest, bytes=package.stat().st_size, filename=package.name),
    )  # fmt: skip
    workdir = Workdir(folder / "job")
    options = JobOptions(evaluator=evaluator_name(EVALUATORS[CODE]), private=data.resolve())
    workdir.prepare(options, request, benchmark.model_copy(update={"competition": None}))
    shutil.copyfile(package, workdir.artifact)
    return workdir
