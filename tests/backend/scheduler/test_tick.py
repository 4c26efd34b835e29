"""One round after another, with a clock and an executor that do as they are told."""

from __future__ import annotations

import errno
from datetime import timedelta
from typing import Any

import pytest

from backend import JobState, JobStatus
from backend.evaluators import EVALUATORS
from backend.scheduler.tick import Ticker
from backend.workdir import Workdir
from leaderboard.errors import HubUnavailable, ModelNotFound
from leaderboard.queue.retries import MAX_BACKOFF_S
from leaderboard.records import KINDS, Abilities, Failure, Fault, Kind, Progress, Status
from leaderboard.stores.local import LocalStore
from tests.backend.conftest import Board
from tests.backend.jobs import Speak


def results(board: Board) -> list[str]:
    return sorted(board.store.list("tiny/"))


def test_a_request_is_claimed_run_published_and_finished(board: Board) -> None:
    request = board.submit()
    handle, workdir = board.run_one(request)
    running = board.now(request)
    assert running.status is Status.RUNNING and running.lease and running.lease.worker == "w1"
    assert board.executor.jobs[handle].resources.wall_seconds == board.settings.job_wall_s
    assert workdir.request().lease == running.lease and workdir.benchmark() == board.benchmark
    board.succeed(handle, workdir)
    board.ticker.tick()
    finished = board.now(request)
    assert finished.status is Status.FINISHED and results(board) == [board.results.published(finished)]
    assert board.store.list("contents/") and board.store.list("details/")
    assert workdir.handle is None and not board.ticker.jobs


def test_progress_goes_into_the_request_and_the_lease_is_renewed(board: Board) -> None:
    request = board.submit()
    _, workdir = board.run_one(request)
    first = board.now(request).lease
    workdir.write_progress(Progress(task="sums", done=3, total=10))
    board.ticker.tick()
    assert board.now(request).progress is None
    board.clock.pass_(board.settings.progress_s)
    board.ticker.tick()
    renewed = board.now(request)
    assert renewed.progress == Progress(task="sums", done=3, total=10)
    assert first and renewed.lease and renewed.lease.until > first.until


def test_a_job_that_says_nothing_keeps_its_lease(board: Board) -> None:
    request = board.submit()
    board.run_one(request)
    for _ in range(10):
        board.clock.pass_(board.settings.lease_s / 2)
        board.ticker.tick()
    assert board.now(request).status is Status.RUNNING and board.now(request).attempts == 1


def test_a_submission_at_fault_fails_for_good(board: Board) -> None:
    request = board.submit()
    handle, workdir = board.run_one(request)
    workdir.write_failure(Failure(fault=Fault.SUBMISSION, code="checkpoint_unreadable", message="It is cut short."))
    board.end(handle, JobState.ENDED)
    board.ticker.tick()
    failed = board.now(request)
    assert failed.status is Status.FAILED and failed.failure and failed.failure.code == "checkpoint_unreadable"


def test_an_attempt_that_failed_is_repeated_later_and_not_forever(board: Board) -> None:
    request = board.submit()
    for attempt in range(1, 4):
        handle, workdir = board.run_one(request)
        assert board.now(request).attempts == attempt
        workdir.write_failure(Failure(fault=Fault.INFRASTRUCTURE, code="job_error", message="It broke."))
        board.end(handle, JobState.ENDED)
        board.ticker.tick()
        board.ticker.tick()
        assert board.now(request).status is (Status.PENDING if attempt < 3 else Status.FAILED)
        board.clock.pass_(1000)
    failure = board.now(request).failure
    assert failure is not None and failure.fault is Fault.INFRASTRUCTURE
    assert failure.message.startswith("It broke. It was tried 3 times and is not tried again.")


@pytest.mark.parametrize("code", ["worker_lost", "disk_full", "benchmark_data", "cancelled", "not_started"])
def test_faults_of_the_worker_use_up_no_attempt(board: Board, code: str) -> None:
    request = board.submit()
    for _ in range(5):
        handle, workdir = board.run_one(request)
        workdir.write_failure(Failure(fault=Fault.INFRASTRUCTURE, code=code, message="It broke."))
        board.end(handle, JobState.ENDED)
        board.ticker.tick()
        board.clock.pass_(MAX_BACKOFF_S)
    back = board.now(request)
    assert (back.status, back.attempts, back.failed_attempts) == (Status.PENDING, 5, 0)
    assert back.failure and "no attempt is used up" in back.failure.message


