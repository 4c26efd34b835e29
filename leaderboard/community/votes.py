"""Votes for pending requests: one each per person and request, the submitter's own counted with the submission.

The `priority` of a request's file is what the maintainers gave it (0 unless they did) plus one for every vote but the
first. What votes count for in the order of running: leaderboard/queue/priority.py.

`votes/{first two characters}/{request id}.json` of the requests store holds who voted; it changes in one commit with
the request's file, so votes are never lost or counted twice, however many vote at once.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from leaderboard.errors import NotPossible, Unreadable
from leaderboard.queue.queue import Queue
from leaderboard.records import Request, Status, Versioned, hub_name, is_same, utc
from leaderboard.stores.edit import EditedFiles, content_of


class Vote(BaseModel):
    """One vote; the names are those of the Open LLM Leaderboard's votes file."""

    username: str
    timestamp: str


class Ballot(Versioned):
    """The votes for one request, beside its submitter's own."""

    model_config = ConfigDict(extra="allow", protected_namespaces=())

    schema_version: int = 1
    request_id: str
    model: str
    revision: str
    precision: str
    votes: list[Vote] = Field(default_factory=list)

    def names(self) -> list[str]:
        """Who voted."""
        return [vote.username for vote in self.votes]

    def has(self, name: str) -> bool:
        """Whether `name` voted, however it is spelled."""
        return any(is_same(vote.username, name) for vote in self.votes)


class Votes:
    """The votes of a queue. Safe for threads and processes."""

    def __init__(self, queue: Queue, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._queue = queue
        self._clock = clock

    def of(self, request: Request) -> Ballot:
        """Who voted for it. Raises Unreadable."""
        path = votes_path(request)
        return _ballot(request, path, content_of(self._queue.store, path))

    def has_voted(self, request: Request, name: str) -> bool:
        """Whether `name` counts among its votes already."""
        return is_same(name, request.sender) or self.of(request).has(name)

    def give(self, request: Request, name: str) -> Request:
        """Vote for it. Raises NotPossible when it does not wait any more, or `name` has voted."""

        def decide(current: Request, ballot: Ballot) -> None:
            if is_same(name, current.sender):
                raise NotPossible("You submitted it: your vote is counted already.")
            if ballot.has(name):
                raise NotPossible("You have voted for it already.")
            ballot.votes.append(Vote(username=name, timestamp=utc(self._clock())))

        return self._change(request, decide, "Vote for {}")

    def take_back(self, request: Request, name: str) -> Request:
        """Take a vote back. Raises NotPossible when it does not wait any more, or there is no such vote."""

        def decide(current: Request, ballot: Ballot) -> None:
            if not ballot.has(name):
                raise NotPossible("You have not voted for it.")
            ballot.votes = [vote for vote in ballot.votes if not is_same(vote.username, name)]

        return self._change(request, decide, "Take back a vote for {}")

    def _change(self, request: Request, decide: Callable[[Request, Ballot], None], message: str) -> Request:
        def decide_both(current: Request, files: EditedFiles) -> None:
            if current.status is not Status.PENDING:
                raise NotPossible(f"{current.model} is {current.status.value}; only what waits can be voted for.")
            path = votes_path(current)
            ballot = _ballot(current, path, files.find(path))
            decide(current, ballot)
            votes = len({hub_name(voter) for voter in (*ballot.names(), current.sender)})
            current.priority += votes - current.votes
            current.votes = votes
            files.write(path, (ballot.model_dump_json(indent=2) + "\n").encode())

        return self._queue.amend(request, decide_both, message)


def _ballot(request: Request, path: str, content: bytes | None) -> Ballot:
    """The votes in a file; none where there is no file. Raises Unreadable."""
    if content is None:
        checkpoint = {"model": request.model, "revision": request.revision, "precision": request.precision}
        return Ballot(request_id=request.id, **checkpoint)
    try:
        return Ballot.model_validate_json(content)
    except ValidationError as error:
        raise Unreadable(path, f"it does not hold votes ({error.error_count()} problems)") from None


def votes_path(request: Request) -> str:
    """Path of a request's votes in the requests store."""
    return f"votes/{request.id[:2]}/{request.id}.json"
