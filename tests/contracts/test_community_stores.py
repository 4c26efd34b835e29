"""Flags and votes on every store: several front ends write at once and nobody's is lost."""

from __future__ import annotations

import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pandas as pd

from leaderboard.board.contents import Contents, contents_path
from leaderboard.community.flags import Category, Draft, Flags, State
from leaderboard.community.votes import Votes
from leaderboard.models.facts import KnownModels, facts_file, facts_path
from leaderboard.queue.queue import Queue
from leaderboard.records import ModelFacts, Request
from leaderboard.results.results import result_file
from tests.contracts.stores import Opener
from tests.leaderboard.board.test_contents import TINY
from tests.leaderboard.board.test_contents import block as measured_block

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


def test_the_list_of_flags_follows_a_rename(opener: Opener) -> None:
    models = KnownModels(opener())
    flags = Flags(opener(), repositories=models.repositories)
    draft = Draft(model="org/first", category=Category.OTHER, evidence="It is not what it says it is.")
    flags.decide(flags.add(flags.draft(draft, "ann", ["a" * 40])).id, State.ACCEPTED, "mia")
    assert not flags.follow_renames()
    renamed = ModelFacts(model="org/best", revision="a" * 40, aliases={"org/first": "2099-01-01T00:00:00Z"})
    opener().commit({facts_path("org/best"): facts_file(renamed)}, "org/first is called org/best now")
    assert flags.follow_renames() and not flags.follow_renames()
    [entry] = Flags(opener()).listed().flags
    assert (entry.model, entry.flagged_as, entry.link) == ("org/best", "org/first", "/model/org/best#flags")
    assert Flags(opener()).listed().flagged == {"org/best": ["other"]}


def test_decisions_are_in_the_stored_table_though_no_result_is_published(opener: Opener) -> None:
    result = measured_block(1)
    opener().commit({"tiny/org/model1/results_2026-11-20T10-00-01Z.json": result_file({}, result)}, "A result")
    contents, flags = Contents(opener(), Queue(opener()), {"tiny": TINY}), Flags(opener())

    def stored() -> list[bool]:
        content, _ = opener().read(contents_path("tiny"))
        return [bool(flagged) for flagged in pd.read_parquet(io.BytesIO(content))["Flagged"]]

    assert contents.publish_decisions("tiny") and stored() == [False]
    draft = Draft(model="org/model1", category=Category.OTHER, evidence="It is not what it says it is.")
    flag = flags.add(flags.draft(draft, "ann"))
    assert not contents.publish_decisions("tiny"), "nothing was decided"
    flags.decide(flag.id, State.ACCEPTED, "mia")
    assert contents.publish_decisions("tiny") and stored() == [True]
    other = Contents(opener(), Queue(opener()), {"tiny": TINY})
    assert not other.publish_decisions("tiny"), "another front end finds it published"
    flags.decide(flag.id, State.WITHDRAWN, "mia")
    assert other.publish_decisions("tiny") and stored() == [False]
    removal = Draft(model="org/model1", category=Category.REMOVED, evidence="It was retracted by its authors.")
    flags.decide(flags.add(flags.draft(removal, "mia")).id, State.ACCEPTED, "mia")
    assert contents.publish_decisions("tiny") and stored() == []