def test_a_forward_jump_of_the_clock_does_not_end_a_healthy_job(board: Board) -> None:
    request = board.submit()
    handle, workdir = board.run_one(request)
    lost = board.queue.claim(board.submit("lost"), "w2", board.settings.lease_s)
    board.clock.ahead = timedelta(hours=3)
    board.ticker.tick()
    assert board.now(request).status is Status.RUNNING and board.executor.cancelled == []
    assert board.now(lost).status is Status.RUNNING  # it was claimed just now, whatever this clock says
    board.clock.pass_(board.settings.lease_s)
    board.ticker.tick()
    assert board.now(lost).history[-1].note == "the lease of w2 has expired"
    board.succeed(handle, workdir)
    board.ticker.tick()
    finished = board.now(request)
    assert (finished.status, finished.attempts) == (Status.FINISHED, 1)


# --- a worker in trouble


def test_nothing_is_claimed_before_a_trial_job_has_worked(board: Board) -> None:
    request = board.submit()
    board.executor.trial = JobState.RUNNING
    board.ticker.tick()
    assert board.now(request).status is Status.PENDING and not board.queue.store.list("workers/")
    board.executor.trial = JobState.KILLED
    board.executor.states["told-0"] = JobStatus(JobState.KILLED, "signal 9")
    for _ in range(5):
        board.ticker.tick()
    assert board.now(request).attempts == 0 and list(board.executor.jobs) == ["told-0"], "the next probe comes later"
    assert "Jobs do not run on it" in board.registered().trouble
    board.executor.trial = JobState.ENDED
    board.clock.pass_(board.settings.backoff_s)
    board.ticker.tick()
    assert board.now(request).status is Status.RUNNING and board.registered().trouble == ""
    assert board.registered().refused and board.registered().benchmarks == ["tiny"]


def test_a_worker_in_trouble_still_says_what_it_cannot_run(board: Board) -> None:
    board.ticker.tick()
    board.new_ticker()
    board.executor.trial = JobState.KILLED
    board.ticker.tick()
    assert board.registered().trouble and board.registered().refused


def test_probes_back_off_and_the_log_says_it_once(board: Board, caplog: pytest.LogCaptureFixture) -> None:
    board.executor.trial = JobState.KILLED
    probes = []
    for _ in range(40):
        before = len(board.executor.jobs)
        board.ticker.tick()
        probes.append(len(board.executor.jobs) > before)
        board.clock.pass_(board.settings.backoff_s)
    assert [at for at, probed in enumerate(probes) if probed] == [0, 1, 3, 7, 15, 31], "waits double"
    assert caplog.text.count("This worker takes no requests for now") == 1


def test_a_job_that_crashes_while_the_disk_fails_is_not_to_blame(board: Board) -> None:
    request = board.submit()
    handle, _ = board.run_one(request)
    board.end(handle, JobState.KILLED, "signal 7")
    work = board.settings.work_dir
    work.rename(work.with_name("elsewhere"))
    work.write_text("no folder")
    board.ticker.tick()
    back = board.now(request)
    assert back.failure and back.failure.code == "disk_full" and back.failed_attempts == 0
    work.unlink()
    work.with_name("elsewhere").rename(work)
    board.clock.pass_(1000)
    board.ticker.tick()
    assert board.now(request).status is Status.RUNNING


def test_a_checkpoint_that_is_gone_before_its_job_starts_fails_as_its_own(board: Board) -> None:
    request = board.submit()
    board.executor.refuse = ModelNotFound("org/model", "a" * 40)
    board.ticker.tick()
    failed = board.now(request)
    assert failed.status is Status.FAILED and failed.failure and failed.failure.code == "model_gone"


