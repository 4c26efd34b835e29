"""What one run of a submission has to do: the tasks of its phase, the folders of each, the limits."""

from __future__ import annotations

import platform
import re
from dataclasses import dataclass
from pathlib import Path

from backend.failures import JobFailed
from backend.sandbox.programs import image_missing
from backend.workdir import Workdir
from leaderboard.benchmarks import Benchmark
from leaderboard.benchmarks.bundle_rules import BundlePhase, BundleRules, BundleTask
from leaderboard.records import ArtifactRequest, Fault
from leaderboard.results.log_parts import say

RESULTS = "predictions"
"""The kind of a submission that holds results and no program."""
DATASET = "dataset"
"""The type of a competition whose submissions are data, on which the organiser's code is run."""


STOCK_IMAGE = re.compile(r"(?:docker\.io/)?(?:codalab/codalab-legacy|codabench/[\w.-]+|python)(?::[\w.-]+)?")
"""Images that hold a plain Python and what is usual beside it, for which that of this worker stands in."""


@dataclass(frozen=True)
class TaskFolders:
    """One task, with the folders of this machine."""

    index: int
    title: str
    """For sentences: `task Wheat`."""
    scoring: Path
    reference: Path | None
    ingestion: Path | None
    input_data: Path | None
    during_scoring: bool
    """Whether the ingestion runs beside the scoring program instead of before it."""


@dataclass(frozen=True)
class Plan:
    """One run."""

    rules: BundleRules
    phase: BundlePhase
    tasks: list[TaskFolders]
    is_code: bool
    """Whether what was sent as code is to be run; results and datasets are only read."""
    is_dataset: bool

    @property
    def shows_ingestion(self) -> bool:
        """Whether the submitter may read what the ingestion prints."""
        return not self.phase.hide_output

    @property
    def keeps_page(self) -> bool:
        """Whether the scoring program's page is kept."""
        settings = self.rules.settings
        return settings.enable_detailed_results and not (self.phase.hide_output or self.phase.hide_score_output)


def plan_of(workdir: Workdir) -> Plan:
    """The run that the request in `workdir` asks for. Raises JobFailed where the bundle's files are not here."""
    request, benchmark, private = workdir.request(), workdir.benchmark(), workdir.options().private
    assert isinstance(request, ArtifactRequest) and benchmark.bundle is not None and private is not None
    rules = benchmark.bundle
    phase = rules.phase(request.track)
    root = private / rules.folder
    tasks = [_folders(root, rules.task(index)) for index in phase.tasks]
    is_dataset = rules.settings.competition_type == DATASET
    return Plan(rules, phase, tasks, request.kind != RESULTS and not is_dataset, is_dataset)


def check_image(image: str) -> str:
    """The image that the programs of a bundle run in: the one that it names; empty for this worker's Python.

    That stands in where a platform's own image cannot be used, and the log says so. Raises JobFailed where one of the
    organiser's own cannot.
    """
    why = image_missing(image) if image else ""
    if not why:
        if image:
            say(f"The programs run in the image {image}.")
        return image
    if not STOCK_IMAGE.fullmatch(image):
        raise JobFailed(
            "image_unavailable",
            f"The programs of this benchmark need the image {image}, which cannot be used on this worker. {why} The "
            "maintainers have to change that, or to install what the programs import into the worker's Python and "
            "leave `docker_image` out.",
            Fault.INFRASTRUCTURE,
        )
    version = platform.python_version()
    say(f"The bundle names the image {image}; its programs run with this worker's Python {version}. {why}")
    return ""


def shows_scoring(plan: Plan, benchmark: Benchmark) -> bool:
    """Whether the submitter may read what the scoring program prints, which would tell of hidden columns."""
    hides = plan.phase.hide_output or plan.phase.hide_score_output
    return not hides and not any(column.hidden for column in benchmark.columns)


def _folders(root: Path, task: BundleTask) -> TaskFolders:
    """The folders of a task. Raises JobFailed when one of them is missing."""

    def folder(path: str | None) -> Path | None:
        if path is None:
            return None
        if not (root / path).is_dir():
            raise JobFailed(
                "benchmark_data",
                f"The folder {path} of task {task.name} is not on this worker. The maintainers have to put it there.",
                Fault.INFRASTRUCTURE,
            )
        return (root / path).resolve()

    scoring = folder(task.scoring_program)
    assert scoring is not None
    return TaskFolders(
        index=task.index,
        title=f"task {task.name}",
        scoring=scoring,
        reference=folder(task.reference_data),
        ingestion=folder(task.ingestion_program),
        input_data=folder(task.input_data),
        during_scoring=task.ingestion_only_during_scoring,
    )
