"""A worker whose disk is full or whose Hub is gone: it stops claiming, says so, and everything finishes afterwards."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import pytest
from pydantic import SecretStr

import localhub
from backend import Job, JobState, JobStatus
from backend.executors.local import LocalExecutor
from backend.failures import classify
from backend.scheduler.tick import Ticker
from backend.workdir import Workdir
from leaderboard.board.contents import Contents
from leaderboard.errors import DownloadFailed
from leaderboard.hub.downloads import HubDownloads
from leaderboard.queue.retries import MAX_BACKOFF_S
from leaderboard.records import Request, Status
from leaderboard.settings import PROJECT
from tests.backend.conftest import Board, ToldExecutor
from tests.backend.jobs import leave_results
from tests.contracts.test_executor import until
from tests.mounts import fill, mounted, read_only

REQUESTS = 10
CONFIG = "{}"
PIN = "git:" + hashlib.sha1(b"blob 2\0" + CONFIG.encode(), usedforsecurity=False).hexdigest()
ROUNDS = 60


class DownloadingExecutor(ToldExecutor):
    """Each job downloads a file of its checkpoint and leaves results, at once and in this process."""

    def __init__(self, endpoint: str, cache: Path) -> None:
        super().__init__(free=2)
        self.source = HubDownloads(endpoint, cache, timeout_s=10.0)
        self.before: Callable[[], object] | None = None
        """What befalls the next job."""

    def submit(self, job: Job) -> str:
        handle = super().submit(job)
        if job.name != "abilities":
            self.states[handle] = self.work(Workdir(job.workdir))
        return handle

    def work(self, workdir: Workdir) -> JobStatus:
        before, self.before = self.before, None
        request = workdir.request()
        try:
            if before:
                before()
            self.source.fetch(request.model, request.revision, {"config.json": PIN}, workdir.checkpoint)
            leave_results(workdir)
        except (OSError, DownloadFailed) as error:
            try:
                workdir.write_failure(classify(error, workdir))
            except OSError:
                return JobStatus(JobState.KILLED, "signal 1")
        return JobStatus(JobState.ENDED)


class WorkingBoard(Board):
    """A board whose jobs really write to a disk and really ask a Hub."""

    def __init__(self, folder: Path, work: Path, endpoint: str) -> None:
        self.work, self.endpoint = work, endpoint
        super().__init__(folder)

    def new_ticker(self) -> Ticker:
        answer = {"work_dir": self.work, "hub_endpoint": self.endpoint, "hub_timeout_s": 10.0, "free_disk_gb": 0.0}
        answer["hub_token"] = SecretStr("hf_not_known_there")
        self.settings = self.settings.model_copy(update=answer)
        self.downloading = DownloadingExecutor(self.endpoint, self.work / "cache")
        self.executor = self.downloading
        benchmarks = {"tiny": self.benchmark}
        contents = Contents(self.store, self.queue, benchmarks)
        self.ticker = Ticker(
            self.settings, self.queue, self.results, benchmarks, self.executor, contents, self.clock.monotonic
        )
        return self.ticker

    def rounds(self, number: int) -> None:
        for _ in range(number):
            self.ticker.tick()
            self.clock.pass_(self.settings.backoff_s)

    def finish_all(self, requests: list[Request]) -> None:
        """Everything ends well by itself, and no attempt was counted."""
        for _ in range(ROUNDS):
            self.rounds(1)
            states = [self.now(request) for request in requests]
            if {state.status for state in states} == {Status.FINISHED}:
                break
        assert {state.status for state in states} == {Status.FINISHED}
        assert [state.failed_attempts for state in states] == [0] * REQUESTS
        assert self.registered().trouble == ""


class Switched:
    """A Hub that can be stopped and started again at the same port."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, 0
        self.stack = ExitStack()
        self.start()

    def start(self) -> None:
        self.running = self.stack.enter_context(localhub.running(self.folder, port=self.port))
        self.port = int(self.running.endpoint.rpartition(":")[2])

    def stop(self) -> None:
        self.stack.close()


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Switched]:
    """A Hub; the client's waits between its tries are shortened."""
    clock = SimpleNamespace(
        **{name: getattr(time, name) for name in ("time", "monotonic", "perf_counter")},
        sleep=lambda seconds: time.sleep(seconds / 200),
    )
    monkeypatch.setattr("huggingface_hub.utils._http.time", clock)
    switched = Switched(tmp_path / "hub")
    yield switched
    switched.stop()


