"""Commits that wait and become one, over every kind of store."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from leaderboard import FileStore
from leaderboard.errors import BadPath, Conflict, HubUnavailable, NotFound
from leaderboard.hub.trees import blob_version
from leaderboard.queue.queue import Queue
from leaderboard.records import Progress, Request, Status
from leaderboard.stores.batched import BatchedStore
from leaderboard.stores.local import LocalStore
from leaderboard.stores.routed import RoutedStore
from tests.contracts.stores import Opener

Wrap = Callable[[FileStore, FileStore], FileStore]
WRAPS: dict[str, Wrap] = {
    "plain": lambda store, other: store,
    "routed": lambda store, other: RoutedStore(store, "contents/", other),
    "batched": lambda store, other: BatchedStore(store),
    "batched-routed": lambda store, other: BatchedStore(RoutedStore(store, "contents/", other)),
    "routed-batched": lambda store, other: RoutedStore(BatchedStore(store), "contents/", BatchedStore(other)),
    "batched-batched": lambda store, other: BatchedStore(BatchedStore(store)),
}
"""Stores over a store and another one, which may hold what is below contents/."""


@pytest.mark.parametrize("wrap", WRAPS.values(), ids=WRAPS)
def test_after_a_flush_everybody_sees_what_was_committed(opener: Opener, wrap: Wrap, tmp_path: Path) -> None:
    other = LocalStore(tmp_path / "other")
    store = wrap(opener(), other)
    store.commit({"a.json": b"1"}, "add", {"a.json": None})
    store.commit({"contents/b.json": b"1"}, "add", {"contents/b.json": None})
    assert (opener().list() == {} == other.list()) is store.gathers
    assert store.flush("everything") == set() == store.flush("nothing is left")
    assert opener().list().keys() | other.list().keys() <= {"a.json", "contents/b.json", "b.json"}
    assert len(opener().list()) + len(other.list()) == 2
    assert store.list().keys() == {"a.json", "contents/b.json"}


@pytest.mark.parametrize("name", ["batched", "batched-routed", "routed-batched"])
def test_what_came_too_late_is_named_by_its_path(opener: Opener, name: str, tmp_path: Path) -> None:
    other = LocalStore(tmp_path / "other")
    store = WRAPS[name](opener(), other)
    paths = {"a.json", "contents/b.json"}
    for path in {*paths, "c.json"}:
        store.commit({path: b"1"}, "add", {path: None})
    opener().commit({"a.json": b"faster", "contents/b.json": b"faster"}, "somebody was faster")
    other.commit({"b.json": b"faster"}, "somebody was faster")
    assert store.flush("round") == paths
    assert store.read("a.json")[0] == b"faster" == store.read("contents/b.json")[0]
    assert opener().read("c.json")[0] == b"1"


def test_nothing_is_written_where_the_other_store_refuses(opener: Opener, tmp_path: Path) -> None:
    other = LocalStore(tmp_path / "other")
    store = WRAPS["routed"](opener(), other)
    with pytest.raises(Conflict) as refused:
        store.commit({"a.json": b"1", "contents/b.json": b"1"}, "add", {"contents/b.json": "0" * 40})
    assert refused.value.paths == ["contents/b.json"]
    assert opener().list() == {} == other.list()


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
    result = opener()
    assert {path: result.read(path)[0] for path in result.list()} == {
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
    assert [item.status for item in now] == [Status.RUNNING, Status.FINISHED, Status.CANCELLED, Status.RUNNING]
    assert now[0].progress == Progress(done=1, total=2)


class Failing(LocalStore):
    """A folder that cannot be written for a while."""

    down = False

    def commit(
        self, changes: Mapping[str, bytes | None], message: str, expected: Mapping[str, str | None] | None = None
    ) -> str:
        if self.down:
            raise HubUnavailable("The Hub has trouble of its own.", 1)
        return super().commit(changes, message, expected)


@pytest.mark.parametrize("folder", ["", "contents/"])
def test_when_the_store_fails_everything_waits_but_what_is_now_or_never(tmp_path: Path, folder: str) -> None:
    inner = Failing(tmp_path)
    store = RoutedStore(BatchedStore(inner), "contents/", BatchedStore(inner)) if folder else BatchedStore(inner)
    for changes in ({"claim": b"1"}, {"end": b"1"}, {"claim": b"2", "beside": b"1"}):
        store.commit({folder + path: content for path, content in changes.items()}, "wait")
    inner.down = True
    for _ in range(2):
        with pytest.raises(HubUnavailable):
            store.flush("round", now_or_never=f"{folder}claim")
    assert set(store.list()) == {f"{folder}end"}
    inner.down = False
    assert store.flush("round") == set()
    assert set(inner.list()) == {"end"}
