"""A phase takes over the submissions of the phase before: each once, however many processes look."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from leaderboard.benchmarks import Benchmark
from leaderboard.competitions.migrations import Migrations
from leaderboard.queue.queue import Queue
from leaderboard.records import ArtifactRequest, Request, Status
from leaderboard.stores.local import LocalStore
from tests.leaderboard.competitions.made import FIELDS, START, Competition

SECOND = START + timedelta(days=10)


def phased(takes_over: bool = True, starts: bool = True) -> Benchmark:
    phases = [
        {"track": "dev", "name": "Development", "tasks": [0], "end": SECOND.isoformat()},
        {"track": "final", "name": "Final", "tasks": [0], "auto_migrate": takes_over}
        | ({"start": SECOND.isoformat()} if starts else {}),
    ]
    task = {"index": 0, "name": "T", "scoring_program": "scoring"}
    tracks = {track: {"title": track} for track in ("dev", "final")}
    bundle = {"folder": "bundle", "tasks": [task], "phases": phases}
    return Benchmark.model_validate({**FIELDS, "bundle": bundle, "tracks": tracks})


def in_final(held: Competition) -> list[Request]:
    return [each for each in held.queue.view().requests if each.track == "final"]


def test_finished_submissions_are_taken_over_once_when_the_phase_begins(held: Competition) -> None:
    migrations = Migrations(held.public, held.queue, held.clock)
    first, second = held.submit("ann", track="dev"), held.submit("bob", track="dev")
    held.queue.cancel(held.submit("eve", finished=False, track="dev"), "eve")
    assert migrations.go_on(phased()) == 0 and in_final(held) == []
    held.clock.time = SECOND
    assert migrations.go_on(phased(takes_over=False)) == 0 and in_final(held) == []
    assert migrations.go_on(phased()) == 2
    taken = {each.sender: each for each in in_final(held)}
    assert taken.keys() == {"ann", "bob"}
    fresh, old = taken["ann"], held.queue.get(first.id)
    assert isinstance(fresh, ArtifactRequest) and isinstance(old, ArtifactRequest)
    assert (fresh.artifact, fresh.revision, fresh.model, fresh.kind) == (
        old.artifact, old.revision, old.model, "predictions",
    )  # fmt: skip
    assert fresh.id != old.id and fresh.number == 2 and fresh.attempts == 0 and fresh.lease is None
    assert fresh.history[0].note == f"taken over from Development, where it is request {first.id}"
    assert old.status is Status.FINISHED and old.track == "dev" and old.attempts == 1
    held.finish(fresh)
    held.queue.rerun(held.queue.get(second.id), "mia")
    held.finish(held.queue.get(second.id))
    assert migrations.go_on(phased()) == 0 and len(in_final(held)) == 2
    log = json.loads(held.public.read("competition/pairs/migrations.json")[0])
    assert log["done"] == ["final"]
    assert [(step["by"], step["what"]) for step in log["decisions"]] == [
        ("podium", "took 2 submissions over into Final")
    ]


def test_what_was_running_when_the_phase_began_follows_when_it_has_finished(held: Competition) -> None:
    migrations = Migrations(held.public, held.queue, held.clock)
    late = held.submit("ann", finished=False, track="dev")
    held.submit("bob", track="dev")
    held.clock.time = SECOND
    assert migrations.go_on(phased(starts=False)) == 1 and migrations.done("pairs") == []
    held.finish(late)
    assert migrations.go_on(phased(starts=False)) == 1 and migrations.done("pairs") == ["final"]
    assert sorted(each.sender for each in in_final(held)) == ["ann", "bob"]


def test_many_who_look_at_once_take_each_over_once(held: Competition) -> None:
    for number in range(6):
        held.submit(f"person-{number}", track="dev")
    held.clock.time = SECOND

    def look(_: int) -> None:
        queue = Queue(LocalStore(held.root / "requests"), held.clock)
        Migrations(LocalStore(held.root / "results"), queue, held.clock).go_on(phased())

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(look, range(4)))
    assert sorted(each.sender for each in in_final(held)) == [f"person-{number}" for number in range(6)]


def test_a_place_that_is_taken_is_left_alone(held: Competition) -> None:
    first = held.submit("ann", track="dev")
    old = held.queue.get(first.id)
    assert isinstance(old, ArtifactRequest)
    again = old.model_copy(update={"id": "", "number": 2, "track": "final"})
    own = held.queue.cancel(held.queue.submit(again), "ann")
    held.clock.time = SECOND
    assert Migrations(held.public, held.queue, held.clock).go_on(phased()) == 1
    taken = {each.id: each for each in in_final(held)}
    assert taken.pop(own.id).status is Status.CANCELLED
    [fresh] = taken.values()
    assert isinstance(fresh, ArtifactRequest) and fresh.number == 3
