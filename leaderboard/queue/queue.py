"""The queue: request files over a store. Every change reads the file again, decides, and commits by compare-and-swap.

PENDING -> RUNNING -> FINISHED | FAILED        PENDING | RUNNING -> CANCELLED
RUNNING -> PENDING                             lease expired, or a run failed without a result (with back-off)
FAILED | CANCELLED -> PENDING                  relaunched, or submitted again
FINISHED -> PENDING                            re-run: a new attempt, the old result is kept
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from leaderboard import FileStore
from leaderboard.errors import AlreadyRequested, Conflict, NotFound, NotPossible, Unreadable
from leaderboard.queue.leases import LeaseWatch
from leaderboard.queue.own_claims import OwnClaim, OwnClaims
from leaderboard.queue.priority import Ranking
from leaderboard.queue.request_files import obstacle, read_request
from leaderboard.queue.request_index import RequestIndex
from leaderboard.queue.retries import NOT_COUNTED, PODIUM, attempt_failed, backoff, given_up, tried_again, waits_until
from leaderboard.queue.view import QueueView, SetAside
from leaderboard.records import (
    OPEN,
    SCHEMA_VERSION,
    Failure,
    Fault,
    HistoryEntry,
    Lease,
    Problem,
    Progress,
    Request,
    Status,
    kind_of,
    moment,
    new_id,
    request_path,
    utc,
)
from leaderboard.stores.edit import EditedFiles, edit

__all__ = ["MOVES", "Queue", "QueueView", "SetAside", "obstacle"]

MOVES: dict[Status, frozenset[Status]] = {
    Status.PENDING: frozenset({Status.RUNNING, Status.CANCELLED}),
    Status.RUNNING: frozenset({Status.FINISHED, Status.FAILED, Status.CANCELLED, Status.PENDING}),
    Status.FINISHED: frozenset({Status.PENDING}),
    Status.FAILED: frozenset({Status.PENDING}),
    Status.CANCELLED: frozenset({Status.PENDING}),
}
MAX_SPREAD = 16


def _admit(request: Request, files: EditedFiles) -> None:
    """Lets everything in."""


class Queue:
    """The requests of one store. Safe for threads; any number of processes may work on the same store."""

    def __init__(
        self,
        store: FileStore,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        self.store = store
        self._clock = clock
        self._index = RequestIndex(store)
        self._ranking = Ranking(lambda request: obstacle(request) is None)
        self._leases = LeaseWatch(clock, elapsed)
        self._own_claims = OwnClaims()

    # --- reading

    def view(self) -> QueueView:
        """Every request and every file set aside; reads only the files that changed since the last view."""
        return self._index.view()

    def get(self, request_id: str) -> Request:
        """The request as it is now. Raises NotFound."""
        return self.find(self._path_of_id(request_id))

    def find(self, path: str) -> Request:
        """The request in a file. Raises NotFound, Unreadable."""
        return read_request(path, self.store.read(path)[0])

    def path_of(self, request: Request) -> str:
        """Where the request's file lies (or would lie, for one that was not submitted yet)."""
        return self._index.path(request.id) or request_path(request)

    def raw(self, request_id: str) -> bytes:
        """The content of the request's file. Raises NotFound."""
        return self.store.read(self._path_of_id(request_id))[0]

    def pending(self) -> list[Request]:
        """The requests that wait, in the order in which they will run; without those that cannot (`obstacle`)."""
        view = self.view()
        pending = [request for request in view.open if request.status is Status.PENDING]
        return self._ranking.in_order(pending, view.running, self._clock())

    # --- what submitters and maintainers do

    def submit(self, request: Request, admit: Callable[[Request, EditedFiles], None] = _admit) -> Request:
        """Put a new request into the queue, or a failed or cancelled one back. Raises AlreadyRequested.

        `admit` has the last word: it gets what would be queued, may change it and other files of the store in the same
        commit, and may be called several times; what it raises ends the submission.
        """
        fresh = request.model_copy(
            update={"status": Status.PENDING, "id": request.id or new_id(), "history": [], "attempts": 0}
        )
        fresh.submitted_time = request.submitted_time or self._now()
        fresh.arrived = self._clock().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        fresh.history.append(self._entry(None, Status.PENDING, request.sender or PODIUM, "submitted"))
        path = request_path(fresh)

        def decide(files: EditedFiles) -> Request:
            content, queued = files.find(path), fresh.model_copy()
            if content is not None:
                queued = read_request(path, content)
                self._submit_again(queued, fresh)
                queued.schema_version, queued.arrived = SCHEMA_VERSION, fresh.arrived
                files.message = f"Submit {queued.model} again"
            admit(queued, files)
            files.write(path, queued.to_json())
            return queued

        return edit(self.store, decide, f"Add {fresh.model} to the queue")

    def cancel(self, request: Request, by: str, note: str = "") -> Request:
        """Take a pending or running request out. Raises NotPossible for any other."""
        return self._by_hand(request, Status.CANCELLED, set(OPEN), by, note)

    def relaunch(self, request: Request, by: str, note: str = "") -> Request:
        """Put a failed or cancelled request back. Raises NotPossible for any other."""
        return self._by_hand(request, Status.PENDING, {Status.FAILED, Status.CANCELLED}, by, note or "relaunched")

    def rerun(self, request: Request, by: str, note: str = "") -> Request:
        """Evaluate a finished request once more; its old result is kept. Raises NotPossible for any other."""
        return self._by_hand(request, Status.PENDING, {Status.FINISHED}, by, note or "run again")

    def amend(self, request: Request, decide: Callable[[Request, EditedFiles], None], message: str) -> Request:
        """Let `decide` change what is there but the status, and other files of the store in the same commit.

        `decide` may be called several times, each time with what is there then; what it raises ends the change.
        """
        return self._edit(self.path_of(request), decide, message)

    # --- what workers do

    def claim(self, request: Request, worker: str, lease_s: float) -> Request:
        """Become the only one who runs it, for `lease_s` seconds. Raises Conflict when it is not to be had."""
        path, claim = self.path_of(request), self._own_claims.new()
        lease = Lease(worker=worker, claim=claim, until=self._later(lease_s), seconds=lease_s)

        def decide(current: Request) -> None:
            if current.status is not Status.PENDING or obstacle(current) or not self._is_due(current):
                raise Conflict([path])
            self._move(current, Status.RUNNING, worker, "")
            current.lease, current.progress, current.job_id = lease, None, None
            current.attempts += 1
            current.job_start_time = self._start_after(current.job_start_time)
            current.not_before = None

        try:
            self._change(path, decide, "Claim {}")
            self._flush_now(path, f"Claim {request.model}")
        except (Conflict, NotFound, Unreadable):
            self._own_claims.settle(claim)
            raise
        claimed = self.find(path)
        if claimed.lease is None or claimed.lease.claim != claim:
            raise Conflict([path])
        self._own_claims.settle(claim)
        return claimed

    def claim_next(
        self, worker: str, lease_s: float, accepts: Callable[[Request], bool] = lambda request: True
    ) -> Request | None:
        """Claim the first pending request that is due and that `accepts`; None when there is none.

        Having lost one to another worker, look further down, so that several do not go on competing for the same. One
        whose claim seemed to fail but is there comes first: nobody has begun with it.
        """
        for own in self.unconfirmed(worker):
            with suppress(Conflict, NotFound, Unreadable):
                return self._take_up(own, lease_s)
        waiting, spread = [each for each in self.pending() if each.not_before is None or self._is_due(each)], 1
        while waiting:
            request = waiting.pop(random.randrange(min(spread, len(waiting))))
            if not accepts(request):
                continue
            try:
                return self.claim(request, worker, lease_s)
            except (Conflict, NotFound, Unreadable):
                spread = min(2 * spread, MAX_SPREAD)
        return None

    def unconfirmed(self, worker: str) -> list[OwnClaim]:
        """What runs under claims of `worker` that seemed to fail: `claim_next` takes it up."""
        return self._own_claims.unconfirmed(worker, lambda: self.view().running)

    def _take_up(self, own: OwnClaim, lease_s: float) -> Request:
        """Confirm a claim that seemed to fail. Raises Conflict when it is not ours any more."""
        renewed = self.renew(own.request, lease_s)
        self._flush_now(self.path_of(own.request), f"Renew the lease of {own.request.model}")
        self._own_claims.settle(own.claim)
        return renewed

    def _flush_now(self, path: str, message: str) -> None:
        """Have the change of a file made, or forget it. Raises Conflict when it comes too late."""
        if path in self.store.flush(message, now_or_never=path):
            raise Conflict([path])

    def give_back_unheld(self, worker: str, held: Collection[str]) -> list[Request]:
        """Put back what runs under claims that `worker` made through this object and does not hold; return it.

        The answer to such a claim, or its job, got lost. Another thread that claims meanwhile would lose its claim.
        """

        def decide(current: Request, lease: Lease) -> None:
            self._send_back(current, worker, f"no job of {worker} runs it", 0.0)

        returned = []
        for request, claim in self._own_claims.of(worker, self.view().running):
            if claim not in held:
                with suppress(Conflict, NotFound, Unreadable):
                    returned.append(self._as_holder(request, decide, "Give back {}"))
                    self._own_claims.settle(claim)
        return returned

    def renew(self, request: Request, lease_s: float, progress: Progress | None = None) -> Request:
        """Hold it for `lease_s` seconds more. Raises Conflict when the claim is not ours any more."""

        def decide(current: Request, lease: Lease) -> None:
            current.lease = lease.model_copy(update={"until": self._later(lease_s), "seconds": lease_s})
            current.progress = progress or current.progress

        return self._as_holder(request, decide, "Renew the lease of {}")

    def started(self, request: Request, job_id: str) -> Request:
        """Note the executor's job. Raises Conflict when the claim is not ours any more."""

        def decide(current: Request, lease: Lease) -> None:
            current.job_id = job_id

        return self._as_holder(request, decide, "Start {}")

    def finish(self, request: Request, note: str = "") -> Request:
        """Its results are published. Raises Conflict when the claim is not ours any more."""

        def decide(current: Request, lease: Lease) -> None:
            self._move(current, Status.FINISHED, lease.worker, note)
            current.failure = None

        return self._as_holder(request, decide, "Finish {}")

    def fail(self, request: Request, failure: Failure) -> Request:
        """It ended for good without a result. Raises Conflict when the claim is not ours any more."""

        def decide(current: Request, lease: Lease) -> None:
            self._move(current, Status.FAILED, lease.worker, f"{failure.code}: {failure.message}")
            current.failure = failure

        return self._as_holder(request, decide, "Fail {}")

    def give_back(self, request: Request, failure: Failure, backoff_s: float) -> Request:
        """The worker or the Hub failed: PENDING again after a back-off that doubles, as often as it takes.

        Raises Conflict when the claim is not ours any more.
        """

        def decide(current: Request, lease: Lease) -> None:
            self._try_again(current, lease, failure, NOT_COUNTED, backoff_s)

        return self._as_holder(request, decide, "Give back {}")

    def retry(self, request: Request, failure: Failure, max_attempts: int, backoff_s: float) -> Request:
        """The attempt failed, and the request may be why: PENDING again, FAILED after `max_attempts` in a row.

        Raises Conflict when the claim is not ours any more.
        """

        def decide(current: Request, lease: Lease) -> None:
            current.failed_attempts += 1
            if current.failed_attempts >= max_attempts:
                final = _with_words(failure, given_up(current.failed_attempts))
                self._move(current, Status.FAILED, lease.worker, f"{final.code}: {final.message}")
                current.failure = final.model_copy(update={"fault": Fault.INFRASTRUCTURE})
            else:
                words = attempt_failed(current.failed_attempts, max_attempts)
                self._try_again(current, lease, failure, words, backoff_s)

        return self._as_holder(request, decide, "Retry {}")

    def reap(self, backoff_s: float = 0.0, held: Collection[str] = ()) -> list[Request]:
        """Put every request whose lease has expired back to PENDING, and return them.

        `held`: claims whose holder asks. It knows by its own clock that it works on them, and this one may have jumped.
        """
        reaped = []
        for request in self._leases.lost(self.view().running):
            if not (request.lease and request.lease.claim in held):
                try:
                    reaped.append(self._change(self.path_of(request), self._reap_one(request, backoff_s), "Reap {}"))
                except (Conflict, NotFound, Unreadable):
                    continue
        return reaped

    def flush(self, message: str) -> set[str]:
        """Make one commit of what waits, where the store gathers commits; return the paths that came too late.

        A claim never waits: it flushes.
        """
        return self.store.flush(message)

    # --- how a request changes

    def _reap_one(self, lost: Request, backoff_s: float) -> Callable[[Request], None]:
        def decide(current: Request) -> None:
            if current.status is not Status.RUNNING or current.lease != lost.lease:
                raise Conflict([self.path_of(current)])
            holder = current.lease.worker if current.lease else "nobody"
            self._send_back(current, PODIUM, f"the lease of {holder} has expired", backoff_s)

        return decide

    def _by_hand(self, request: Request, to: Status, allowed: set[Status], by: str, note: str) -> Request:
        def decide(current: Request) -> None:
            if current.status not in allowed:
                wanted = " or ".join(sorted(status.value for status in allowed))
                raise NotPossible(
                    f"{current.model} is {current.status.value}; only a {wanted} request can become {to.value}."
                )
            self._move(current, to, by, note)
            current.not_before = None
            if to is Status.PENDING:
                current.failure = None
                current.failed_attempts = 0

        return self._change(self.path_of(request), decide, f"{to.value}: {{}}")

    def _submit_again(self, existing: Request, fresh: Request) -> None:
        if existing.status not in (Status.FAILED, Status.CANCELLED):
            raise AlreadyRequested(_already(existing), existing)
        kept = {"id", "status", "history", "attempts", "job_start_time", "lease", "progress"}
        for name in fresh.model_fields_set - kept:
            setattr(existing, name, getattr(fresh, name))
        self._move(existing, Status.PENDING, fresh.sender or PODIUM, "submitted again")
        existing.failure = existing.not_before = None
        existing.failed_attempts = 0

    def _as_holder(self, request: Request, decide: Callable[[Request, Lease], None], message: str) -> Request:
        """Change a running request whose claim is still the one in `request`."""
        path = self.path_of(request)
        claim = request.lease.claim if request.lease else None

        def guarded(current: Request) -> None:
            if current.status is not Status.RUNNING or current.lease is None or current.lease.claim != claim:
                raise Conflict([path])
            decide(current, current.lease)

        return self._change(path, guarded, message)

    def _change(self, path: str, decide: Callable[[Request], None], message: str) -> Request:
        """Let `decide` change the request, and nothing else."""
        return self._edit(path, lambda current, files: decide(current), message)

    def _edit(self, path: str, decide: Callable[[Request, EditedFiles], None], message: str) -> Request:
        def decide_and_write(files: EditedFiles) -> Request:
            current = read_request(path, files.read(path))
            decide(current, files)
            current.schema_version = SCHEMA_VERSION
            files.write(path, current.to_json())
            files.message = message.format(current.model)
            return current

        return edit(self.store, decide_and_write, message)

    def _move(self, request: Request, to: Status, by: str, note: str) -> None:
        if to not in MOVES[request.status]:
            raise NotPossible(f"{request.model} is {request.status.value} and cannot become {to.value}.")
        request.history.append(self._entry(request.status, to, by, note))
        request.status = to
        request.lease = request.progress = None

    def _send_back(self, request: Request, by: str, note: str, backoff_s: float) -> None:
        wait = backoff(request, backoff_s)
        self._move(request, Status.PENDING, by, note)
        request.not_before = self._later(wait) if wait > 0 else None

    def _try_again(self, current: Request, lease: Lease, failure: Failure, words: str, backoff_s: float) -> None:
        """Send it back with what happened, `words` on it, and when it is tried again."""
        wait = backoff(current, backoff_s)
        again = tried_again(self._clock() + timedelta(seconds=wait) if wait > 0 else None)
        current.failure = _with_words(failure, f"{words} {again}")
        self._send_back(current, lease.worker, f"{failure.code}: {current.failure.message}", backoff_s)

    def _entry(self, before: Status | None, to: Status, by: str, note: str) -> HistoryEntry:
        return HistoryEntry(time=self._now(), from_=before, to=to, by=by, note=note)

    # --- time

    def _now(self) -> str:
        return utc(self._clock())

    def _later(self, seconds: float) -> str:
        return utc(self._clock() + timedelta(seconds=seconds))

    def _start_after(self, earlier: str | None) -> str:
        """Now, or a second after `earlier`: no two attempts of a request start, and name files, at the same time."""
        before, now = moment(earlier), self._clock()
        return utc(max(now, before + timedelta(seconds=1)) if before else now)

    def _is_due(self, request: Request) -> bool:
        return waits_until(request, self._clock()) is None

    # --- files

    def _path_of_id(self, request_id: str) -> str:
        """The path from the last view; from a new one where the id is not (any longer) at that place."""
        path = self._index.path(request_id)
        try:
            if path and self.find(path).id == request_id:
                return path
        except (NotFound, Unreadable):
            pass
        path = self._index.path(request_id, fresh=True)
        if path is None:
            raise NotFound(f"There is no request {request_id}.")
        return path


def _with_words(failure: Failure, words: str) -> Failure:
    """The failure, with what follows from it."""
    return failure.model_copy(update={"message": f"{failure.message} {words}"})


def _already(existing: Request) -> Problem:
    return Problem(
        code="already_requested",
        field="model",
        message=f"{kind_of(existing).subject(existing)} is already requested and is {existing.status.value}.",
        fix=f"Look at it on the Queue page, or submit {kind_of(existing).alternatives}.",
    )
