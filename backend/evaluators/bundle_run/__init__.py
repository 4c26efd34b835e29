"""Runs a submission to a competition bundle as Codabench and BenchGen do: ingestion, then scoring, for each task.

This is supervising code of ours, outside the job's sandbox; every program runs in a sandbox of its own.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from backend.evaluators.bundle_run.plan import Plan, TaskFolders, check_image, plan_of, shows_scoring
from backend.evaluators.bundle_run.scores import read_scores
from backend.evaluators.bundle_run.steps import ORGANISERS, Limits
from backend.evaluators.bundle_run.submission import submission_of
from backend.evaluators.bundle_run.task import Submission, TaskRun
from backend.evaluators.challenge import program_version, write_scores
from backend.failures import JobFailed
from backend.sandbox.programs import missing
from backend.workdir import Workdir
from leaderboard.benchmarks import Benchmark
from leaderboard.errors import Unreadable
from leaderboard.records import Fault, Progress, Provenance
from leaderboard.results.log_parts import say
from leaderboard.results.private_results import DETAILED_RESULTS, MOST_BYTES
from leaderboard.statistics.bundle_scores import board_scores
from leaderboard.statistics.scores import Measured

MEMORY_BYTES = 4 << 30
"""What each program may use where the benchmark does not say."""


@dataclass(frozen=True)
class TaskResult:
    """What one task brought."""

    scores: Mapping[str, float]
    page: bytes | None
    """The page that the scoring program wrote; None for none."""


def evaluate(path: Path) -> None:
    """Run the submission in the work folder `path` on every task of its phase; write its scores. Raises JobFailed."""
    began = time.monotonic()
    workdir = Workdir(path)
    benchmark = workdir.benchmark()
    plan = plan_of(workdir)
    image = check_image(plan.rules.docker_image)
    unconfined = "" if image else missing()
    if unconfined:
        raise JobFailed("no_sandbox", unconfined, Fault.INFRASTRUCTURE)
    submission = submission_of(workdir, plan, "predictions" in benchmark.kinds)
    results = {
        task.index: _run_task(workdir, plan, task, submission, place, image) for place, task in enumerate(plan.tasks)
    }
    scores = board_scores(plan.rules, plan.phase, {index: result.scores for index, result in results.items()})
    known = {column.score for column in benchmark.columns}
    if not known & scores.keys():
        raise JobFailed("no_scores", _no_scores(benchmark), Fault.INFRASTRUCTURE)
    pages = [result.page for result in results.values() if result.page]
    if pages:
        workdir.write_private(DETAILED_RESULTS, pages[0])
    folders = [(task.scoring, task.reference) for task in plan.tasks]
    made = Provenance(wall_seconds=round(time.monotonic() - began, 3), scoring=program_version(workdir, folders))
    write_scores(workdir, {key: Measured(value, None, None) for key, value in scores.items()}, made)


def _run_task(
    workdir: Workdir, plan: Plan, task: TaskFolders, submission: Submission, place: int, image: str
) -> TaskResult:
    benchmark = workdir.benchmark()
    shown = {"ingestion": plan.shows_ingestion, "scoring": shows_scoring(plan, benchmark)}
    limits = Limits(_step_seconds(plan, workdir.options().wall_seconds), _memory_bytes(benchmark))
    run = TaskRun(task, submission, workdir.scratch / f"task-{place}", limits, shown, image)
    steps = 2 * len(plan.tasks)
    workdir.write_progress(Progress(task=f"ingestion of {task.title}", done=2 * place, total=steps))
    run.ingest()
    workdir.write_progress(Progress(task=f"scoring of {task.title}", done=2 * place + 1, total=steps))
    output = run.score()
    try:
        scores = read_scores(output)
    except Unreadable as error:
        sentence = f"The scoring program of {task.title} left no scores: {error}. {ORGANISERS}"
        raise JobFailed("no_scores", sentence, Fault.INFRASTRUCTURE) from error
    return TaskResult(scores, _page(output) if plan.keeps_page else None)


def _step_seconds(plan: Plan, job_seconds: int) -> int:
    """Time limit of a step: the phase's, or an equal part of the job's, so that what is stopped can be named."""
    share = int(0.9 * job_seconds / (2 * len(plan.tasks)))
    return min(plan.phase.wall_seconds, max(1, share)) if job_seconds else plan.phase.wall_seconds


def _memory_bytes(benchmark: Benchmark) -> int:
    """What each program may use."""
    return int(benchmark.code.memory_gb * 1e9) if benchmark.code else MEMORY_BYTES


def _page(output: Path) -> bytes | None:
    """`detailed_results.html`, else the first other page by its name; None for none and for one that is too large."""
    pages = sorted(output.glob("*.html"), key=lambda page: (page.name != DETAILED_RESULTS, page.name))
    if not pages:
        return None
    most = MOST_BYTES[DETAILED_RESULTS]
    if pages[0].stat().st_size > most:
        say(f"The detailed results are larger than {most:,} bytes and are not kept.")
        return None
    return pages[0].read_bytes()


def _no_scores(benchmark: Benchmark) -> str:
    wanted = ", ".join(column.score for column in benchmark.shown().columns)
    return f"The scoring program left no finite number for any column of the board ({wanted}). {ORGANISERS}"
