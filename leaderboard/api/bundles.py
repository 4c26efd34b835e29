"""Competition bundles: a maintainer uploads one, and it becomes a benchmark."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from leaderboard.api.guard import guarded_router
from leaderboard.api.problems import Trouble
from leaderboard.artifacts.places import keep_private_data, private_data
from leaderboard.bundles import BundleReading, add_bundle, read_bundle
from leaderboard.bundles.finding import Finding
from leaderboard.bundles.trial import try_solutions
from leaderboard.errors import BadBenchmark, NotAccepted
from leaderboard.records import Problem, Severity
from leaderboard.records.artifact import Sha256
from leaderboard.service import Service


class UploadedBundle(BaseModel):
    """A bundle that was uploaded, and the benchmark that it becomes."""

    model_config = ConfigDict(extra="forbid")

    id: Annotated[str, Field(min_length=1, max_length=64)]
    """Id of the benchmark."""
    sha256: Sha256
    """Of the zip."""
    replace: bool = False
    """Whether it takes the place of the bundle of that id that is there."""


class BundleAnswer(BaseModel):
    """What became of a bundle."""

    benchmark: str
    """Its id."""
    title: str
    dialect: str
    """`codabench`, `benchgen` or `codalab`."""
    warnings: list[Problem]
    solutions_run: int
    """Sample solutions that were run, each with a score; 0 where this front end runs no programs."""
    next: str
    """What is left to do."""


def bundle_routes(service: Service) -> APIRouter:
    """POST /bundles."""
    routes = guarded_router(service, tags=["bundles"])

    @routes.post("/bundles", status_code=201, responses={422: {"model": Trouble, "description": "Every problem of it"}})
    def add(bundle: UploadedBundle) -> BundleAnswer:
        """Make a benchmark of an uploaded competition bundle, once its sample solutions have run. For maintainers."""
        with tempfile.TemporaryDirectory(prefix="podium-bundle-") as folder:
            return _added(service, bundle, read_bundle(service.artifacts.path(bundle.sha256), Path(folder)))

    return routes


def _added(service: Service, wanted: UploadedBundle, reading: BundleReading) -> BundleAnswer:
    """Add what was read. Raises NotAccepted with every problem."""
    if reading.bundle is None:
        raise NotAccepted([_problem(finding) for finding in [*reading.findings.errors, *reading.findings.warnings]])
    settings = service.settings
    try:
        ran = sum(try_solutions(reading, wanted.id, run) for run in service.solution_runners)
        private = private_data(settings, wanted.id)
        benchmark = add_bundle(reading, wanted.id, settings.benchmarks_dir, private, replace=wanted.replace)
    except BadBenchmark as error:
        raise NotAccepted([_told(line) for line in error.lines]) from error
    keep_private_data(settings, wanted.id)
    return BundleAnswer(
        benchmark=benchmark.id,
        title=benchmark.title,
        dialect=reading.bundle.dialect,
        warnings=[_problem(finding) for finding in reading.findings.warnings],
        solutions_run=ran,
        next=f"Start this service and its workers again: they serve {benchmark.id} from then on.",
    )


def _problem(finding: Finding) -> Problem:
    return _told(str(finding), Severity.ERROR if finding.error else Severity.WARNING)


def _told(sentence: str, severity: Severity = Severity.ERROR) -> Problem:
    fix = "Change the bundle and upload it again." if severity is Severity.ERROR else ""
    return Problem(code="bundle", field="sha256", message=sentence, fix=fix, severity=severity)
