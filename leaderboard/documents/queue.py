"""Queue: what runs, what waits in the order it will run, what ended last, and files that could not be read."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from leaderboard.documents.community import own_votes
from leaderboard.documents.render import render
from leaderboard.documents.visit import Visit
from leaderboard.live.events import queue_state
from leaderboard.queue.durations import Accuracy
from leaderboard.queue.estimates import Estimate, Estimates
from leaderboard.queue.retries import waits_until
from leaderboard.queue.view import QueueView, SetAside
from leaderboard.records import Abilities, AnyRequest, Request, Status, is_submitter, utc
from leaderboard.service import Service

TITLE = "Queue"
ENDED_SHOWN = 50
SHOWN = 200
"""At most so many running and waiting requests, and files set aside; the API lists all of them."""


@dataclass(frozen=True)
class Filters:
    """What the reader wants to see."""

    benchmark: str
    status: str = ""
    name: str = ""
    sender: str = ""

    def fits(self, request: AnyRequest) -> bool:
        """Whether `request` is shown; the status apart, so that the counts by status can be told."""
        return (
            request.benchmark in (self.benchmark, "")
            and (not self.sender or is_submitter(request, self.sender))
            and (not self.name or self.name.casefold() in request.model.casefold())
        )

    def wants(self, status: Status) -> bool:
        """Whether requests of that status are shown."""
        return self.status in ("", status.value.lower())


@dataclass(frozen=True)
class Waiting:
    """A pending request with its place in the order of running."""

    request: Request
    position: int | None
    """None when it cannot be claimed; `why` says why."""
    expected: str | None
    """When it is expected to start (UTC); None while nothing tells."""
    why: str = ""
    seconds: float | None = None
    """How long its run is expected to take."""
    held_until: str | None = None
    """The time before which it may not start (UTC), after a failed run; None when it may now."""


@dataclass(frozen=True)
class Arranged:
    """The page's content."""

    counts: dict[str, int]
    running: list[Request]
    running_total: int
    ends: dict[str, str | None]
    """Id of a running request -> when it is expected to end (UTC)."""
    waiting: list[Waiting]
    waiting_total: int
    ended: list[Request]
    ended_total: int
    set_aside: Sequence[SetAside]
    set_aside_total: int
    in_trouble: Sequence[Abilities]
    """Workers that take no requests for now."""
    unconfined: Sequence[Abilities]
    """Workers whose jobs are in no sandbox."""
    accuracy: Accuracy
    """How far off the estimates were."""
    state: str
    """Of the whole queue; another one when the page has to be drawn again."""


def arrange(view: QueueView, filters: Filters, now: datetime, workers: Sequence[Abilities] = ()) -> Arranged:
    """What the page shows of `view`."""
    estimates = Estimates(view.open, workers, now, view.ended.past)
    shown = [request for request in view.open if filters.fits(request)]
    counts = Counter(request.status.value.lower() for request in shown)
    wanted = [request for request in shown if filters.wants(request.status)]
    ended = [request for request in reversed(view.ended) if filters.fits(request)]
    counts.update(request.status.value.lower() for request in ended)
    ended = [request for request in ended if filters.wants(request.status)]
    running = [request for request in wanted if request.status is Status.RUNNING]
    pending = waiting(wanted, estimates, now)
    return Arranged(
        counts=dict(counts),
        running=running[:SHOWN],
        running_total=len(running),
        ends={request.id: estimates.of(request).end for request in running[:SHOWN]},
        waiting=pending[:SHOWN],
        waiting_total=len(pending),
        ended=view.in_full(ended[:ENDED_SHOWN]),
        ended_total=len(ended),
        set_aside=view.set_aside[:SHOWN],
        set_aside_total=len(view.set_aside),
        in_trouble=[worker for worker in workers if worker.trouble],
        unconfined=[worker for worker in workers if worker.sandbox == []],
        accuracy=estimates.accuracy,
        state=queue_state(view, estimates),
    )


def waiting(requests: Iterable[Request], estimates: Estimates, now: datetime) -> list[Waiting]:
    """Those that wait: the ones that will run in their order, then those that nobody can run, with the reason."""
    pending = sorted(
        (request for request in requests if request.status is Status.PENDING),
        key=lambda request: (request.submitted_time, request.arrived, request.id),
    )
    everyone = [waits(request, estimates.of(request), now) for request in pending]
    return sorted(everyone, key=lambda row: row.position or math.inf)


def waits(request: Request, estimate: Estimate, now: datetime) -> Waiting:
    """A pending request with what is expected of it."""
    until = waits_until(request, now)
    held = utc(until) if until else None
    return Waiting(request, estimate.position, estimate.start, estimate.obstacle, estimate.seconds, held)


def draw(service: Service, here: Visit) -> str:
    """The page for the reader's filters."""
    query = here.query
    me = here.person.name if here.person else ""
    filters = Filters(
        benchmark=service.benchmark(here.benchmark).id,
        status=query.get("status", ""),
        name=query.get("name", ""),
        sender=me if query.get("mine") else query.get("sender", ""),
    )
    now = datetime.now(UTC)
    arranged = arrange(service.queue.view(), filters, now, service.workers())
    return render(
        "queue",
        shown=arranged,
        filters=filters,
        query=query,
        statuses=list(Status),
        mine=query.get("mine"),
        own_votes=own_votes(service, here, (row.request for row in arranged.waiting)),
    )
