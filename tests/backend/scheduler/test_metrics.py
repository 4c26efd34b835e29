"""What a scheduler counts: its own jobs, by outcome and by codes that are in the table."""

from __future__ import annotations

import ast

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from backend import JobState
from backend.evaluators.bundle_run.steps import EXCEEDED
from backend.failures import CODES, FOUND
from backend.relay.faults import SENTENCES
from backend.scheduler.tick import Ticker
from leaderboard.records import Failure, Fault
from leaderboard.settings import PROJECT
from tests.backend.conftest import Board


@pytest.fixture
def registry(board: Board) -> CollectorRegistry:
    """The registry of the board's scheduler."""
    made = CollectorRegistry()
    benchmarks = {"tiny": board.benchmark}
    board.ticker = Ticker(
        board.settings, board.queue, board.results, benchmarks, board.executor, clock=board.clock.monotonic,
        registry=made,
    )  # fmt: skip
    board.ticker.tick()
    return made


def test_finished_jobs_are_counted_with_their_time(board: Board, registry: CollectorRegistry) -> None:
    handle, workdir = board.run_one(board.submit())
    board.succeed(handle, workdir)
    board.ticker.tick()
    assert registry.get_sample_value("podium_jobs_total", {"outcome": "finished"}) == 1
    assert registry.get_sample_value("podium_jobs_total", {"outcome": "failed"}) == 0
    assert registry.get_sample_value("podium_job_seconds_count", {"outcome": "finished"}) == 1


def test_every_code_that_an_evaluator_raises_is_known() -> None:
    raised = set()
    for path in (PROJECT / "backend").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "JobFailed":
                if path.name == "errors.py":  # a finding of another process, made there by one of the others
                    continue
                if isinstance(node.args[0], ast.Subscript):  # from the table of limits of bundles
                    continue
                if isinstance(node.args[0], ast.Attribute):  # the code of another one, said in other words
                    continue
                assert isinstance(node.args[0], ast.Constant), path
                raised.add(node.args[0].value)
    raised |= set(EXCEEDED.values())
    raised |= SENTENCES.keys()  # of the relay, which finds most of them in tables
    assert FOUND <= raised <= CODES


@pytest.mark.parametrize(
    ("code", "fault", "counted"),
    [
        ("not_a_number", Fault.SUBMISSION, "not_a_number"),
        ("disk_full", Fault.INFRASTRUCTURE, "disk_full"),
        ('made-up"} 1\n', Fault.SUBMISSION, "other"),
    ],
)
def test_failures_are_counted_by_code_and_a_job_s_own_words_are_no_label(
    board: Board, registry: CollectorRegistry, code: str, fault: Fault, counted: str
) -> None:
    handle, workdir = board.run_one(board.submit())
    workdir.write_failure(Failure(fault=fault, code=code, message="It went wrong."))
    board.end(handle, JobState.ENDED)
    board.ticker.tick()
    labels = {"code": counted, "fault": fault.value}
    assert registry.get_sample_value("podium_job_failures_total", labels) == 1
    assert registry.get_sample_value("podium_jobs_total", {"outcome": "failed"}) == 1
    assert "made-up" not in generate_latest(registry).decode()
