"""Commits that wait and become one, over every kind of store."""

from __future__ import annotations

import pytest

from leaderboard.errors import BadPath, Conflict, NotFound
from leaderboard.hub.trees import blob_version
from leaderboard.queue.queue import Queue
from leaderboard.records import Progress, Request, Status
from leaderboard.stores.batched import BatchedStore
from tests.contracts.stores import Opener


def test_what_waits_is_seen_here_and_nowhere_else(opener: Opener) -> None:
    store = opener()
    store.commit({"a.json": b"1", "b.json": b"1"}, "add")
    batch = BatchedStore(store)
    seen = batch.changes_since(None).version
    batch.commit({"a.json": b"2", "new.json": b"1"}, "change", {"a.json": blob_version(b"1"), "new.json": None})
    batch.commit({"b.json": None}, "delete")
    assert batch.list() == {"a.json": blob_version(b"2"), "new.json": blob_version(b"1")} == batch.list("")
    assert batch.read("a.json") == (b"2", blob_version(b"2"))
    assert sorted(batch.read_many(["a.json", "b.json", "missing"])) == [("a.json", b"2", blob_version(b"2"))]
    assert batch.changes_since(seen).paths == {
        "a.json": blob_version(b"2"), "b.json": None, "new.json": blob_version(b"1")
    }  # fmt: skip
    with pytest.raises(NotFound):
        batch.read("b.json")
    assert set(store.list()) == {"a.json", "b.json"} and store.read("a.json")[0] == b"1"
    assert batch.flush("one commit") == set()
    assert opener().list() == batch.list() == {"a.json": blob_version(b"2"), "new.json": blob_version(b"1")}
    assert batch.flush("nothing is left") == set()


def test_expectations_speak_of_what_waits(opener: Opener) -> None:
    batch = BatchedStore(opener())
    batch.commit({"a.json": b"1"}, "add", {"a.json": None})
    with pytest.raises(Conflict):
        batch.commit({"a.json": b"2"}, "add", {"a.json": None})
    batch.commit({"a.json": b"2", "b.json": b"2"}, "change", {"a.json": blob_version(b"1")})
    batch.commit({"b.json": None}, "made and deleted", {"b.json": blob_version(b"2")})
    with pytest.raises(BadPath):
        batch.commit({"../up": b""}, "no")
    with pytest.raises(NotFound):
        batch.commit({"b.json": None}, "delete again")
    assert batch.flush("change") == set()
    assert opener().list() == {"a.json": blob_version(b"2")}


def test_only_what_came_too_late_is_dropped(opener: Opener) -> None:
    store = opener()
    store.commit(dict.fromkeys(("a.json", "b.json", "c.json"), b"1"), "add")
    batch = BatchedStore(store)
    for name in ("a.json", "b.json", "c.json"):
        batch.commit({name: b"2"}, "change", {name: blob_version(b"1")})
    batch.commit({"b.json": b"3", "d.json": b"1"}, "more", {"b.json": blob_version(b"2")})
    opener().commit({"b.json": b"other"}, "somebody was faster")
    assert batch.flush("round") == {"b.json", "d.json"}
    found = opener()
    assert {path: found.read(path)[0] for path in found.list()} == {
        "a.json": b"2", "b.json": b"other", "c.json": b"2"
    }  # fmt: skip


def test_a_round_of_the_queue_in_one_commit(opener: Opener) -> None:
    store = opener()
    queue, batch = Queue(store), BatchedStore(store)
    for number in range(4):
        queue.submit(Request(benchmark="tiny", model=f"org/m{number}", revision="a" * 40))
    claimed = [queue.claim(request, "w", 60) for request in queue.pending()]
    in_batch = Queue(batch)
    in_batch.renew(claimed[0], 60, Progress(done=1, total=2))
    in_batch.finish(claimed[1])
    in_batch.renew(claimed[2], 60)
    Queue(opener()).cancel(claimed[2], "ann")
    assert batch.flush("Round") == {queue.path_of(claimed[2])}
    now = [queue.get(request.id) for request in claimed]
    assert [one.status for one in now] == [Status.RUNNING, Status.FINISHED, Status.CANCELLED, Status.RUNNING]
    assert now[0].progress == Progress(done=1, total=2)
