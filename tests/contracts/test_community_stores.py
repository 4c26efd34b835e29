"""Flags and votes on every store: several front ends write at once and nobody's is lost."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from leaderboard.community.flags import Category, Draft, Flags, State
from leaderboard.community.votes import Votes
from leaderboard.queue.queue import Queue
from leaderboard.records import Request
from tests.contracts.stores import Opener

PEOPLE = 6


def together(work: Callable[[int], object]) -> None:
    """Each of PEOPLE at the same time."""
    with ThreadPoolExecutor(PEOPLE) as pool:
        list(pool.map(work, range(PEOPLE)))


def test_every_vote_counts(opener: Opener) -> None:
    asked = Queue(opener()).submit(Request(benchmark="tiny", model="org/model", revision="1" * 40, sender="ann"))

    def vote(number: int) -> None:
        own = Queue(opener())
        Votes(own).give(own.get(asked.id), f"person{number}")

    together(vote)
    result = Queue(opener()).get(asked.id)
    assert (result.votes, result.priority) == (PEOPLE + 1, PEOPLE)


def test_every_flag_is_listed_and_decided_once(opener: Opener) -> None:
    def flag(number: int) -> None:
        flags = Flags(opener())
        draft = Draft(model=f"org/model{number}", category=Category.OTHER, evidence="It is not what it says it is.")
        flags.decide(flags.add(flags.draft(draft, f"person{number}")).id, State.ACCEPTED, "mia")

    together(flag)
    listed = Flags(opener()).listed()
    assert sorted(listed.flagged) == [f"org/model{number}" for number in range(PEOPLE)]
    assert all(item.flagged and item.state is State.ACCEPTED for item in listed.flags) and len(listed.flags) == PEOPLE
