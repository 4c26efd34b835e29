"""What an unfinished run has kept is found by the next one: in the same work folder, or through the requests store."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from backend import JobState, kept
from backend.scheduler.partial_runs import COMMIT_BYTES, PartialRuns
from backend.workdir import Workdir
from leaderboard.errors import Infrastructure
from leaderboard.records import Failure, Fault, Status
from leaderboard.stores.batched import BatchedStore
from tests.backend.conftest import Board

LOST = Failure(code="worker_lost", fault=Fault.INFRASTRUCTURE, message="Lost.", log="")


def keep(workdir: Workdir, number: int, text: str = "a record") -> str:
    """What a job does when it has finished a piece."""
    content = f"{text} {number}\n".encode()
    name = kept.file_name("0badcafe", number, content)
    workdir.keep(name, content)
    return name


def partial(board: Board) -> list[str]:
    return sorted(board.queue.store.list("partial/"))


def elsewhere(board: Board, folder: Path) -> Board:
    """Another worker, with a work folder of its own, over the same stores."""
    board.settings = board.settings.model_copy(update={"work_dir": folder, "worker": "w2"})
    board.new_ticker()
    return board


def test_the_next_attempt_finds_what_was_kept_in_the_same_work_folder(board: Board) -> None:
    board.settings = board.settings.model_copy(update={"resume_store_mb": 0})
    board.new_ticker()
    request = board.submit()
    handle, first = board.run_one(request)
    names = [keep(first, number) for number in (1, 2)]
    board.end(handle, JobState.KILLED, "node_lost")
    board.ticker.tick()
    board.clock.pass_(3600)
    handle, second = board.run_one(request)
    assert second.path != first.path and kept.names(second.kept) == names
    assert not first.kept.exists() and not (first.out / "kept").exists(), "it is in one place only"
    names.append(keep(second, 3))
    board.end(handle, JobState.KILLED, "node_lost")
    board.ticker.tick()
    board.clock.pass_(3600)
    _, third = board.run_one(request)
    assert kept.names(third.kept) == names and partial(board) == []


def test_a_run_that_is_asked_for_again_makes_everything_anew(board: Board) -> None:
    request = board.submit()
    handle, first = board.run_one(request)
    board.succeed(handle, first)
    board.ticker.tick()
    keep(first, 1)  # as where the finished run was another worker's
    board.queue.rerun(board.now(request), "someone")
    handle, second = board.run_one(request)
    assert kept.names(second.kept) == []
    name = keep(second, 2)
    board.end(handle, JobState.KILLED, "node_lost")
    board.ticker.tick()
    board.clock.pass_(3600)
    _, third = board.run_one(request)
    assert kept.names(third.kept) == [name]


def test_another_worker_goes_on_through_the_store(board: Board, tmp_path: Path) -> None:
    request = board.submit()
    _, first = board.run_one(request)
    name = keep(first, 1)
    board.ticker.stop()
    assert board.now(request).status is Status.PENDING
    assert partial(board) == [f"partial/{request.id}/{name}"]
    elsewhere(board, tmp_path / "other")
    handle, second = board.run_one(request)
    assert second.path.is_relative_to(tmp_path / "other") and kept.names(second.kept) == [name]
    board.succeed(handle, second)
    board.ticker.tick()
    assert board.now(request).status is Status.FINISHED and partial(board) == []
    assert not second.kept.exists()


def test_it_is_in_the_store_before_the_request_can_be_claimed(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    request = board.submit()
    handle, first = board.run_one(request)
    keep(first, 1)
    order = []
    commit = board.queue.store.commit

    def noted(changes: dict[str, bytes | None], *args: object, **kwargs: object) -> str:
        order.extend(path.partition("/")[0] for path in changes)
        return commit(changes, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(board.queue.store, "commit", noted)
    board.end(handle, JobState.KILLED, "node_lost")
    board.ticker.tick()
    assert order[0] == "partial" and board.now(request).status is Status.PENDING


def test_a_running_job_is_copied_now_and_then(board: Board) -> None:
    request = board.submit()
    _, workdir = board.run_one(request)
    board.ticker.tick()
    first = keep(workdir, 1)
    board.clock.pass_(board.settings.resume_store_s - 1)
    board.ticker.tick()
    assert partial(board) == []
    board.clock.pass_(2)
    board.ticker.tick()
    assert partial(board) == [f"partial/{request.id}/{first}"]
    second = keep(workdir, 2)
    board.ticker.tick()
    assert len(partial(board)) == 1, "not again at once"
    board.clock.pass_(board.settings.resume_store_s)
    board.ticker.tick()
    assert partial(board) == sorted(f"partial/{request.id}/{name}" for name in (first, second))


@pytest.mark.parametrize(("details", "private"), [("none", False), ("gated", False), ("public", True)])
def test_what_not_everybody_may_read_stays_out_of_the_store(board: Board, details: str, private: bool) -> None:
    columns = [column.model_copy(update={"private": private}) for column in board.benchmark.columns]
    board.benchmark = board.benchmark.model_copy(update={"details": details, "columns": columns})
    board.new_ticker()
    request = board.submit()
    _, workdir = board.run_one(request)
    keep(workdir, 1)
    board.ticker.stop()
    assert partial(board) == []


def test_no_more_than_the_limit_goes_into_the_store(board: Board) -> None:
    board.settings = board.settings.model_copy(update={"resume_store_mb": 0.0015})
    board.new_ticker()
    request = board.submit()
    _, workdir = board.run_one(request)
    for number in range(1, 4):
        keep(workdir, number, "x" * 700)
    board.ticker.stop()
    assert len(partial(board)) == 2


def test_much_is_copied_in_several_commits(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    request = board.submit()
    _, workdir = board.run_one(request)
    for number in range(1, COMMIT_BYTES // 900_000 + 3):
        keep(workdir, number, "x" * 900_000)
    sizes = []
    commit = board.queue.store.commit

    def noted(changes: dict[str, bytes | None], *args: object, **kwargs: object) -> str:
        sizes.append(sum(len(content or b"") for content in changes.values()))
        return commit(changes, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(board.queue.store, "commit", noted)
    runs = PartialRuns(board.settings, board.queue, {"tiny": board.benchmark}, board.clock.monotonic)
    assert runs.copy(request, workdir) and len(sizes) == 2 and max(sizes) <= COMMIT_BYTES
    assert not runs.copy(request, workdir), "nothing is new"


def test_a_store_that_gathers_takes_it_with_the_round(board: Board, tmp_path: Path) -> None:
    store = board.queue.store
    board.queue.store = BatchedStore(store)
    board.new_ticker()
    request = board.submit()
    board.queue.flush("submitted")
    _, workdir = board.run_one(request)
    name = keep(workdir, 1)
    board.ticker.tick()
    board.clock.pass_(board.settings.resume_store_s + 1)
    board.ticker.tick()
    assert [*store.list("partial/")] == [f"partial/{request.id}/{name}"]


def test_trouble_of_the_store_does_not_stop_a_launch(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    request = board.submit()
    handle, _ = board.run_one(request)
    board.end(handle, JobState.KILLED, "node_lost")
    board.ticker.tick()
    board.clock.pass_(3600)

    def broken(self: PartialRuns, request_id: str) -> dict[str, str]:
        raise Infrastructure("The store does not answer.")

    monkeypatch.setattr(PartialRuns, "_files", broken)
    board.run_one(request)
    assert board.now(request).status is Status.RUNNING


def test_what_is_damaged_in_the_store_is_ignored(
    board: Board, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    request = board.submit()
    _, first = board.run_one(request)
    good = keep(first, 1)
    board.ticker.stop()
    folder = f"partial/{request.id}/"
    board.queue.store.commit({folder + kept.file_name("ffffffff", 1, b"other"): b"cut", folder + "x.txt": b"x"}, "")
    elsewhere(board, tmp_path / "other")
    _, second = board.run_one(request)
    assert kept.names(second.kept) == [good] and [path.name for path in second.kept.iterdir()] == [good]
    assert "it is damaged" in caplog.text


def test_the_files_of_ended_requests_are_removed(board: Board) -> None:
    cancelled, failed, open_ = board.submit("cancelled"), board.submit("failed"), board.submit("open")
    for request_id in (cancelled.id, failed.id, open_.id, "f" * 16):
        board.queue.store.commit({f"partial/{request_id}/a": b"a"}, "")
    board.queue.cancel(cancelled, "someone")
    claimed = board.queue.claim_next("w1", 60, lambda request: request.id == failed.id)
    assert claimed is not None
    board.queue.fail(claimed, LOST.model_copy(update={"fault": Fault.SUBMISSION}))

    def left(days: float) -> list[str]:
        now = board.clock.utc() + timedelta(days=days)
        runs = PartialRuns(board.settings, board.queue, {}, board.clock.monotonic, lambda: now)
        runs.sweep()
        assert not runs.sweep(), "once an hour"
        return partial(board)

    ids = {path.split("/")[1] for path in left(0)}
    assert ids == {failed.id, open_.id}, "who gives a failed one more time has it go on"
    assert {path.split("/")[1] for path in left(board.settings.keep_jobs_days + 1)} == {open_.id}


def test_a_new_scheduler_knows_what_is_in_the_store(board: Board) -> None:
    request = board.submit()
    _, workdir = board.run_one(request)
    keep(workdir, 1)
    runs = PartialRuns(board.settings, board.queue, {"tiny": board.benchmark}, board.clock.monotonic)
    assert runs.copy(request, workdir)
    again = PartialRuns(board.settings, board.queue, {"tiny": board.benchmark}, board.clock.monotonic)
    assert not again.copy(request, workdir)
