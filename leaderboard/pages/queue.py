"""Queue: what runs, what waits in the order it will run, what ended last, and files that could not be read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median

from leaderboard.pages.render import render
from leaderboard.pages.shell import Visit, whole_page
from leaderboard.pages.words import moment
from leaderboard.queue.request_files import obstacle
from leaderboard.queue.request_index import QueueView, SetAside
from leaderboard.queue.workers import all_in_trouble, nobody_runs
from leaderboard.records import Abilities, Request, Status, utc
from leaderboard.service import Service
from leaderboard.submissions.intake import wall_seconds

TITLE = "Queue"
ENDED = (Status.FINISHED, Status.FAILED, Status.CANCELLED)
ENDED_SHOWN = 50
SAMPLE = 50
"""Finished requests from which the expected duration is taken."""


@dataclass(frozen=True)
class Filters:
    """What the reader wants to see."""

    benchmark: str
    status: str = ""
    name: str = ""
    sender: str = ""

    def fits(self, request: Request) -> bool:
        """Whether `request` is shown; the status apart, so that the counts by status can be told."""
        return (
            request.benchmark in (self.benchmark, "")
            and self.name.casefold() in request.model.casefold()
            and self.sender in ("", request.sender)
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


@dataclass(frozen=True)
class Arranged:
    """The page's content."""

    counts: dict[str, int]
    running: list[Request]
    waiting: list[Waiting]
    ended: list[Request]
    ended_total: int
    set_aside: Sequence[SetAside]
    in_trouble: Sequence[Abilities]
    """Workers that take no requests for now."""
    unconfined: Sequence[Abilities]
    """Workers whose jobs are in no sandbox."""


def usual_seconds(requests: Iterable[Request]) -> float | None:
    """Median duration of the last finished requests; None when there are none."""
    finished = sorted((one for one in requests if one.status is Status.FINISHED), key=ended_at, reverse=True)
    known = [seconds for one in finished[:SAMPLE] if (seconds := wall_seconds(one)) is not None]
    return median(known) if known else None


def ended_at(request: Request) -> str:
    """When it came to its present state (UTC); empty when its file does not say."""
    return request.history[-1].time if request.history else request.job_start_time or request.submitted_time


def arrange(
    view: QueueView, pending: Sequence[Request], filters: Filters, now: datetime, workers: Sequence[Abilities] = ()
) -> Arranged:
    """What the page shows of `view`; `pending` is in the order of running, over all benchmarks."""
    shown = [one for one in view.requests if filters.fits(one)]
    counts = Counter(one.status.value.lower() for one in shown)
    running = [one for one in view.requests if one.status is Status.RUNNING]
    ended = sorted(
        (one for one in shown if one.status in ENDED and filters.wants(one.status)), key=ended_at, reverse=True
    )
    waiting = [] if not filters.wants(Status.PENDING) else all_waiting(view, pending, now, workers)
    return Arranged(
        counts=dict(counts),
        running=[one for one in running if filters.fits(one) and filters.wants(Status.RUNNING)],
        waiting=[one for one in waiting if filters.fits(one.request)],
        ended=ended[:ENDED_SHOWN],
        ended_total=len(ended),
        set_aside=view.set_aside,
        in_trouble=[worker for worker in workers if worker.trouble],
        unconfined=[worker for worker in workers if worker.sandbox == []],
    )


def all_waiting(
    view: QueueView, pending: Sequence[Request], now: datetime, workers: Sequence[Abilities]
) -> list[Waiting]:
    """Every pending request: those that will run in their order, then those that nobody can run, with the reason."""
    refused = {request.id: why for request in pending if (why := nobody_runs(request, workers))}
    runnable = [request for request in pending if request.id not in refused]
    running = [request for request in view.requests if request.status is Status.RUNNING]
    usual, held_up = usual_seconds(view.requests), all_in_trouble(workers)
    waiting = [
        Waiting(request, place, None if held_up else expected_start(place, running, usual, now))
        for place, request in enumerate(runnable, start=1)
    ]
    for request in view.requests:
        reason = obstacle(request) or refused.get(request.id)
        if reason and request.status is Status.PENDING:
            waiting.append(Waiting(request, None, None, reason))
    return waiting


def expected_start(place: int, running: Sequence[Request], usual: float | None, now: datetime) -> str | None:
    """When the pending request at `place` (1 is next) starts, with as many at a time as run now."""
    if place == 1 and not running:
        return utc(now)
    if usual is None:
        return None
    ends = sorted(_end(one, usual, now) for one in running) or [now]
    rounds, lane = divmod(place - 1, len(ends))
    return utc(ends[lane] + timedelta(seconds=rounds * usual))


def _end(request: Request, usual: float, now: datetime) -> datetime:
    told = moment(request.progress.eta) if request.progress else None
    started = moment(request.job_start_time) or now
    return max(now, told or started + timedelta(seconds=usual))


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
    arranged = arrange(service.queue.view(), service.queue.pending(), filters, now, service.workers())
    return render("queue", shown=arranged, filters=filters, query=query, statuses=list(Status), mine=query.get("mine"))


def build(service: Service) -> None:
    """The page."""
    whole_page(service, draw)
