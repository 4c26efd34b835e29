"""A few examples of a benchmark with a small checkpoint, in a job as a worker would run it."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from backend import Executor, JobState, JobStatus
from backend.environment import hub_cache, tasks_data
from backend.executors.inputs import TasksData
from backend.executors.opening import named_executor
from backend.executors.waiting import run_to_end
from backend.scheduler.launch import Launcher
from backend.workdir import Workdir
from leaderboard.benchmarks import Benchmark
from leaderboard.errors import BadBenchmark, Infrastructure
from leaderboard.hub.downloads import HubDownloads
from leaderboard.records import PodiumBlock, Precision, Request, new_id, now
from leaderboard.settings import Settings

LOG_LINES = 20
"""Of the end of a failed job's log."""
NO_COMMIT = "0" * 40
"""A checkpoint in a folder has no commit."""


@dataclass(frozen=True)
class Trial:
    """How it went."""

    scores: Mapping[str, float]
    """Column key -> raw score."""
    seconds: float


def run(benchmark: Benchmark, settings: Settings, checkpoint: Path, examples: int) -> Trial:
    """Evaluate so many examples of each task with the checkpoint in a folder.

    Raises BadBenchmark where the job fails or a column has no score, BadSettings where jobs cannot run here,
    Infrastructure where the data of the tasks cannot be had.
    """
    began = time.monotonic()
    settings.work_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="trial-", dir=settings.work_dir.absolute()) as folder:
        here = settings.model_copy(
            update={"work_dir": Path(folder), "data_root": tasks_data(settings), "limit": examples, "slots": 1}
        )
        with closing(named_executor(here)) as executor:
            block = _evaluate(benchmark, settings, here, checkpoint, executor)
    scores = {key: score.raw for key, score in block.scores.items() if score.raw is not None}
    return Trial(scores, time.monotonic() - began)


def _evaluate(
    benchmark: Benchmark, settings: Settings, here: Settings, checkpoint: Path, executor: Executor
) -> PodiumBlock:
    """What the job says of its scores. `here` are the settings of the trial, whose work folder is its own."""
    # The small checkpoint's context length says nothing about the models that will be submitted.
    roomy = benchmark.harness.model_copy(update={"long_generation": "cut"})
    tried = benchmark.model_copy(update={"harness": roomy})
    job = Launcher(here, {benchmark.id: tried}, here.work_dir / "jobs").prepare(_request(benchmark, checkpoint))
    workdir = Workdir(job.workdir)
    shutil.copytree(checkpoint, workdir.checkpoint)
    if settings.data_root is None:
        _fetch_data(tried, workdir, settings, here, executor)
    status = run_to_end(executor, job)
    if not workdir.done:
        raise BadBenchmark(_why(workdir, status))
    results = workdir.results()
    block = PodiumBlock.model_validate(results["podium"])
    missing = _unmeasured(benchmark, block, results["results"])
    if missing:
        raise BadBenchmark(missing)
    return block


def _fetch_data(benchmark: Benchmark, workdir: Workdir, settings: Settings, here: Settings, executor: Executor) -> None:
    """Have the datasets of the Hub that the tasks read, in the place where a worker keeps them."""
    data = TasksData(
        settings, HubDownloads(settings.hub_endpoint, hub_cache(settings), settings.hub_timeout_s), executor
    )
    data.work_dir = here.work_dir
    try:
        data.ensure(benchmark, workdir.options())
    except Infrastructure as error:
        asked = Workdir(here.work_dir / "needs" / benchmark.id)
        if asked.failure() is not None:  # the tasks could not be loaded
            raise BadBenchmark(_why(asked, JobStatus(JobState.ENDED))) from error
        raise


def _request(benchmark: Benchmark, checkpoint: Path) -> Request:
    precision = (
        Precision.FLOAT32 if Precision.FLOAT32 in benchmark.limits.precisions else benchmark.limits.precisions[0]
    )
    return Request(
        id=new_id(), model=f"here/{checkpoint.name}", revision=NO_COMMIT, precision=precision.value,
        benchmark=benchmark.id, track=next(iter(benchmark.tracks)), sender="organiser", submitted_time=now(),
        attempts=1, job_start_time=now(),
    )  # fmt: skip


def _why(workdir: Workdir, status: JobStatus) -> list[str]:
    """Why a job left no results, and the end of its log."""
    failure = workdir.failure()
    reason = failure.message if failure else f"The job ended without results. {status.reason}".rstrip()
    tail = workdir.log_tail().splitlines()[-LOG_LINES:]
    return [reason, *(["The end of its log:", *(f"    {line}" for line in tail)] if tail else [])]


def _unmeasured(benchmark: Benchmark, block: PodiumBlock, results: Mapping[str, Mapping[str, object]]) -> list[str]:
    """A sentence for each part of a column that the harness did not measure."""
    lines = []
    for column in benchmark.columns:
        if column.score or block.scores[column.key].raw is not None:
            continue
        for part in column.parts:
            keys = [key for key in results.get(part.task, {}) if "," in key and "_stderr," not in key]
            missing = [metric for metric in part.metrics if metric not in keys]
            if missing:
                computes = ", ".join(keys) or "nothing"
                lines.append(f"{part.task!r} did not compute {', '.join(missing)}. It computed: {computes}.")
    return lines