@pytest.mark.parametrize(
    ("state", "reason", "code", "status"),
    [
        (JobState.KILLED, "wall_limit", "wall_limit", Status.FAILED),
        (JobState.KILLED, "memory_limit", "out_of_memory", Status.FAILED),
        (JobState.KILLED, "signal 9", "job_crashed", Status.PENDING),
        (JobState.ENDED, "", "job_crashed", Status.PENDING),
        (JobState.UNKNOWN, "", "worker_lost", Status.PENDING),
    ],
)
def test_jobs_that_ended_without_a_word(board: Board, state: JobState, reason: str, code: str, status: Status) -> None:
    request = board.submit()
    handle, workdir = board.run_one(request)
    board.end(handle, state, reason)
    board.ticker.tick()
    after = board.now(request)
    assert after.status is status and after.failure and after.failure.code == code
    assert after.failure.log == f"jobs/{workdir.name}/log.txt"
    assert "org/model" in after.failure.message and results(board) == []


def test_a_cancelled_request_ends_its_job_and_nothing_is_published(board: Board) -> None:
    request = board.submit()
    handle, workdir = board.run_one(request)
    board.queue.cancel(request, "someone")
    board.succeed(handle, workdir)
    board.ticker.tick()
    assert board.executor.cancelled == [handle] and results(board) == []
    assert board.now(request).status is Status.CANCELLED


def test_a_claim_that_was_lost_is_not_published(board: Board) -> None:
    request = board.submit()
    handle, workdir = board.run_one(request)
    board.clock.pass_(board.settings.lease_s + 1)
    board.queue.reap()
    other = board.queue.claim(board.now(request), "w2", 120)
    board.succeed(handle, workdir)
    board.ticker.tick()
    assert results(board) == [] and board.now(request).lease == other.lease


def test_a_lease_that_ran_out_while_nobody_looked_is_kept(board: Board) -> None:
    request = board.submit()
    handle, workdir = board.run_one(request)
    board.clock.pass_(10 * board.settings.lease_s)
    board.succeed(handle, workdir)
    board.ticker.tick()
    assert board.now(request).status is Status.FINISHED and len(results(board)) == 1


# --- restarts


def test_a_restarted_scheduler_gives_back_what_was_running_at_once(board: Board) -> None:
    request = board.submit()
    board.run_one(request)
    board.new_ticker().tick()
    back = board.now(request)
    assert back.status is Status.PENDING and back.failure and back.failure.code == "worker_lost"
    board.clock.pass_(1000)
    handle, workdir = board.run_one(request)
    board.succeed(handle, workdir)
    board.ticker.tick()
    assert board.now(request).status is Status.FINISHED and len(results(board)) == 1


def test_a_job_that_ended_while_the_scheduler_was_dead_is_published(board: Board) -> None:
    request = board.submit()
    handle, workdir = board.run_one(request)
    board.succeed(handle, workdir)
    board.new_ticker().tick()
    assert board.now(request).status is Status.FINISHED and len(results(board)) == 1


