"""Logs travel through the requests store: a front end on another machine shows them, also while the job runs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app import build_app
from backend import JobState
from backend.evaluators import EVALUATORS
from backend.executors.opening import named_executor
from backend.scheduler.tick import Ticker
from backend.upkeep.logs import LOOK_S, OldLogs
from backend.workdir import Workdir
from leaderboard.records import Failure, Fault, Request, Status
from leaderboard.results.job_logs import JobLogs
from leaderboard.results.results import Results
from leaderboard.service import open_service
from leaderboard.settings import Settings
from tests.backend.conftest import Board
from tests.backend.jobs import Speak
from tests.backend.scheduler.test_gathering import GatheringBoard


def log_of(board: Board, request: Request) -> str:
    return JobLogs(board.queue.store).read(request.id)


def written(workdir: Workdir, text: str) -> None:
    with workdir.log.open("a") as file:
        file.write(text)


def about_to_end(board: Board, outcome: str) -> tuple[Request, str]:
    """A request whose job has said its last words, and its handle; with what it leaves where it finishes or fails."""
    request = board.submit()
    handle, workdir = board.run_one(request)
    written(workdir, "the last words\n")
    if outcome == "finished":
        board.succeed(handle, workdir)
    elif outcome == "failed":
        workdir.write_failure(Failure(fault=Fault.SUBMISSION, code="checkpoint_unreadable", message="It is cut short."))
    return request, handle


def test_a_front_end_with_another_work_folder_shows_a_job_s_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(EVALUATORS, "checkpoint", Speak)
    stores = {"requests_dir": tmp_path / "requests", "results_dir": tmp_path / "results", "benchmarks": "tiny"}
    service = open_service(Settings.model_validate({**stores, "work_dir": tmp_path / "front", "embedded": False}))
    settings = Settings.model_validate(
        {**stores, "work_dir": tmp_path / "worker", "executor": "debug", "sandbox": "off", "worker": "w1"}
    )
    request = service.queue.submit(
        Request(model="org/model", revision="a" * 40, benchmark="tiny", precision="float32", sender="ada")
    )
    executor = named_executor(settings)
    ticker = Ticker(settings, service.queue, Results(service.results_store), service.benchmarks, executor)
    for _ in range(2):
        ticker.tick()
    ended = service.queue.get(request.id)
    assert ended.failure and ended.failure.code == "unpublished", "it only speaks"
    with TestClient(build_app(service)) as api:
        log = api.get(f"/api/v1/requests/{request.id}/log").text
    assert {"said on standard output", "said on standard error", "said by a child"} <= set(log.splitlines())
    assert not (tmp_path / "front" / "jobs").exists()
    ticker.stop()


def test_the_log_is_written_with_a_renewal_and_cleaned_before(board: Board) -> None:
    request = board.submit()
    _, workdir = board.run_one(request)
    written(workdir, f"at {workdir.path}/x.py\n")
    board.ticker.tick()
    assert log_of(board, request) == "", "no sooner than a renewal"
    first = board.now(request).lease
    board.clock.pass_(board.settings.progress_s)
    board.ticker.tick()
    renewed = board.now(request).lease
    assert log_of(board, request) == "at …/x.py" and first and renewed and renewed.until > first.until
    content, _ = board.queue.store.read(f"logs/{request.id}.txt")
    assert str(board.settings.work_dir).encode() not in content


@pytest.mark.parametrize("outcome", ["finished", "failed", "given back", "stopped"])
def test_the_last_words_of_a_job_are_kept(board: Board, outcome: str) -> None:
    request, handle = about_to_end(board, outcome)
    if outcome == "stopped":
        board.ticker.stop()
    else:
        board.end(handle, JobState.ENDED)
        board.ticker.tick()
    assert board.now(request).status is not Status.RUNNING and log_of(board, request) == "the last words"


@pytest.mark.parametrize("outcome", ["finished", "failed", "crashed"])
def test_whoever_sees_the_end_sees_the_whole_log(board: Board, monkeypatch: pytest.MonkeyPatch, outcome: str) -> None:
    request, handle = about_to_end(board, outcome)
    statuses: list[Status] = []
    write = JobLogs.write

    def noting(logs: JobLogs, request_id: str, text: str) -> None:
        statuses.append(board.now(request).status)
        write(logs, request_id, text)

    monkeypatch.setattr(JobLogs, "write", noting)
    board.end(handle, JobState.ENDED)
    board.ticker.tick()
    assert statuses == [Status.RUNNING] and board.now(request).status is not Status.RUNNING


def test_another_attempt_begins_with_an_empty_log(board: Board) -> None:
    request = board.submit()
    handle, workdir = board.run_one(request)
    written(workdir, "of the first attempt\n")
    board.end(handle, JobState.UNKNOWN)
    board.ticker.tick()
    assert log_of(board, request) == "of the first attempt"
    board.clock.pass_(1000)
    board.run_one(request)
    assert board.now(request).attempts == 2 and log_of(board, request) == ""


def test_a_store_that_takes_no_log_hinders_nothing(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no")

    monkeypatch.setattr(JobLogs, "write", refuse)
    request = board.submit()
    handle, workdir = board.run_one(request)
    written(workdir, "words\n")
    board.succeed(handle, workdir)
    board.ticker.tick()
    assert board.now(request).status is Status.FINISHED


def test_logs_make_no_commit_of_their_own(tmp_path: Path) -> None:
    board = GatheringBoard(tmp_path)
    board.executor.free = 2
    requests = [board.submit(name) for name in ("first", "second")]
    jobs = [board.run_one(request) for request in requests]
    board.commits()
    for _, workdir in jobs:
        written(workdir, "words\n")
    for _ in range(3):
        board.ticker.tick()
    assert board.commits() == []
    board.clock.pass_(board.settings.progress_s)
    board.ticker.tick()
    assert board.commits() == ["Renew leases"] and log_of(board, requests[0]) == "words"
    for handle, workdir in jobs:
        written(workdir, "last words\n")
        board.succeed(handle, workdir)
    board.ticker.tick()
    assert board.commits() == ["What became of requests", "Publish results of 2 requests"]
    assert [log_of(board, request) for request in requests] == ["words\nlast words"] * 2


def test_old_logs_of_ended_requests_are_removed(board: Board) -> None:
    ended, young, waits = (board.submit(name) for name in ("ended", "young", "waits"))
    logs = JobLogs(board.queue.store)
    board.queue.cancel(ended, "ada")
    board.clock.pass_(10 * 86400)
    board.queue.cancel(young, "ada")
    for request in (ended, young, waits):
        logs.write(request.id, "words")
    now = board.clock.utc() + timedelta(days=25)
    OldLogs(board.queue, 0, lambda: now).work(0.0)
    assert len(board.queue.store.list("logs/")) == 3
    upkeep = OldLogs(board.queue, 30, lambda: now)
    upkeep.work(0.0)
    assert sorted(board.queue.store.list("logs/")) == sorted(f"logs/{item.id}.txt" for item in (young, waits))
    logs.write(ended.id, "words")
    upkeep.work(LOOK_S - 1)
    assert len(board.queue.store.list("logs/")) == 3, "once an hour"
    upkeep.work(LOOK_S)
    assert len(board.queue.store.list("logs/")) == 2


def test_the_worker_removes_old_logs_by_itself(board: Board) -> None:
    request = board.submit()
    handle, workdir = board.run_one(request)
    written(workdir, "words\n")
    board.succeed(handle, workdir)
    board.ticker.tick()
    assert board.clock.utc() < datetime.now(UTC) - timedelta(days=board.settings.keep_jobs_days)
    board.clock.pass_(LOOK_S)
    board.ticker.tick()
    assert board.queue.store.list("logs/") == {}
