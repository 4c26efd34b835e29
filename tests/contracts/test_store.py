"""What every FileStore does."""

from __future__ import annotations

import threading

import pytest

from leaderboard import FileStore
from leaderboard.errors import BadPath, Conflict, NotFound
from leaderboard.hub.trees import blob_version
from tests.contracts.stores import Opener

HOSTILE = [
    "", "/etc/passwd", "../up.json", "a/../../up.json", "a/./b", "a//b", "a/", "a\\b", "nul\0.json", "line\nbreak",
    ".hidden", "a/.podium/lock", ".podium/journal", ".gitattributes", "a/.gitkeep", "x" * 256, "é" * 128, "\ud800",
]  # fmt: skip


def test_what_is_written_is_read_with_its_git_blob_id(store: FileStore) -> None:
    contents = {"a/b/c.json": b'{"x": 1}\n', "empty": b"", "päth/日本.json": "日本".encode()}
    store.commit(contents, "add")
    for path, content in contents.items():
        assert store.read(path) == (content, blob_version(content))
    assert store.list() == {path: blob_version(content) for path, content in contents.items()}
    assert blob_version(b"") == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"


def test_large_and_binary_files_are_read_as_they_were_written(opener: Opener) -> None:
    contents = {"table.parquet": bytes(range(256)) * 50, "archive.bin": b"\0\xff", "long.json": b"[1]" * 500_000}
    store = opener()
    store.commit(contents, "add", dict.fromkeys(contents))
    for reader in (store, opener()):
        for path, content in contents.items():
            assert reader.read(path) == (content, reader.list()[path])
    version = store.read("table.parquet")[1]
    store.commit({"table.parquet": b"PAR1"}, "change", {"table.parquet": version})
    assert opener().read("table.parquet")[0] == b"PAR1" and opener().list()["table.parquet"] != version


def test_several_files_are_read_at_once(store: FileStore) -> None:
    contents = {f"folder/{number}.json": b"%d" % number for number in range(20)}
    store.commit(contents, "add")
    result = list(store.read_many([*contents, "missing"]))
    assert result == [(path, content, blob_version(content)) for path, content in contents.items()]
    with pytest.raises(BadPath):
        list(store.read_many(["../up"]))


def test_a_new_store_is_empty_and_has_a_version(store: FileStore) -> None:
    assert store.list() == {}
    changes = store.changes_since(None)
    assert changes.paths == {} and changes.complete and changes.version


def test_list_takes_any_beginning_of_a_path(store: FileStore) -> None:
    store.commit({"a/one": b"1", "a/two": b"2", "ab/three": b"3", "b": b"4"}, "add")
    assert set(store.list("a")) == {"a/one", "a/two", "ab/three"}
    assert set(store.list("a/")) == {"a/one", "a/two"}
    assert set(store.list("a/t")) == {"a/two"}
    assert store.list("nothing/here") == {} == store.list("zzz")


def test_reading_what_is_not_there_is_not_found(store: FileStore) -> None:
    store.commit({"folder/file": b"1"}, "add")
    for path in ("missing", "folder", "folder/file/deeper", "folder/missing"):
        with pytest.raises(NotFound):
            store.read(path)


def test_another_opener_sees_what_is_committed(opener: Opener) -> None:
    first, second = opener(), opener()
    first.commit({"a": b"1"}, "add")
    assert second.read("a")[0] == b"1"
    second.commit({"a": b"2", "b": b"3"}, "change")
    assert first.read("a")[0] == b"2"
    assert set(first.list()) == {"a", "b"}


def test_expected_versions_decide(store: FileStore) -> None:
    store.commit({"a": b"1"}, "add", {"a": None})
    version = store.read("a")[1]
    with pytest.raises(Conflict):
        store.commit({"a": b"other"}, "add again", {"a": None})
    store.commit({"a": b"2"}, "change", {"a": version})
    with pytest.raises(Conflict) as lost:
        store.commit({"a": b"3"}, "change late", {"a": version})
    assert lost.value.paths == ["a"]
    with pytest.raises(Conflict):
        store.commit({"b": b"1"}, "change what is not there", {"b": version})
    assert store.read("a")[0] == b"2"


def test_expected_speaks_of_files_that_are_not_changed_too(store: FileStore) -> None:
    store.commit({"guard": b"1"}, "add")
    version = store.read("guard")[1]
    store.commit({"a": b"1"}, "add", {"guard": version, "absent": None})
    store.commit({"guard": b"2"}, "change")
    with pytest.raises(Conflict):
        store.commit({"a": b"2"}, "change", {"guard": version})
    assert store.read("a")[0] == b"1"


