"""A queue, a benchmark and an executor that does as it is told, for the scheduler's tests."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from backend import Job, JobState, JobStatus
from backend.scheduler.tick import Ticker
from backend.workdir import Workdir
from leaderboard.benchmarks import Benchmark, Column, Part
from leaderboard.board.contents import Contents
from leaderboard.queue.queue import Queue
from leaderboard.records import Abilities, PodiumBlock, Provenance, Request, Score
from leaderboard.results.results import Results
from leaderboard.settings import Settings
from leaderboard.stores.local import LocalStore
from scripts import slurm_cluster
from scripts.slurm_cluster import SlurmOnLoopback

ABILITIES = {"worker": "w1", "device": "a processor", "refused": {"4bit": "4bit needs an NVIDIA GPU."}}


class Clock:
    """Time that passes when it is told to; the same for the queue and the ticker."""

    def __init__(self) -> None:
        self.time = datetime(2026, 1, 1, tzinfo=UTC)
        self.ahead = timedelta()
        """By how much the wall clock has jumped."""

    def utc(self) -> datetime:
        return self.time + self.ahead

    def monotonic(self) -> float:
        return self.time.timestamp()

    def pass_(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


class ToldExecutor:
    """An executor whose jobs stay in the state that the test sets; the abilities' job ends at once."""

    def __init__(self, free: int = 1) -> None:
        self.free = free
        self.outlives_scheduler = False
        self.states: dict[str, JobStatus] = {}
        self.jobs: dict[str, Job] = {}
        self.cancelled: list[str] = []
        self.refuse: Exception | None = None
        self.trial = JobState.ENDED
        self.abilities: dict[str, object] = dict(ABILITIES)

    def slots(self) -> int:
        busy = sum(status.state in (JobState.QUEUED, JobState.RUNNING) for status in self.states.values())
        return self.free - busy

    def submit(self, job: Job) -> str:
        if job.name == "abilities":
            workdir = Workdir(job.workdir)
            workdir.write("abilities.json", json.dumps(self.abilities).encode())
            if self.trial is JobState.ENDED:
                workdir.finish()
        elif self.refuse:
            raise self.refuse
        handle = f"told-{len(self.jobs)}"
        self.jobs[handle] = job
        self.states[handle] = JobStatus(self.trial if job.name == "abilities" else JobState.RUNNING)
        return handle

    def poll(self, handles: Sequence[str]) -> dict[str, JobStatus]:
        return {handle: self.states.get(handle, JobStatus(JobState.UNKNOWN)) for handle in handles}

    def cancel(self, handle: str) -> None:
        self.cancelled.append(handle)
        if handle in self.states:
            self.states[handle] = JobStatus(JobState.KILLED, "cancelled")

    def logs(self, handle: str) -> str:
        return Workdir(self.jobs[handle].workdir).log_tail() if handle in self.jobs else ""

    def watch(self, wake: Callable[[], None]) -> None:
        return None

    def close(self) -> None:
        return None


class Board:
    """Everything that one scheduler works with, and what a test says to it."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        self.settings = Settings(work_dir=folder / "work", worker="w1", backoff_s=30, lease_s=120, max_attempts=3)
        part = Part(task="sums", metrics=["acc,none"])
        column = Column(key="sums", title="Sums", run=["sums"], parts=[part])
        self.benchmark = Benchmark(
            id="tiny", version="1", title="Tiny", description="Small.", columns=[column], folder=folder
        )
        self.queue = Queue(LocalStore(folder / "requests"), self.clock.utc, self.clock.monotonic)
        self.store = LocalStore(folder / "results")
        self.results = Results(self.store)
        self.executor = ToldExecutor()
        self.ticker = self.new_ticker()

    def new_ticker(self) -> Ticker:
        """A scheduler that starts anew, with an executor that knows nothing of before."""
        self.executor = ToldExecutor(self.executor.free)
        benchmarks = {"tiny": self.benchmark}
        contents = Contents(self.store, self.queue, benchmarks)
        ticker = Ticker(
            self.settings, self.queue, self.results, benchmarks, self.executor, contents, self.clock.monotonic
        )
        self.ticker = ticker
        return ticker

    def submit(self, name: str = "model", **answer: object) -> Request:
        request = Request(
            model=f"org/{name}", revision="a" * 40, benchmark="tiny", sender="someone", precision="float32"
        )
        return self.queue.submit(request.model_copy(update=answer))

    def now(self, request: Request) -> Request:
        return self.queue.get(request.id)

    def registered(self) -> Abilities:
        """What the worker says of itself in the store."""
        return Abilities.model_validate_json(self.queue.store.read("workers/w1.json")[0])

    def run_one(self, request: Request) -> tuple[str, Workdir]:
        """Tick until the request's job runs; its handle and folder."""
        self.ticker.tick()
        current = self.now(request)
        assert current.job_id is not None
        return current.job_id, Workdir(self.ticker.folder / f"{request.id}-{current.attempts}")

    def succeed(self, handle: str, workdir: Workdir, limit: int | None = None) -> None:
        """The job writes a result and ends."""
        request = workdir.request()
        block = PodiumBlock(
            request_id=request.id, attempt=request.attempts, benchmark="tiny", benchmark_version="1", limit=limit,
            model=request.model, revision=request.revision, precision=request.precision, weight_type="Original",
            use_chat_template=False, time=request.job_start_time or "", average=50.0, provenance=Provenance(),
            scores={"sums": Score(raw=0.5, normalised=50.0, n=10)},
        )  # fmt: skip
        harness = {"results": {"sums": {"acc,none": 0.5}}, "podium": block.model_dump(mode="json")}
        workdir.write_results(json.dumps(harness).encode(), {"sums": b"PAR1"})
        workdir.finish()
        self.end(handle, JobState.ENDED)

    def end(self, handle: str, state: JobState, reason: str = "") -> None:
        self.executor.states[handle] = JobStatus(state, reason)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SlurmOnLoopback]:
    """Slurm on this machine, where it is installed."""
    if reason := slurm_cluster.missing():
        pytest.skip(reason)
    with slurm_cluster.running(tmp_path_factory.mktemp("slurm")) as running:
        yield running


@pytest.fixture
def board(tmp_path: Path) -> Board:
    return Board(tmp_path)
