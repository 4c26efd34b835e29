"""Whatever two workers and a maintainer do in whatever order, with stale copies in hand: the files stay true."""

from __future__ import annotations

import json
import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from leaderboard.errors import AlreadyRequested, Conflict, NotPossible
from leaderboard.queue.queue import MOVES, Queue
from leaderboard.records import Failure, Fault, Progress, Request, Status, request_path, utc
from leaderboard.stores.local import LocalStore

FAST = Path("/dev/shm")
FAILURE = Failure(fault=Fault.INFRASTRUCTURE, code="x", message="Something failed.")
workers = st.integers(0, 1)
hands = st.sampled_from(["cancel", "relaunch", "rerun"])
ends = st.sampled_from(["finish", "fail", "give_back", "retry"])


class QueueMachine(RuleBasedStateMachine):
    """Requests in hand may be stale; the queue must refuse what their state or claim no longer allows."""

    claims = Bundle("claims")

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp(dir=FAST if FAST.is_dir() else None))
        self.time = datetime(2026, 1, 1, tzinfo=UTC)
        self.queues = [Queue(LocalStore(self.root), lambda: self.time, lambda: self.time.timestamp()) for _ in range(3)]
        self.histories: dict[str, list[Any]] = {}
        self.marks: dict[str, int] = {}
        self.holders: dict[str, str] = {}

    def teardown(self) -> None:
        shutil.rmtree(self.root)

    def current(self, request: Request) -> Request:
        return self.queues[2].get(request.id)

    @rule(number=st.integers(0, 1), queue=workers)
    def submit(self, number: int, queue: int) -> None:
        # Ids that are drawn at random would change the order of claims from one replay to the next.
        asked = Request(id=f"{number:016x}", benchmark="tiny", model=f"org/m{number}", revision="a" * 40, sender="ann")
        path = request_path(asked)
        known = {self.queues[2].path_of(request): request for request in self.queues[2].view().requests}.get(path)
        try:
            self.queues[queue].submit(asked)
        except AlreadyRequested:
            assert known and known.status not in (Status.FAILED, Status.CANCELLED)
        else:
            assert known is None or known.status in (Status.FAILED, Status.CANCELLED)

    @rule(target=claims, queue=workers, lease=st.sampled_from([5, 60]))
    def claim_next(self, queue: int, lease: int) -> Any:
        assert all(item.status is Status.PENDING for item in self.queues[queue].reap())
        claimed = self.queues[queue].claim_next(f"w{queue}", lease)
        return self.held(claimed) if claimed else multiple()

    @rule(target=claims, stale=claims, queue=workers)
    def claim_with_an_old_copy(self, stale: Request, queue: int) -> Any:
        free = self.current(stale).status is Status.PENDING and self.is_due(stale)
        try:
            claimed = self.queues[queue].claim(stale, f"w{queue}", 5)
        except Conflict:
            assert not free
            return multiple()
        assert free
        return self.held(claimed)

    def is_due(self, request: Request) -> bool:
        return (self.current(request).not_before or "") <= utc(self.time)

    def held(self, claimed: Request) -> Request:
        assert claimed.lease
        self.holders[claimed.id] = claimed.lease.claim
        return claimed

    def holds(self, claimed: Request) -> bool:
        assert claimed.lease
        return self.current(claimed).status is Status.RUNNING and self.holders[claimed.id] == claimed.lease.claim

    @rule(claimed=claims, queue=workers, done=st.integers(0, 9))
    def renew(self, claimed: Request, queue: int, done: int) -> None:
        held = self.holds(claimed)
        try:
            renewed = self.queues[queue].renew(claimed, 60, Progress(done=done, total=9))
        except Conflict:
            assert not held
        else:
            assert held and renewed.progress == Progress(done=done, total=9)

    @rule(claimed=consumes(claims), queue=workers, end=ends)
    def end(self, claimed: Request, queue: int, end: str) -> None:
        held = self.holds(claimed)
        queue_of = self.queues[queue]
        try:
            if end == "finish":
                after = queue_of.finish(claimed)
            elif end == "fail":
                after = queue_of.fail(claimed, FAILURE)
            elif end == "retry":
                after = queue_of.retry(claimed, FAILURE, max_attempts=3, backoff_s=10)
            else:
                after = queue_of.give_back(claimed, FAILURE, backoff_s=10)
        except Conflict:
            assert not held
        else:
            assert held and after.status is not Status.RUNNING

    @rule(claimed=claims, hand=hands)
    def by_hand(self, claimed: Request, hand: str) -> None:
        before = self.current(claimed).status
        try:
            after = getattr(self.queues[2], hand)(claimed, "maintainer")
        except NotPossible:
            assert (
                before
                not in {
                    "cancel": {Status.PENDING, Status.RUNNING},
                    "relaunch": {Status.FAILED, Status.CANCELLED},
                    "rerun": {Status.FINISHED},
                }[hand]
            )
        else:
            assert after.status in MOVES[before]

    @rule(claimed=claims)
    def an_operator_writes_a_field(self, claimed: Request) -> None:
        path = self.queues[2].path_of(claimed)
        fields = json.loads((self.root / path).read_bytes())
        self.marks[claimed.id] = fields["mark"] = self.marks.get(claimed.id, 0) + 1
        (self.root / path).write_text(json.dumps(fields))

    @rule(seconds=st.sampled_from([1, 100]))
    def time_passes(self, seconds: int) -> None:
        self.time += timedelta(seconds=seconds)

    @invariant()
    def histories_are_whole(self) -> None:
        views = [queue.view() for queue in self.queues]
        assert views[0] == views[1] == views[2] and not views[0].set_aside
        for request in views[0].requests:
            assert request.history[: len(self.histories.get(request.id, []))] == self.histories.get(request.id, [])
            self.histories[request.id] = list(request.history)
            before: Status | None = None
            for entry in request.history:
                assert entry.from_ == before and (before is None or entry.to in MOVES[before])
                before = entry.to
            assert before is request.status
            assert (request.lease is not None) == (request.status is Status.RUNNING)
            assert request.attempts == sum(entry.to is Status.RUNNING for entry in request.history)
            assert (request.model_extra or {}).get("mark") == self.marks.get(request.id)


TestQueueMachine = QueueMachine.TestCase
TestQueueMachine.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
