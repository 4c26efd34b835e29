"""In which order waiting requests run: one sum of points, the same for workers, pages and the API. Pure.

    points = days waiting                     DAY each
           + days waiting * (pace - 1)        pace = (10 / billions of parameters) ** 0.5: 3.2 for 1 B and less,
                                              1 for 10 B and where it is unknown, 0.3 for 100 B and more
           + votes but the submitter's        VOTE each, at most MOST_VOTES
           + an official provider's model     OFFICIAL
           - fair share                       SHARE * log2(1 + the sender's requests that run or come first)

Higher points run first. What a maintainer gave (the `priority` of the file without its votes) comes before all points.
Whatever waits gains points without end, at a pace that differs by a factor of ten at most, and the other terms are
bounded: so nothing starves. docs/decisions/0011-priority.md says why, with a simulation.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from leaderboard.records import Request, Status, moment

DAY = 1.0
"""Points for each day of waiting."""
VOTE, MOST_VOTES = 0.5, 3.0
"""Points for each vote but the submitter's own, and the most that votes give."""
OFFICIAL = 1.0
"""Points for what an official provider's members submit of its own models."""
SHARE = 0.25
"""Points that the first other request of the sender takes away; three take double, seven three times as many."""
USUAL_B, SMALLEST_B, LARGEST_B = 10.0, 1.0, 100.0
"""Billions of parameters whose pace is 1, and those from which on smaller and larger ones make no difference."""
DAY_S = 86400.0


class Term(NamedTuple):
    """One term of the sum."""

    name: str
    """`waiting`, `size`, `votes`, `official` or `share`."""
    points: float
    why: str
    """In words, such as `waiting for 3.0 days`."""


class Standing(NamedTuple):
    """A waiting request in the order of running, and what put it there."""

    request: Request
    given: float
    """What a maintainer gave it; it comes before all points."""
    days: float
    """How long it has waited."""
    pace: float
    """How many points it gains for each that a request of 10 billion parameters gains by waiting."""
    alone: float
    """Its points without regard to the others of its sender."""
    before: int = 0
    """Requests of its sender that run or come first."""

    @property
    def points(self) -> float:
        """The sum of the terms."""
        return self.alone - SHARE * math.log2(1 + self.before)

    @property
    def terms(self) -> list[Term]:
        """The terms, without those that are 0."""
        votes, size = self.request.votes - 1, self.request.params
        words = f"{size:.3g} billion parameters" if size and size > 0 else "its size is unknown"
        others = "another request" if self.before == 1 else f"{self.before} other requests"
        verb = "runs or comes" if self.before == 1 else "run or come"
        terms = [
            Term("waiting", DAY * self.days, f"waiting for {self.days:.1f} days"),
            Term("size", DAY * self.days * (self.pace - 1), f"{words}: each day counts {self.pace:.2g} times"),
            Term(
                "votes", min(VOTE * votes, MOST_VOTES), f"{votes} vote{'s' if votes != 1 else ''} besides the sender's"
            ),
            Term("official", OFFICIAL * self.request.official, "submitted for an official provider"),
            Term("share", -SHARE * math.log2(1 + self.before), f"{others} of its sender {verb} first"),
        ]
        return [term for term in terms if round(term.points, 2)]


def rank(pending: Iterable[Request], running: Iterable[Request], now: datetime) -> list[Standing]:
    """`pending` in the order in which they run; `running` counts for the shares of their senders."""
    before = Counter(_sender(request) for request in running)
    by_sender: dict[str, list[Standing]] = defaultdict(list)
    for request in pending:
        by_sender[_sender(request)].append(_alone(request, now.timestamp()))
    ranked = []
    for sender, own in by_sender.items():
        own.sort(key=_order)
        ranked += [Standing(*standing[:-1], place) for place, standing in enumerate(own, before[sender])]
    return sorted(ranked, key=_order)


def in_order(pending: Iterable[Request], running: Iterable[Request], now: datetime) -> list[Request]:
    """Waiting requests in the order in which they are claimed."""
    return [standing.request for standing in rank(pending, running, now)]


def given_priority(request: Request) -> float:
    """What a maintainer gave it: its priority without the votes."""
    return request.priority - (request.votes - 1)


def waiting_since(request: Request) -> str:
    """When somebody last put it into the queue (UTC); that a run came back does not count."""
    for entry in reversed(request.history):
        if entry.to is Status.PENDING and entry.from_ is not Status.RUNNING:
            return entry.time
    return request.submitted_time


def _alone(request: Request, now: float) -> Standing:
    """Its standing without regard to the others of its sender."""
    since = _timestamp(waiting_since(request))
    days = max(0.0, now - since) / DAY_S if since is not None else 0.0
    pace = _pace(request.params)
    bonus = min(VOTE * max(request.votes - 1, 0), MOST_VOTES) + OFFICIAL * request.official
    return Standing(request, given_priority(request), days, pace, DAY * days * pace + bonus)


def _pace(params: float | None) -> float:
    if not params or not 0 < params < math.inf:
        return 1.0
    return math.sqrt(USUAL_B / min(max(params, SMALLEST_B), LARGEST_B))


def _order(standing: Standing) -> tuple[float, float, str, str]:
    request = standing.request
    return -standing.given, -standing.points, request.submitted_time, request.id


def _sender(request: Request) -> str:
    return request.sender.casefold()


@lru_cache(maxsize=1 << 16)
def _timestamp(text: str) -> float | None:
    """Seconds since 1970; None for what is no time."""
    when = moment(text)
    return when.timestamp() if when else None
