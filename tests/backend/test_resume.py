"""Real jobs that are killed: what the next run repeats, and that it ends with the very result of an undisturbed one."""

from __future__ import annotations

import json
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from backend import JobState, Resources
from backend.evaluators import EVALUATORS
from backend.executors.local import PRELOAD
from backend.executors.opening import open_executor
from backend.executors.slurm.executor import SlurmExecutor
from backend.scheduler.launch import Launcher
from backend.scheduler.loop import Scheduler, start
from backend.workdir import Workdir
from leaderboard.benchmarks import Benchmark, load_benchmark
from leaderboard.queue.queue import Queue
from leaderboard.records import Request, Status
from leaderboard.results.results import Results
from leaderboard.settings import PROJECT, Settings
from leaderboard.stores.local import LocalStore
from scripts import slurm_cluster
from scripts.bench_jobs import Site, site
from tests.backend.jobs import Paused
from tests.contracts.test_executor import processes, until

MODEL = "podium-demo/tiny-finetuned"
COLUMNS = ["arithmetic", "compare", "dates", "sums"]
JOBS = [*PRELOAD, "tests.backend.jobs"]
KILLS = 10

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def four_tasks() -> Benchmark:
    whole = load_benchmark(PROJECT / "benchmarks" / "tiny.yaml")
    return whole.model_copy(update={"columns": [whole.column(key) for key in COLUMNS]})


class Bench:
    """A scheduler with a store of its own, whose jobs wait where they are told to, to be killed."""

    def __init__(self, place: Site, folder: Path, **settings: Any) -> None:
        update = {
            "requests_dir": folder / "requests", "results_dir": folder / "results", "work_dir": folder / "work",
            "backoff_s": 0.0, "max_attempts": 20, "tick_s": 0.2, "worker": "w1", **settings,
        }  # fmt: skip
        self.revision = place.commits[MODEL][-1]
        self.settings: Settings = place.settings.model_copy(update=update)
        self.benchmark = four_tasks()
        self.queue = Queue(LocalStore(self.settings.requests_dir))
        self.results = Results(LocalStore(self.settings.results_dir))
        self.asked: list[Counter[str]] = []
        """What each run asked of the model, by task."""

    def scheduler(self, **update: Any) -> Scheduler:
        settings = self.settings.model_copy(update=update)
        return start(settings, self.queue, self.results, {"tiny": self.benchmark}, open_executor(settings, JOBS))

    def submit(self, pause_after: list[int]) -> Request:
        request = Request(model=MODEL, revision=self.revision, benchmark="tiny", precision="float32")
        return self.queue.submit(Request.model_validate(request.model_dump() | {"pause_after": pause_after}))

    def folder(self, request: Request, attempt: int, work_dir: Path | None = None) -> Workdir:
        return Workdir((work_dir or self.settings.work_dir) / "jobs" / f"{request.id}-{attempt}")

    def asked_in(self, workdir: Workdir) -> None:
        asked = Counter[str]()
        for task, count in json.loads((workdir.out / "paused.json").read_bytes()):
            asked[task] += count
        self.asked.append(asked)

    def kill(self, workdir: Workdir) -> None:
        """SIGKILL to the job, once it waits for it."""
        until((workdir.out / "paused.json").exists, 120)
        self.asked_in(workdir)
        for process in processes(workdir, 1):
            psutil.Process(process).send_signal(signal.SIGKILL)

    def finished(self, request: Request, attempt: int, work_dir: Path | None = None) -> dict[str, Any]:
        until(lambda: self.queue.get(request.id).status is Status.FINISHED, 200)
        self.asked_in(self.folder(request, attempt, work_dir))
        path = self.results.published(self.queue.get(request.id))
        assert path is not None
        return dict(self.results.read(path))


def same(result: dict[str, Any]) -> dict[str, Any]:
    """A result without what differs between any two runs."""
    block = json.loads(json.dumps(result["podium"], default=lambda value: value.model_dump(mode="json")))
    made = block["provenance"]
    made["engine"].pop("memory_peak_bytes")
    seconds = ("wall_seconds", "evaluation_seconds", "processor_seconds", "resumed_runs", "resumed_answers")
    block["provenance"] = {name: value for name, value in made.items() if name not in seconds}
    about = ("request_id", "attempt", "time")
    block = {name: value for name, value in block.items() if name not in about}
    times = ("date", "podium", "start_time", "end_time", "total_evaluation_time_seconds")
    return {name: value for name, value in result.items() if name not in times} | {"podium": block}


def details(bench: Bench) -> dict[str, bytes]:
    folder = bench.settings.results_dir / "details"
    return {path.name: path.read_bytes() for path in sorted(folder.rglob("*.parquet"))}


@pytest.fixture(scope="module")
def place() -> Iterator[Site]:
    with site() as made, pytest.MonkeyPatch.context() as patch:
        patch.setitem(EVALUATORS, "checkpoint", Paused)
        yield made


Whole = tuple[Bench, dict[str, Any], int]
"""A run in one go: its bench, its result, and its forward passes."""