def test_the_same_content_written_twice_is_no_way_round_expected(store: FileStore) -> None:
    store.commit({"a": b"same"}, "add", {"a": None})
    with pytest.raises(Conflict):
        store.commit({"a": b"same"}, "add", {"a": None})
    store.commit({"a": b"same"}, "write what is there", {"a": blob_version(b"same")})
    assert store.read("a")[0] == b"same"


def test_all_or_nothing(store: FileStore) -> None:
    store.commit({"a": b"1", "b": b"1", "c": b"1"}, "add")
    version = store.read("b")[1]
    with pytest.raises(Conflict) as lost:
        store.commit({"a": b"2", "b": None, "new/d": b"2"}, "change", {"a": "0" * 40, "b": version, "c": None})
    assert lost.value.paths == ["a", "c"]
    assert {path: store.read(path)[0] for path in store.list()} == {"a": b"1", "b": b"1", "c": b"1"}
    store.commit({"a": b"2", "b": None, "new/d": b"2"}, "change", {"b": version})
    assert {path: store.read(path)[0] for path in store.list()} == {"a": b"2", "c": b"1", "new/d": b"2"}


def test_deleting(store: FileStore) -> None:
    store.commit({"a/b/c": b"1", "d": b"1"}, "add")
    store.commit({"a/b/c": None}, "delete")
    assert set(store.list()) == {"d"}
    with pytest.raises(NotFound):
        store.read("a/b/c")
    with pytest.raises(NotFound):
        store.commit({"a/b/c": None, "e": b"1"}, "delete again")
    assert set(store.list()) == {"d"}
    store.commit({"a": b"now a file"}, "a folder without files is none")
    assert store.read("a")[0] == b"now a file"


def test_nothing_to_commit_checks_what_is_expected(store: FileStore) -> None:
    store.commit({}, "nothing", {"a": None})
    with pytest.raises(Conflict):
        store.commit({}, "nothing", {"a": "0" * 40})


@pytest.mark.parametrize("path", HOSTILE)
def test_hostile_paths_are_refused(store: FileStore, path: str) -> None:
    with pytest.raises(BadPath):
        store.read(path)
    for content in (b"x", None):
        with pytest.raises(BadPath):
            store.commit({"good": b"1", path: content}, "add")
    assert store.list() == {}


def test_a_file_is_no_folder(store: FileStore) -> None:
    store.commit({"a/b": b"1"}, "add")
    for changes in ({"a": b"2"}, {"a/b/c": b"2"}, {"x": b"1", "x/y": b"2"}, {"x-": b"1", "x": b"1", "x/y/z": b"2"}):
        with pytest.raises(BadPath):
            store.commit(dict(changes), "add")
    assert set(store.list()) == {"a/b"}


def test_changes_since_tells_every_difference_once(opener: Opener) -> None:
    store, other = opener(), opener()
    store.commit({"a": b"1", "b": b"1"}, "add")
    first = store.changes_since(None)
    assert first.complete and first.paths == store.list()
    quiet = store.changes_since(first.version)
    assert not quiet.complete and quiet.paths == {}
    other.commit({"a": b"2", "b": None, "c": b"1"}, "change")
    news = store.changes_since(quiet.version)
    assert not news.complete
    assert news.paths == {"a": blob_version(b"2"), "b": None, "c": blob_version(b"1")}
    assert store.changes_since(news.version).paths == {}
    assert store.changes_since(first.version).paths == news.paths


def test_changes_since_includes_own_commits(store: FileStore) -> None:
    before = store.changes_since(None).version
    after = store.commit({"a": b"1"}, "add")
    assert after != before
    assert store.changes_since(before).paths == {"a": blob_version(b"1")}
    store.commit({"b": b"1"}, "add")
    assert "b" in store.changes_since(after).paths


def test_an_unknown_version_means_everything(store: FileStore) -> None:
    store.commit({"a": b"1"}, "add")
    for version in ("", "nonsense", "0" * 40):
        changes = store.changes_since(version)
        assert changes.complete and changes.paths == store.list()


def test_a_counter_raised_by_threads_loses_nothing(opener: Opener) -> None:
    opener().commit({"counter": b"0"}, "add")

    def raise_ten_times() -> None:
        store, raised = opener(), 0
        while raised < 10:
            content, version = store.read("counter")
            try:
                store.commit({"counter": b"%d" % (int(content) + 1)}, "raise", {"counter": version})
            except Conflict:
                continue
            raised += 1

    threads = [threading.Thread(target=raise_ten_times) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert opener().read("counter")[0] == b"40"