def test_dying_between_publishing_and_finishing_publishes_once(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    request = board.submit()
    handle, workdir = board.run_one(request)
    board.succeed(handle, workdir)

    def die(*args: Any, **kwargs: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(board.queue, "finish", die)
    with pytest.raises(KeyboardInterrupt):
        board.ticker.tick()
    monkeypatch.undo()
    published = results(board)
    assert len(published) == 1
    board.new_ticker().tick()
    assert board.now(request).status is Status.FINISHED and results(board) == published


def test_published_by_an_attempt_whose_claim_was_reaped_is_finished_without_another_run(board: Board) -> None:
    request = board.submit()
    _, workdir = board.run_one(request)
    workdir.write("results.json", b"{}")
    board.succeed("nobody", workdir)
    board.results.publish(workdir.results(), workdir.details())
    workdir.settle()
    board.clock.pass_(board.settings.lease_s + 1)
    board.new_ticker().tick()
    finished = board.now(request)
    assert finished.status is Status.FINISHED and len(results(board)) == 1
    assert [job.name for job in board.executor.jobs.values()] == ["abilities"]


def test_a_rerun_is_run_again_though_its_last_attempt_is_published(board: Board) -> None:
    request = board.submit()
    handle, workdir = board.run_one(request)
    board.succeed(handle, workdir)
    board.ticker.tick()
    board.queue.rerun(board.now(request), "maintainer")
    handle, workdir = board.run_one(request)
    board.succeed(handle, workdir)
    board.ticker.tick()
    assert board.now(request).status is Status.FINISHED and len(results(board)) == 2


def test_stopping_gives_requests_back_without_counting_a_failure(board: Board) -> None:
    request = board.submit()
    for _ in range(5):
        handle, _ = board.run_one(request)
        board.ticker.stop()
        assert board.executor.cancelled == [handle] and board.now(request).status is Status.PENDING
        board.new_ticker()


# --- what one thing may not do to the others


def test_a_run_with_a_limit_is_never_published(board: Board) -> None:
    request = board.submit()
    handle, workdir = board.run_one(request)
    board.succeed(handle, workdir, limit=10)
    board.ticker.tick()
    assert board.now(request).status is Status.FINISHED and results(board) == []
    assert "limit" in board.now(request).history[-1].note and (workdir.out / "results.json").exists()


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"podium": {}}', b'{"results": {}}'])
def test_results_that_cannot_be_read_are_our_fault(board: Board, content: bytes) -> None:
    request = board.submit()
    handle, workdir = board.run_one(request)
    board.succeed(handle, workdir)
    workdir.write("results.json", content)
    board.ticker.tick()
    after = board.now(request)
    assert after.status is Status.PENDING and after.failure and after.failure.code == "unpublished"
    assert results(board) == []


def test_a_store_that_does_not_take_results_is_tried_again(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    request = board.submit()
    handle, workdir = board.run_one(request)
    board.succeed(handle, workdir)

    def down(*args: Any, **kwargs: Any) -> str:
        raise HubUnavailable("The Hub did not answer.")

    monkeypatch.setattr(board.store, "commit", down)
    board.ticker.tick()
    assert board.now(request).status is Status.RUNNING
    monkeypatch.undo()
    board.ticker.tick()
    assert board.now(request).status is Status.FINISHED


def test_a_job_that_cannot_be_started_is_given_back(board: Board) -> None:
    request = board.submit()
    for error, code in (OSError("odd"), "not_started"), (OSError(errno.ENOSPC, "No space left"), "disk_full"):
        board.executor.refuse = error
        board.ticker.tick()
        after = board.now(request)
        assert after.status is Status.PENDING and after.failure and after.failure.code == code
        assert after.failed_attempts == 0
        board.clock.pass_(1000)


def test_a_kind_is_claimed_where_an_evaluator_of_it_is_known(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KINDS, "haiku", Kind())
    request = board.submit("pond", kind="haiku")
    board.ticker.tick()
    assert board.now(request).status is Status.PENDING and "haiku" not in board.registered().kinds
    monkeypatch.setitem(EVALUATORS, "haiku", Speak)
    board.new_ticker()
    _, workdir = board.run_one(request)
    assert "haiku" in board.registered().kinds
    assert workdir.options().evaluator == "tests.backend.jobs:Speak"


def test_requests_for_others_are_left_alone(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KINDS, "haiku", Kind())
    others = [
        board.submit("other-benchmark", benchmark="elsewhere"),
        board.submit("quantised", precision="4bit"),
        board.submit("pond", kind="haiku"),
        board.submit("quantised-delta", precision="8bit", weight_type="Delta"),
        board.submit("odd-precision", precision="half"),
    ]
    mine = board.submit("mine")
    board.ticker.tick()
    assert board.now(mine).status is Status.RUNNING
    assert {board.now(other).status for other in others} == {Status.PENDING}


def test_a_checkpoint_too_large_for_this_machine_is_left_alone(board: Board) -> None:
    board.executor.abilities |= {"max_params_b": 1.0}
    large = board.submit("large", params=0.6)
    small = board.submit("small", params=0.4)
    board.ticker.tick()
    assert (board.now(large).status, board.now(small).status) == (Status.PENDING, Status.RUNNING)


def test_what_this_machine_can_do_is_in_the_store(board: Board) -> None:
    board.ticker.tick()
    content = board.queue.store.read("workers/w1.json")[0]
    assert Abilities.model_validate_json(content).refused == {"4bit": "4bit needs an NVIDIA GPU."}


def test_unreadable_files_stop_nothing(board: Board) -> None:
    LocalStore(board.settings.work_dir.parent / "requests").commit({"tiny/org/bad_eval_request_x.json": b"{"}, "bad")
    bad = Workdir(board.ticker.folder / "bad-1")
    bad.scratch.mkdir(parents=True)
    bad.set_handle("told-9")
    request = board.submit()
    board.new_ticker()
    handle, workdir = board.run_one(request)
    workdir.write("progress.json", b"{")
    for _ in range(5):
        board.clock.pass_(board.settings.lease_s / 2)
        board.ticker.tick()
    assert bad.handle is None and board.now(request).status is Status.RUNNING
    board.succeed(handle, workdir)
    board.ticker.tick()
    assert board.now(request).status is Status.FINISHED


def test_slots_are_filled_in_the_queue_s_order(board: Board) -> None:
    board.executor.free = 2
    requests = [board.submit(f"m{number}", priority=float(number)) for number in range(4)]
    board.ticker.tick()
    statuses = [board.now(request).status for request in requests]
    assert statuses == [Status.PENDING, Status.PENDING, Status.RUNNING, Status.RUNNING]


def restarted(board: Board) -> Ticker:
    """The next scheduler of that name, with an executor whose jobs went on; their trials pass."""
    states, free = board.executor.states, board.executor.free
    ticker = board.new_ticker()
    board.executor.states, board.executor.free, board.executor.outlives_scheduler = states, free, True
    return ticker


def test_a_stop_leaves_jobs_that_outlive_the_scheduler_and_the_next_start_adopts_them(board: Board) -> None:
    board.executor.outlives_scheduler = True
    request = board.submit()
    handle, workdir = board.run_one(request)
    board.ticker.stop()
    left = board.now(request)
    assert board.executor.cancelled == [] and left.status is Status.RUNNING and left.job_id == handle
    board.clock.pass_(board.settings.lease_s / 2)
    ticker = restarted(board)
    ticker.tick()
    adopted = board.now(request)
    assert list(ticker.jobs) == [handle] and adopted.attempts == 1 and adopted.lease and left.lease
    assert adopted.lease.claim == left.lease.claim and adopted.lease.until > left.lease.until
    board.succeed(handle, workdir)
    ticker.tick()
    assert board.now(request).status is Status.FINISHED and len(results(board)) == 1


def test_a_job_that_only_the_queue_names_is_adopted(board: Board) -> None:
    board.executor.outlives_scheduler = True
    request = board.submit()
    handle, workdir = board.run_one(request)
    board.ticker.stop()
    (workdir.path / "handle").unlink()
    ticker = restarted(board)
    ticker.tick()
    assert list(ticker.jobs) == [handle] and workdir.handle == handle


def test_a_job_whose_request_another_worker_took_meanwhile_is_ended(board: Board) -> None:
    board.executor.outlives_scheduler = True
    request = board.submit()
    handle, _ = board.run_one(request)
    board.ticker.stop()
    board.clock.pass_(board.settings.lease_s + 1)
    board.queue.reap()
    board.queue.claim(board.now(request), "w2", 120)
    ticker = restarted(board)
    ticker.tick()
    lease = board.now(request).lease
    assert board.executor.cancelled == [handle] and not ticker.jobs and lease and lease.worker == "w2"


def test_a_restart_on_a_cluster_claims_before_its_trial_job_has_run(board: Board) -> None:
    board.executor.outlives_scheduler = True
    board.executor.free = 3
    board.ticker.tick()
    first = board.submit()
    restarted(board)
    board.executor.trial = JobState.QUEUED
    board.ticker.tick()
    [trial, _] = board.executor.jobs
    assert board.executor.jobs[trial].name == "abilities" and board.now(first).status is Status.RUNNING
    assert board.registered().refused, "known from the first start"
    board.executor.states[trial] = JobStatus(JobState.KILLED, "signal 9")
    second = board.submit("second")
    board.ticker.tick()
    assert board.now(second).status is Status.PENDING and "Jobs do not run on it" in board.registered().trouble
    restarted(board)
    board.executor.trial = JobState.QUEUED
    board.ticker.tick()
    assert board.now(second).status is Status.PENDING, "what a worker in trouble knew is not relied upon"


def test_a_ticker_needs_no_memory(board: Board) -> None:
    """Jobs of a cluster outlive the scheduler: the next one follows them."""
    request = board.submit()
    handle, workdir = board.run_one(request)
    ticker = restarted(board)
    ticker.tick()
    assert board.now(request).status is Status.RUNNING and list(ticker.jobs) == [handle]
    board.succeed(handle, workdir)
    ticker.tick()
    assert board.now(request).status is Status.FINISHED
