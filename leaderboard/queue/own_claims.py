"""The claims that one process has made or tried to make, so that it finds those of which it never learned."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from leaderboard.records import Request, new_id


class OwnClaim(NamedTuple):
    """A request that runs under a claim of this process."""

    request: Request
    claim: str


class OwnClaims:
    """Told from all others by how they begin. Safe for threads."""

    def __init__(self) -> None:
        self._beginning = f"{new_id()}-"
        self._unconfirmed: set[str] = set()

    def new(self) -> str:
        """A claim that is about to be made."""
        claim = self._beginning + new_id()
        self._unconfirmed.add(claim)
        return claim

    def settle(self, claim: str) -> None:
        """Note that it is known what became of a claim."""
        self._unconfirmed.discard(claim)

    def of(self, worker: str, running: Iterable[Request]) -> list[OwnClaim]:
        """Those of `running` that `worker` has claimed in this process."""
        leases = [(request, request.lease) for request in running if request.lease]
        ours = [(request, lease) for request, lease in leases if lease.claim.startswith(self._beginning)]
        return [OwnClaim(request, lease.claim) for request, lease in ours if lease.worker == worker]

    def unconfirmed(self, worker: str, running: Callable[[], Iterable[Request]]) -> list[OwnClaim]:
        """Those whose claims were made, though it seemed that they failed: nobody has begun with them.

        Asks what is `running` only where a claim seemed to fail.
        """
        unconfirmed = frozenset(self._unconfirmed)
        return [own for own in self.of(worker, running()) if own.claim in unconfirmed] if unconfirmed else []
