"""Four processes claim the same requests: every one is won exactly once."""

from __future__ import annotations

import multiprocessing
import os
from collections import Counter
from typing import Any

import pytest

from leaderboard import FileStore
from leaderboard.queue.queue import Queue
from leaderboard.records import Request, Status
from tests.contracts.stores import Kind, Opener

PROCESSES = 4


start_together: Any = None
"""The barrier at which the processes wait for each other."""


def take_barrier(barrier: Any) -> None:
    global start_together
    start_together = barrier


def claim_all(opener: Opener, worker: str) -> list[tuple[str, str]]:
    """Claim until nothing is left: (request id, claim id) of each that was won."""
    queue, won = Queue(opener()), []
    queue.view()
    start_together.wait(timeout=60)
    while claimed := queue.claim_next(worker, lease_s=600):
        assert claimed.lease is not None
        won.append((claimed.id, claimed.lease.claim))
    return won


def fill(store: FileStore, number: int) -> None:
    """`number` pending requests, a hundred a commit."""
    queue_paths = Queue(store)
    requests = [
        Request(
            id=f"{index:016x}", benchmark="tiny", model=f"org{index % 7}/model-{index}", revision=f"{index:040x}",
            submitted_time="2026-01-01T00:00:00Z",
        )
        for index in range(number)
    ]  # fmt: skip
    for start in range(0, number, 100):
        batch = requests[start : start + 100]
        store.commit({queue_paths.path_of(item): item.to_json() for item in batch}, "Fill the queue")


@pytest.mark.slow
def test_every_request_is_claimed_exactly_once(kind: Kind, opener: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(opener(), kind.claims)
    monkeypatch.setitem(os.environ, "OMP_NUM_THREADS", "1")
    context = multiprocessing.get_context("spawn")
    with context.Pool(PROCESSES, take_barrier, (context.Barrier(PROCESSES),)) as pool:
        won = pool.starmap(claim_all, [(opener, f"worker-{number}") for number in range(PROCESSES)], chunksize=1)

    winners = [claim for claims in won for claim in claims]
    assert Counter(request_id for request_id, _ in winners).most_common(1)[0][1] == 1
    assert len(winners) == kind.claims
    view = Queue(opener()).view()
    assert not view.set_aside
    assert {item.id: item.lease.claim for item in view.requests if item.lease} == dict(winners)
    assert all(
        request.status is Status.RUNNING and request.attempts == 1 and len(request.history) == 1
        for request in view.requests
    )
