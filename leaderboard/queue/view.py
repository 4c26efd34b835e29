"""The requests of a queue at one moment: in full what is pending or running, in short what has ended."""

from __future__ import annotations

from collections import ChainMap, Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import NamedTuple, Self

from leaderboard.queue.durations import PastRuns
from leaderboard.records import AnyRequest, EndedRequest, Request, Status, request_path


class SetAside(NamedTuple):
    """A file in the requests store that is not a request we can read; it never stops anything."""

    path: str
    reason: str


class EndedRequests(tuple[EndedRequest, ...]):
    """Those that have ended, the oldest end first. What is made from them is made once, as long as none changes."""

    by_id: dict[str, AnyRequest]
    """Id -> request."""

    def __new__(cls, requests: Iterable[EndedRequest], by_id: dict[str, AnyRequest] | None = None) -> Self:
        """`by_id`: what is known already; to go through 100,000 requests takes 50 ms."""
        made = super().__new__(cls, requests)
        made.by_id = {request.id: request for request in made} if by_id is None else by_id
        return made

    @cached_property
    def past(self) -> PastRuns:
        """The runs that finished them."""
        return PastRuns(reversed(self))

    @cached_property
    def counts(self) -> Mapping[Status, int]:
        """How many there are in each status."""
        return Counter(request.status for request in self)


@dataclass(frozen=True)
class QueueView:
    """All requests as they were a moment ago (read only) and the files set aside."""

    open: Sequence[Request]
    """Pending and running ones, in order of their paths."""
    ended: EndedRequests
    set_aside: Sequence[SetAside]
    read: Callable[[Sequence[str]], Iterator[Request]] = field(compare=False, repr=False)
    """The requests in files, in any order; those that are gone, or cannot be read any more, are left out."""

    def __iter__(self) -> Iterator[AnyRequest]:
        """Every request."""
        return chain(self.open, self.ended)

    def __len__(self) -> int:
        """How many requests there are."""
        return len(self.open) + len(self.ended)

    @property
    def requests(self) -> list[Request]:
        """Every request in full, in order of their paths. Reads the file of each that has ended: not for pages."""
        return sorted(self.in_full(self), key=request_path)

    @cached_property
    def running(self) -> Sequence[Request]:
        """Those of the open ones that run; every round of a worker asks, and thousands may be pending."""
        return [request for request in self.open if request.status is Status.RUNNING]

    @cached_property
    def counts(self) -> dict[Status, int]:
        """How many requests there are in each status."""
        counts = Counter(request.status for request in self.open)
        counts.update(self.ended.counts)
        return {status: counts[status] for status in Status}

    @cached_property
    def by_id(self) -> Mapping[str, AnyRequest]:
        """Id -> request."""
        return ChainMap({request.id: request for request in self.open}, self.ended.by_id)

    def in_full(self, requests: Iterable[AnyRequest]) -> list[Request]:
        """The same requests in the same order; those whose files are gone meanwhile are left out."""
        asked = list(requests)
        paths = [request.path for request in asked if isinstance(request, EndedRequest)]
        read = {request.id: request for request in self.read(paths)} if paths else {}
        found = (request if isinstance(request, Request) else read.get(request.id) for request in asked)
        return [request for request in found if request is not None]
