"""The submission that a decision is about."""

from __future__ import annotations

from leaderboard.benchmarks import Benchmark
from leaderboard.errors import NotFound, NotPossible
from leaderboard.queue.queue import Queue
from leaderboard.records import Request, Status


def finished_request(queue: Queue, benchmark: Benchmark, request_id: str) -> Request:
    """The finished request of that id. Raises NotFound where the benchmark has none, NotPossible for another state."""
    request = queue.get(request_id)
    if request.benchmark != benchmark.id:
        raise NotFound(f"Request {request_id} is not one of {benchmark.title}.")
    if request.status is not Status.FINISHED:
        raise NotPossible(f"{request.model} is {request.status.value}; this is for finished submissions.")
    return request
