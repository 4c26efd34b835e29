"""Result files and facts are read once for all who ask, and a large board's blocks do not stay in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from leaderboard.board.contents import Contents
from leaderboard.errors import NotFound, Unreadable
from leaderboard.models.facts import KnownModels
from leaderboard.results.blocks import ResultBlocks
from leaderboard.results.results import Results
from leaderboard.stores.local import LocalStore
from tests.leaderboard.board.test_contents import BENCHMARKS, Queue, block, facts, publish


class Counting(LocalStore):
    """A folder that notes what is read."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.reads: list[str] = []

    def read(self, path: str) -> tuple[bytes, str]:
        self.reads.append(path)
        return super().read(path)

    def read_many(self, paths: Iterable[str]) -> Iterator[tuple[str, bytes, str]]:
        asked = list(paths)
        self.reads += asked
        return super().read_many(asked)


@pytest.fixture
def store(tmp_path: Path) -> Counting:
    return Counting(tmp_path / "results")


def test_a_published_block_is_not_read_again_by_board_and_pages(store: Counting) -> None:
    results = Results(store)
    contents = Contents(store, Queue(), BENCHMARKS, blocks=results.blocks)
    aggregated = {"results": {}, "podium": block(1).model_dump(mode="json")}
    path = results.publish(aggregated, {}, contents.changes)
    store.reads.clear()
    assert contents.frame("tiny")["fullname"].tolist() == ["org/model1"]
    assert results.list("tiny") == list(results.of_model("tiny", "org/model1").values()) == [block(1)]
    assert path not in store.reads


def test_a_result_that_somebody_else_published_is_read_once(store: Counting) -> None:
    results = Results(store)
    contents = Contents(store, Queue(), BENCHMARKS, blocks=results.blocks)
    paths = [publish(LocalStore(store.root), block(number)) for number in range(2)]
    contents.frame("tiny")
    assert len(results.list("tiny")) == 2 and contents.frame("tiny") is contents.frame("tiny")
    assert sorted(path for path in store.reads if path in paths) == sorted(paths)


def test_facts_are_read_once_for_board_and_submissions(store: Counting) -> None:
    publish(LocalStore(store.root), block(1))
    facts(LocalStore(store.root), "org/model1", likes=3)
    models = KnownModels(store)
    contents = Contents(store, Queue(), BENCHMARKS, models)
    assert contents.frame("tiny")["Hub ❤️"].tolist() == [3]
    assert models.get("org/model1") is models.all().facts["org/model1"]
    facts(LocalStore(store.root), "org/model1", likes=4)
    assert contents.frame("tiny")["Hub ❤️"].tolist() == [4]
    assert store.reads.count("facts/org/model1.json") == 2, "once for each version"


def test_what_was_given_out_of_the_facts_stays_as_it_is(store: Counting) -> None:
    facts(store, "org/a", likes=1)
    models = KnownModels(store)
    before = models.all()
    facts(store, "org/a", likes=2)
    facts(store, "org/b")
    store.commit({"facts/org/c.json": b"{"}, "by hand")
    after = models.all()
    assert list(before.facts) == ["org/a"] and before.facts["org/a"].likes == 1 and not before.unreadable
    assert sorted(after.facts) == ["org/a", "org/b"] and list(after.unreadable) == ["facts/org/c.json"]


def test_only_the_latest_blocks_stay_in_memory(store: Counting) -> None:
    blocks = ResultBlocks(store, kept=1)
    paths = [publish(LocalStore(store.root), block(number)) for number in range(2)]
    versions = store.list()
    for path in (*paths, paths[1]):
        assert blocks.read(path, versions[path])[0].model in path
    assert store.reads == paths
    blocks.read(paths[0], versions[paths[0]])
    assert store.reads == [*paths, paths[0]]


def test_a_file_that_cannot_be_read_says_so_each_time_and_is_read_again_when_it_changed(store: Counting) -> None:
    path = publish(LocalStore(store.root), block(1))
    content = store.read(path)[0]
    store.commit({path: b"{"}, "by hand")
    blocks = ResultBlocks(store)
    for _ in range(2):
        with pytest.raises(Unreadable, match="it is not JSON"):
            blocks.read(path, store.list()[path])
    store.commit({path: content}, "put back")
    assert blocks.read(path, store.list()[path])[0] == block(1)
    store.commit({path: None}, "removed")
    with pytest.raises(NotFound):
        blocks.read(path, "another version")


def test_whoever_looks_for_any_result_reads_one(store: Counting) -> None:
    for number in range(3):
        publish(LocalStore(store.root), block(number))
    assert next(Results(store).each("tiny")) == block(0)
    assert len(store.reads) == 1