def undisturbed(place: Site, folder: Path, **settings: Any) -> Whole:
    """Run in one go."""
    bench = Bench(place, folder, **settings)
    scheduler = bench.scheduler()
    try:
        request = bench.submit([])
        result = bench.finished(request, 1)
        passes = json.loads((bench.folder(request, 1).out / "passes.json").read_bytes())
    finally:
        scheduler.stop()
    return bench, result, passes


@pytest.fixture(scope="module")
def shared(place: Site, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    return undisturbed(place, tmp_path_factory.mktemp("whole"), engine="shared")


@pytest.mark.soak
@pytest.mark.parametrize("engine", ["shared", "stock"])
def test_a_killed_run_repeats_at_most_one_task(engine: str, place: Site, shared: Whole, tmp_path: Path) -> None:
    """And then goes on at another worker, with another work folder."""
    if engine != "shared":
        shared = undisturbed(place, tmp_path / "whole", engine=engine)
    whole, expected, passes = shared
    bench = Bench(place, tmp_path / "killed", engine=engine)
    scheduler = bench.scheduler()
    try:
        request = bench.submit([passes * 4 // 10, passes * 3 // 10])
        bench.kill(bench.folder(request, 1))
        second = bench.folder(request, 2)
        until((second.out / "paused.json").exists, 120)
        bench.asked_in(second)
    finally:
        scheduler.stop()  # which gives it back
    other = tmp_path / "killed" / "elsewhere"
    scheduler = bench.scheduler(work_dir=other, worker="w2")
    try:
        result = bench.finished(request, 3, other)
    finally:
        scheduler.stop()
    assert same(result) == same(expected) and details(bench) == details(whole)
    made = result["podium"]["provenance"]
    [all_asked] = whole.asked
    largest = max(all_asked.values())
    assert made["resumed_runs"] == 2 and made["resumed_answers"] == all_asked.total() - bench.asked[2].total()
    for before, after in zip(bench.asked, bench.asked[1:], strict=False):
        assert after.total() < before.total(), "it went on"
    if engine == "shared":  # the stock backend's calls are not cut: what is asked is not all answered
        repeated = sum(bench.asked, Counter()).total() - all_asked.total()
        assert 0 < repeated <= 2 * largest, "a task for each kill"
    assert "It went on from the answers of 2 interrupted runs." in bench.queue.get(request.id).history[-1].note
    assert not list((bench.settings.requests_dir / "partial").rglob("*.jsonl"))


@pytest.mark.soak
@pytest.mark.parametrize("engine", ["shared", "stock"])
def test_killed_ten_times_it_ends_like_an_undisturbed_run(engine: str, place: Site, tmp_path: Path) -> None:
    pace = {"engine": engine, "resume_examples": 5}
    whole, expected, passes = undisturbed(place, tmp_path / "whole", **pace)
    bench = Bench(place, tmp_path / "killed", **pace)
    scheduler = bench.scheduler()
    try:
        request = bench.submit([passes // (KILLS + 2) + 3 * (kill % 3) for kill in range(KILLS)])
        for attempt in range(1, KILLS + 1):
            bench.kill(bench.folder(request, attempt))
        result = bench.finished(request, KILLS + 1)
    finally:
        scheduler.stop()
    assert same(result) == same(expected) and details(bench) == details(whole)
    assert result["podium"]["provenance"]["resumed_runs"] == KILLS


@pytest.mark.soak
def test_a_job_that_slurm_starts_again_goes_on(place: Site, shared: Whole, tmp_path: Path) -> None:
    if reason := slurm_cluster.missing():
        pytest.skip(reason)
    whole, expected, passes = shared
    bench = Bench(place, tmp_path / "slurm", engine="shared", executor="slurm", work_dir=tmp_path / "slurm" / "work")
    request = whole.queue.get(whole.queue.view().requests[0].id)
    request = Request.model_validate(request.model_dump() | {"pause_after": [passes // 2]})
    job = Launcher(bench.settings, {"tiny": bench.benchmark}, bench.settings.work_dir / "jobs").prepare(request)
    workdir = Workdir(job.workdir)
    source = PROJECT / "checkpoints" / "podium-demo" / "tiny-finetuned"
    for file in sorted(source.iterdir())[-1].iterdir():
        workdir.checkpoint.mkdir(exist_ok=True)
        (workdir.checkpoint / file.name).write_bytes(file.read_bytes())
    with slurm_cluster.running(tmp_path / "cluster"):
        executor = SlurmExecutor.from_settings(bench.settings, JOBS)
        handle = executor.submit(job._replace(resources=Resources(wall_seconds=300, memory_bytes=4 * 10**9)))
        until((workdir.out / "paused.json").exists, 120)
        bench.asked_in(workdir)
        subprocess.run(["scontrol", "requeue", handle.split("-")[1]], check=True, capture_output=True)
        until(lambda: workdir.done, 200)
        until(lambda: executor.poll([handle])[handle].state is JobState.ENDED, 60)
    bench.asked_in(workdir)
    result = workdir.results()
    [all_asked] = whole.asked
    repeated = sum(bench.asked, Counter()).total() - all_asked.total()
    assert same(result)["results"] == same(expected)["results"]
    assert result["podium"]["provenance"]["resumed_runs"] == 1
    assert 0 < repeated <= max(all_asked.values())
