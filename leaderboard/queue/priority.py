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
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import lru_cache
from operator import itemgetter
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
_Times = tuple[str, str, str]
"""Time of submission, arrival and id."""
_Place = tuple[float, float, _Times]
"""What requests are sorted by: given priority and points, both negative, then the times."""
_first = itemgetter(0)


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
    before: int = 0
    """Requests of its sender that run or come first."""

    @property
    def points(self) -> float:
        """The sum of the terms."""
        return DAY * self.days * self.pace + _bonus(self.request) - _share(self.before)

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
            Term("share", -_share(self.before), f"{others} of its sender {verb} first"),
        ]
        return [term for term in terms if round(term.points, 2)]


class Ranking:
    """Ranks the requests of a queue again and again; what a request says by itself is worked out once. For threads."""

    def __init__(self, runs: Callable[[Request], bool] = lambda request: True) -> None:
        """`runs`: whether a request can run at all; the others are left out."""
        self._runs = runs
        self._known: dict[str, _Merits] = {}

    def in_order(self, pending: Iterable[Request], running: Iterable[Request], now: datetime) -> list[Request]:
        """`pending` in the order in which they are claimed; `running` counts for the shares of their senders."""
        return [merits.request for _, _, merits in self._ranked(pending, running, now.timestamp())]

    def standings(self, pending: Iterable[Request], running: Iterable[Request], now: datetime) -> list[Standing]:
        """The same, each with what put it there."""
        ranked = self._ranked(pending, running, now.timestamp())
        return [merits.standing(now.timestamp(), before) for _, before, merits in ranked]

    def _ranked(
        self, pending: Iterable[Request], running: Iterable[Request], now: float
    ) -> list[tuple[_Place, int, _Merits]]:
        """Place, number of the sender's requests before it, and merits of each, in order."""
        before = Counter(_sender(request) for request in running)
        by_sender: dict[str, list[tuple[_Place, _Merits]]] = defaultdict(list)
        for merits in self._merits(pending):
            by_sender[merits.sender].append((merits.place(now), merits))
        ranked = []
        for sender, own in by_sender.items():
            own.sort(key=_first)
            for number, ((given, points, times), merits) in enumerate(own, before[sender]):
                ranked.append(((given, points + _share(number), times), number, merits))
        ranked.sort(key=_first)
        return ranked

    def _merits(self, pending: Iterable[Request]) -> Iterable[_Merits]:
        """Of each; the queue keeps the objects of requests that have not changed."""
        known: dict[str, _Merits] = {}
        before, self._known = self._known, known
        for request in pending:
            merits = before.get(request.id)
            if merits is None or merits.request is not request:
                merits = _merits(request, self._runs(request))
            known[request.id] = merits
            if merits.runs:
                yield merits


def rank(pending: Iterable[Request], running: Iterable[Request], now: datetime) -> list[Standing]:
    """`pending` in the order in which they run; `running` counts for the shares of their senders."""
    return Ranking().standings(pending, running, now)


def in_order(pending: Iterable[Request], running: Iterable[Request], now: datetime) -> list[Request]:
    """Waiting requests in the order in which they are claimed."""
    return Ranking().in_order(pending, running, now)


def given_priority(request: Request) -> float:
    """What a maintainer gave it: its priority without the votes."""
    return request.priority - (request.votes - 1)


def waiting_since(request: Request) -> str:
    """When somebody last put it into the queue (UTC); that a run came back does not count."""
    for entry in reversed(request.history):
        if entry.to is Status.PENDING and entry.from_ is not Status.RUNNING:
            return entry.time
    return request.submitted_time


class _Merits(NamedTuple):
    """What a waiting request says of its place by itself."""

    request: Request
    sender: str
    given: float
    since: float | None
    """Since when it waits; None where that is unknown."""
    pace: float
    bonus: float
    """Points that do not depend on the time."""
    times: _Times
    runs: bool
    """Whether it can run at all."""

    def days(self, now: float) -> float:
        return max(0.0, now - self.since) / DAY_S if self.since is not None else 0.0

    def place(self, now: float) -> _Place:
        """Without regard to the others of its sender."""
        since = self.since
        days = (now - since) / DAY_S if since is not None and since < now else 0.0
        return -self.given, -(DAY * days * self.pace + self.bonus), self.times

    def standing(self, now: float, before: int) -> Standing:
        return Standing(self.request, self.given, self.days(now), self.pace, before)


def _merits(request: Request, runs: bool) -> _Merits:
    since, bonus, pace = _timestamp(waiting_since(request)), _bonus(request), _pace(request.params)
    times = request.submitted_time, request.arrived, request.id
    return _Merits(request, _sender(request), given_priority(request), since, pace, bonus, times, runs)


def _bonus(request: Request) -> float:
    return min(VOTE * max(request.votes - 1, 0), MOST_VOTES) + OFFICIAL * request.official


@lru_cache(maxsize=1 << 10)
def _share(before: int) -> float:
    """Points that the sender's requests before it take away."""
    return SHARE * math.log2(1 + before)


def _pace(params: float | None) -> float:
    if not params or not 0 < params < math.inf:
        return 1.0
    return math.sqrt(USUAL_B / min(max(params, SMALLEST_B), LARGEST_B))


def _sender(request: Request) -> str:
    return request.charged_to.casefold()


@lru_cache(maxsize=1 << 16)
def _timestamp(text: str) -> float | None:
    """Seconds since 1970; None for what is no time."""
    when = moment(text)
    return when.timestamp() if when else None
