"""How packages of code are taken in: unpacked, read without being run, their Hub models pinned."""

from __future__ import annotations

import dataclasses
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

from leaderboard.benchmarks import Benchmark
from leaderboard.benchmarks.challenge import CodeRules
from leaderboard.errors import Infrastructure
from leaderboard.hub.hub import Hub
from leaderboard.packaging.contents import look_inside
from leaderboard.packaging.models_file import FILE
from leaderboard.records import CodeRequest, CodeSubmission, HubModel, Request
from leaderboard.submissions.case import Context
from leaderboard.submissions.kinds.code.models import Pinned, pin_models
from leaderboard.submissions.kinds.named import ArtifactCase, ArtifactIntake

AT_ONCE = 2
"""Packages that are looked into at the same time: each is unpacked on the disk."""
WAIT_S = 120


@dataclass(frozen=True, kw_only=True)
class CodeCase(ArtifactCase):
    """A package, and the models that it loads."""

    models: tuple[HubModel, ...] = ()


class CodeIntake(ArtifactIntake[CodeSubmission]):
    """Takes packages of code. Where a bundle's programs run them, their files are the bundle's business."""

    def __init__(self) -> None:
        self._places = threading.BoundedSemaphore(AT_ONCE)

    def look(self, submission: CodeSubmission, context: Context) -> ArtifactCase:
        """Find the package, look into it, and pin its models. Raises Infrastructure when it cannot be checked now."""
        case = super().look(submission, context)
        benchmark = case.benchmark
        if case.file is None or benchmark is None or benchmark.code is None or benchmark.bundle is not None:
            return case
        if any(problem.field.startswith("artifact") for problem in self.check(case)):
            return case
        if not self._places.acquire(timeout=WAIT_S):
            raise Infrastructure("Many packages are being checked at the moment. Submit it again in a few minutes.")
        try:
            pinned = inspect(case.file, submission.artifact.filename, benchmark.code, benchmark, context.hub)
        finally:
            self._places.release()
        fields = {field.name: getattr(case, field.name) for field in dataclasses.fields(case)}
        return CodeCase(**fields | {"models": pinned.models, "file_problems": tuple(pinned.problems)})

    def request(self, case: ArtifactCase, context: Context) -> Request | None:
        """The request; its size, by which a job gets its resources, is that of the largest model."""
        request = super().request(case, context)
        if request is None:
            return None
        models = list(case.models) if isinstance(case, CodeCase) else []
        size = max((model.params or 0.0 for model in models), default=0.0)
        return CodeRequest.model_validate(request.model_dump() | {"models": models, "params": size})


def inspect(file: Path, filename: str, rules: CodeRules, benchmark: Benchmark, hub: Hub) -> Pinned:
    """Look into a package: its models, and every problem. Raises HubUnavailable, OSError."""
    with tempfile.TemporaryDirectory(prefix="podium-package-") as place:
        folder = Path(place) / "package"
        contents = look_inside(file, filename, folder, rules, benchmark)
        pinned = Pinned((), [])
        if FILE in contents.files:
            pinned = pin_models((folder / FILE).read_bytes(), rules, benchmark, hub)
    return Pinned(pinned.models, [*contents.problems, *pinned.problems])
