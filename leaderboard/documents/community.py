"""What the pages show of flags, discussions and votes, and which of their forms this reader gets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from leaderboard.community.discussions import Discussion, Kind
from leaderboard.community.flags import MOVES, REMOVALS, Category, Flag, State
from leaderboard.documents.visit import Visit
from leaderboard.errors import Unreadable
from leaderboard.records import OPEN, ModelType, Person, Request, Status
from leaderboard.service import Service


@dataclass(frozen=True)
class Talk:
    """A discussion as a page shows it."""

    kind: Kind
    subject: str
    discussion: Discussion | None
    comments: int | None = None
    """How many it has; None where that is not known."""


@dataclass(frozen=True)
class ShownFlag:
    """A flag with the states that this reader may give it."""

    flag: Flag
    talk: Talk
    moves: list[State]


@dataclass(frozen=True)
class FlagSection:
    """The flags of a model."""

    model: str
    flags: list[ShownFlag]
    trouble: str
    """A sentence when they cannot be read."""
    categories: list[Category]
    """Categories that this reader may choose."""
    may_write: bool
    is_owner: bool


@dataclass(frozen=True)
class Actions:
    """What this reader may do with a request."""

    may_write: bool
    may_vote: bool
    has_voted: bool
    may_cancel: bool
    may_report: bool
    is_maintainer: bool
    talk: Talk
    model_types: list[str]


def reader_of(service: Service, visit: Visit) -> Person:
    """The person who reads the page; anonymous if not signed in."""
    return visit.person or service.identity.anonymous


def may_write(service: Service, person: Person) -> bool:
    """Whether the person may flag, vote and comment without signing in first."""
    return service.settings.sign_in != "required" or service.rights.is_known(person)


def talk(service: Service, kind: Kind, subject: str) -> Talk:
    """The discussion of a flag or a request, if there is one that can be read."""
    try:
        discussion = service.discussions.get(kind, subject)
        return Talk(kind, subject, discussion, service.discussions.comments(discussion) if discussion else None)
    except Unreadable:
        return Talk(kind, subject, None)


def flag_section(service: Service, visit: Visit, model: str) -> FlagSection:
    """The flags of `model`, the newest first."""
    person, rights = reader_of(service, visit), service.rights
    trouble, flags = "", []
    try:
        flags = service.flag_desk.flags.of_model(service.models.names(model).now)
    except Unreadable as problem:
        trouble = str(problem)
    is_owner = rights.is_owner(person, model)
    removals = {Category.REMOVAL} if is_owner else {Category.REMOVED} if rights.is_maintainer(person) else set()
    return FlagSection(
        model=model,
        flags=[ShownFlag(flag, talk(service, "flags", flag.id), moves(service, person, flag)) for flag in flags],
        trouble=trouble,
        categories=[category for category in Category if category not in REMOVALS or category in removals],
        may_write=may_write(service, person),
        is_owner=is_owner,
    )


def moves(service: Service, person: Person, flag: Flag) -> list[State]:
    """The states that this person may give the flag."""
    decides, withdraws = service.rights.is_maintainer(person), service.rights.may_withdraw(person, flag)
    return [
        state for state in State if state in MOVES[flag.state] and (withdraws if state is State.WITHDRAWN else decides)
    ]


def own_votes(service: Service, visit: Visit, requests: Iterable[Request]) -> dict[str, bool]:
    """Id of each of the waiting `requests` that this reader may vote for -> whether they have."""
    person, votes = reader_of(service, visit), service.request_desk.votes
    if not may_write(service, person):
        return {}
    others = [request for request in requests if not service.rights.is_self(person, request.sender)]
    return {request.id: request.votes > 1 and votes.of(request).has(person.name) for request in others}


def actions(service: Service, visit: Visit, request: Request) -> Actions:
    """What may be done with `request`."""
    person, rights = reader_of(service, visit), service.rights
    waits, writes = request.status is Status.PENDING, may_write(service, person)
    return Actions(
        may_write=writes,
        may_vote=waits and writes and not rights.is_self(person, request.sender),
        has_voted=waits and service.request_desk.votes.of(request).has(person.name),
        may_cancel=request.status in OPEN and rights.may_cancel(person, request),
        may_report=request.status is Status.FAILED and writes,
        is_maintainer=rights.is_maintainer(person),
        talk=talk(service, "requests", request.id),
        model_types=[kind.value for kind in ModelType],
    )