def test_a_full_disk_stops_claims_and_loses_nothing(tmp_path: Path, hub: Switched) -> None:
    with mounted(tmp_path / "small", "size=150m") as small:
        board = WorkingBoard(tmp_path, small / "work", hub.running.endpoint)
        requests = submit_all(board, hub)
        board.ticker.tick()
        board.downloading.before = lambda: fill(small)
        board.rounds(6)
        states = [board.now(request) for request in requests]
        told = [state for state in states if state.failure]
        assert 1 <= len(told) <= 2, "only what was running when the disk became full"
        assert {state.failure.code for state in told if state.failure} == {"disk_full"}
        assert {state.status for state in states} == {Status.PENDING, Status.FINISHED}
        assert board.registered().trouble == "Its disk is full."
        (small / "filler").unlink()
        board.finish_all(requests)


def test_an_outage_of_the_hub_stops_claims_and_loses_nothing(tmp_path: Path, hub: Switched) -> None:
    board = WorkingBoard(tmp_path, tmp_path / "work", hub.running.endpoint)
    requests = submit_all(board, hub)
    board.ticker.tick()
    board.downloading.before = hub.stop
    board.rounds(3)
    told = [state for request in requests if (state := board.now(request)).failure]
    assert 1 <= len(told) <= 2, "only what was running when the Hub went away"
    assert {state.failure.code for state in told if state.failure} == {"hub_unavailable"}
    assert board.registered().trouble == "The Hub does not answer it."
    hub.start()
    board.finish_all(requests)


def submit_all(board: WorkingBoard, hub: Switched) -> list[Request]:
    requests = []
    for number in range(REQUESTS):
        commit = hub.running.hub.commit(f"org/m{number}", {"config.json": CONFIG})
        requests.append(board.submit(f"m{number}", revision=commit))
    return requests


def test_jobs_of_a_forkserver_that_ended_use_up_no_attempt(board: Board) -> None:
    executor = LocalExecutor(board.settings.work_dir, {"PATH": os.defpath}, layers=(), preload=())
    try:
        board.ticker = Ticker(
            board.settings, board.queue, board.results, {"tiny": board.benchmark}, executor, clock=board.clock.monotonic
        )
        request = board.submit()
        until(lambda: board.ticker.tick() or board.now(request).status is Status.RUNNING)
        executor._server.kill()
        until(lambda: board.ticker.tick() or board.now(request).status is Status.PENDING)
        back = board.now(request)
        assert back.failure and (back.failure.code, back.failed_attempts) == ("worker_lost", 0)
        board.clock.pass_(MAX_BACKOFF_S)
        until(lambda: board.ticker.tick() or board.now(request).status is Status.RUNNING)
    finally:
        executor.close()


@pytest.mark.parametrize("verb", ["serve", "worker"])
def test_folders_that_cannot_be_written_are_named(verb: str, tmp_path: Path) -> None:
    names = ("requests", "results", "work")
    with ExitStack() as stack:
        folders = {name: stack.enter_context(read_only(tmp_path / name)) for name in names}
        environment = {f"PODIUM_{name.upper()}_DIR": str(folder) for name, folder in folders.items()}
        environment |= {"PATH": os.defpath, "PODIUM_PORT": "0", "PODIUM_BENCHMARKS": "tiny"}
        podium = [sys.executable, "-m", "leaderboard.cli", verb]
        ended = subprocess.run(podium, env=environment, cwd=PROJECT, capture_output=True, text=True, timeout=150)
    assert ended.returncode == 2 and "Traceback" not in ended.stderr
    lines = ended.stderr.strip().splitlines()
    assert len(lines) == 3
    for name, line in zip(names, lines, strict=True):
        assert line.startswith(f"PODIUM_{name.upper()}_DIR: the folder {tmp_path / name} cannot be written (")
