"""Which leases are over, judged so that a clock which is wrong, ours or the holder's, takes no work from anybody."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from leaderboard.queue.request_files import is_foreign
from leaderboard.records import Lease, Request, moment


@dataclass(frozen=True)
class _Sighting:
    """A lease, since when it is known to be as it is, and whether it was seen to change."""

    lease: Lease
    since: float
    changed: bool


class LeaseWatch:
    """What one process has seen of others' leases.

    A lease that was seen to be claimed or renewed is over when it has not been renewed for as long as it lasts, by
    `elapsed`, which never jumps. One that was there before, or came while nobody looked for longer than it lasts, is
    over at its time of day as well.
    """

    def __init__(self, clock: Callable[[], datetime], elapsed: Callable[[], float]) -> None:
        self._clock = clock
        self._elapsed = elapsed
        self._seen: dict[str, _Sighting] = {}
        self._looked = float("-inf")

    def lost(self, requests: Iterable[Request]) -> list[Request]:
        """Of the queue's running requests, those under a lease that is over or missing."""
        running = [request for request in requests if not is_foreign(request)]
        self._seen = {request.lease.claim: self._sighting(request.lease) for request in running if request.lease}
        self._looked = self._elapsed()
        return [request for request in running if request.lease is None or self._is_over(request.lease)]

    def _sighting(self, lease: Lease) -> _Sighting:
        before = self._seen.get(lease.claim)
        if before is not None and before.lease.until == lease.until:
            return before
        now = self._elapsed()
        return _Sighting(lease, now, changed=now - self._looked < (lease.seconds or 0.0))

    def _is_over(self, lease: Lease) -> bool:
        seen = self._seen[lease.claim]
        if lease.seconds is not None and self._elapsed() - seen.since >= lease.seconds:
            return True
        until = moment(lease.until)
        return (until is None or until <= self._clock()) and not seen.changed
