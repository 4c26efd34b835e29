"""What only a store on the Hub has to survive: lost answers, limits, stale answers; and what a look may cost."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from huggingface_hub import HfApi

import localhub
from leaderboard.errors import Conflict, HubUnavailable, Infrastructure, Unreadable
from leaderboard.hub import newer_folders, trees
from leaderboard.hub.trees import TreeEntry, blob_version, files, from_listing, tree_oid, with_changes, without
from leaderboard.stores import hub as hub_module
from leaderboard.stores import saved
from leaderboard.stores.hub import HubStore
from localhub import Fault
from tests.contracts.stores import TOKEN, Open, calls


def history(served: localhub.Running, store: HubStore) -> list[str]:
    """Titles of the commits, newest first."""
    api = HfApi(endpoint=served.endpoint, token=TOKEN)
    return [commit.title for commit in api.list_repo_commits(store.repo_id, repo_type="dataset")]


# --- trouble


@pytest.mark.parametrize("kind", ["lost-answer", "closed"])
def test_a_commit_whose_answer_is_lost_is_made_once(served: localhub.Running, open_store: Open, kind: str) -> None:
    store = open_store()
    store.commit({"a.json": b"1"}, "first")
    served.faults.set([Fault(kind)])
    store.commit({"a.json": b"2"}, "second", {"a.json": blob_version(b"1")})
    served.faults.set([])
    assert history(served, store)[:2] == ["second", "first"]
    assert store.read("a.json")[0] == b"2" == open_store().read("a.json")[0]


def test_a_lost_answer_and_a_stale_branch_together(served: localhub.Running, open_store: Open) -> None:
    store = open_store()
    store.commit({"a.json": b"1"}, "first")
    served.faults.set([Fault("lost-answer"), Fault("stale-tree", probability=0.5)], seed=1)
    store.commit({"a.json": b"2"}, "second", {"a.json": blob_version(b"1")})
    served.faults.set([])
    assert history(served, store).count("second") == 1 and open_store().read("a.json")[0] == b"2"


def test_a_limited_rate_is_waited_for(served: localhub.Running, open_store: Open) -> None:
    store = open_store()
    served.faults.set([Fault("429", 0.5, path="/commit/", seconds=1)], seed=3)
    for number in range(3):
        store.commit({f"{number}.json": b"1"}, "add")
    assert served.faults.counts["429"] >= 1
    served.faults.set([Fault("429", path="/commit/", seconds=3000)])
    with pytest.raises(HubUnavailable, match="limits how often this board may use it; it says to wait 3000 s") as late:
        store.commit({"late.json": b"1"}, "add")
    assert late.value.retry_after_s == 3000


@pytest.mark.slow
def test_a_counter_survives_every_trouble_at_once(served: localhub.Running, open_store: Open) -> None:
    stores = [open_store(), open_store(cache=Path(open_store()._cache) / "other")]
    stores[0].commit({"counter.json": b"0"}, "counted 0")
    served.faults.set(
        [
            Fault("500", 0.1), Fault("503", 0.1), Fault("429", 0.05, seconds=0), Fault("stale-tree", 0.2),
            Fault("lost-answer", 0.2), Fault("closed", 0.1),
        ],
        seed=7,
    )  # fmt: skip
    for turn in range(8):
        store = stores[turn % 2]
        while True:
            content, version = store.read("counter.json")
            try:
                store.commit({"counter.json": b"%d" % (int(content) + 1)}, "counted", {"counter.json": version})
            except Conflict:
                continue
            break
    served.faults.set([])
    assert open_store().read("counter.json")[0] == b"8"
    assert history(served, stores[0]).count("counted") == 8


def test_a_stale_answer_does_not_undo_what_is_known(served: localhub.Running, open_store: Open) -> None:
    store = open_store()
    store.commit({"a.json": b"1"}, "first")
    store.commit({"a.json": b"2"}, "second")
    served.faults.set([Fault("stale-tree")])
    assert store.read("a.json")[0] == b"2"
    served.faults.set([])
    open_store().commit({"a.json": b"3"}, "third")
    assert store.read("a.json")[0] == b"3"


def gone_back(served: localhub.Running, open_store: Open) -> HubStore:
    """A store that saw the newest of two commits, and then was told of the one before."""
    store, other = open_store(), open_store()
    store.commit({"a.json": b"1"}, "first")
    other.commit({"a.json": b"2"}, "second")
    other.commit({"a.json": b"3"}, "third")
    assert store.read("a.json")[0] == b"3"
    served.faults.set([Fault("stale-tree")])
    assert store.read("a.json")[0] == b"2"
    served.faults.set([])
    return store


def test_an_old_answer_that_was_believed_is_noticed_when_writing(served: localhub.Running, open_store: Open) -> None:
    store = gone_back(served, open_store)
    store.commit({"b.json": b"1"}, "fourth", {"b.json": None})
    assert store.read("a.json")[0] == b"3"
    assert history(served, store)[:2] == ["fourth", "third"]


def test_an_old_answer_is_not_believed_for_ever(
    served: localhub.Running, open_store: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = gone_back(served, open_store)
    assert store.read("a.json")[0] == b"2"
    monkeypatch.setattr(hub_module, "PAST_S", 0.0)
    assert store.read("a.json")[0] == b"3"


def test_reading_goes_on_while_the_hub_has_trouble(
    served: localhub.Running, open_store: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store()
    store.commit({"a.json": b"1"}, "add")
    monkeypatch.setattr(store._repo, "_endpoint", "http://127.0.0.1:9")
    monkeypatch.setattr(store._repo, "_url", "http://127.0.0.1:9/api/datasets/board/x")
    monkeypatch.setattr("leaderboard.hub.dataset_repo.FIRST_WAIT_S", 0.0)
    assert store.read("a.json")[0] == b"1" and set(store.list()) == {"a.json"}
    with pytest.raises(HubUnavailable, match="The Hub is not responding"):
        store.commit({"a.json": b"2"}, "change", {"a.json": "0" * 40})


def test_a_token_that_may_not_write_is_our_fault_at_once(open_store: Open) -> None:
    store = open_store(token=None)
    assert store.list() == {}
    with pytest.raises(HubUnavailable, match="does not let this board use the dataset") as refused:
        store.commit({"a.json": b"1"}, "add")
    assert refused.value.retry_after_s is None and TOKEN not in str(refused.value)


def test_a_dataset_that_is_not_there(served: localhub.Running, tmp_path: Path) -> None:
    store = HubStore("board/nothing", served.endpoint, TOKEN, tmp_path)
    with pytest.raises(HubUnavailable, match="board/nothing"):
        store.list()


def test_a_broken_cache_is_mended(open_store: Open, tmp_path: Path) -> None:
    store = open_store()
    store.commit({"a.json": b"1"}, "add")
    [cached] = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    cached.write_bytes(b"rubbish")
    assert store.read("a.json")[0] == b"1" == cached.read_bytes()


# --- others


def test_two_who_write_different_files_both_succeed(served: localhub.Running, open_store: Open) -> None:
    first, second = open_store(max_age_s=1000.0), open_store(max_age_s=1000.0)
    first.list(), second.list()
    first.commit({"first/a.json": b"1"}, "first", {"first/a.json": None})
    second.commit({"second/b.json": b"1"}, "second", {"second/b.json": None})
    assert second.list().keys() == {"first/a.json", "second/b.json"} == open_store().list().keys()


def test_identical_contents_are_still_won_once(open_store: Open) -> None:
    first, second = open_store(max_age_s=1000.0), open_store(max_age_s=1000.0)
    first.list(), second.list()
    first.commit({"claim.json": b"same"}, "claim", {"claim.json": None})
    with pytest.raises(Conflict):
        second.commit({"claim.json": b"same"}, "claim", {"claim.json": None})
    second.commit({"claim.json": b"same", "more.json": b"1"}, "claim", {"claim.json": blob_version(b"same")})


def test_old_knowledge_refuses_nothing(open_store: Open) -> None:
    old, new = open_store(max_age_s=1000.0), open_store()
    old.commit({"a.json": b"1", "gone.json": b"1"}, "add")
    new.commit({"a.json": b"2", "gone.json": None, "new.json": b"1"}, "change")
    assert old.read("a.json")[0] == b"1"
    old.commit({"new.json": None, "gone.json": b"2"}, "decided on what is there", {"a.json": blob_version(b"2")})
    assert new.list() == {"a.json": blob_version(b"2"), "gone.json": blob_version(b"2")}


def test_folders_stay_below_the_hubs_limit(open_store: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "MAX_ENTRIES", 3)
    store = open_store()
    store.commit({f"folder/{number}.json": b"1" for number in range(3)}, "fill")
    with pytest.raises(Infrastructure, match="folder would have more than 3 entries"):
        store.commit({"folder/3.json": b"1"}, "one more")
    store.commit({"folder/0.json": b"2", "other/0.json": b"1"}, "elsewhere")


# --- what a look costs


def test_what_looks_cost(served: localhub.Running, open_store: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = open_store()
    everything = {f"tiny/org{number % 40}/{number}.json": b"%d" % number for number in range(120)}
    writer.commit(everything, "fill")
    store = open_store(cache=Path(writer._cache) / "reader")
    with calls(served, monkeypatch) as first:
        version = store.changes_since(None).version
    assert len(first) == 2
    with calls(served, monkeypatch) as downloads:
        assert len(list(store.read_many(everything))) == 120
    assert len([call for call in downloads if "/resolve" in call]) == 120 and len(downloads) == 121
    with calls(served, monkeypatch) as quiet:
        assert store.changes_since(version).paths == {}
    assert len(quiet) == 1
    writer.commit({"tiny/org7/7.json": b"new"}, "change")
    monkeypatch.setattr(store, "_max_age_s", 1000.0)
    monkeypatch.setattr(store, "_synced", -1e9)
    with calls(served, monkeypatch) as one:
        [changed] = store.changes_since(version).paths
        assert list(store.read_many([changed])) == [("tiny/org7/7.json", b"new", blob_version(b"new"))]
    assert len(one) == 4
    with calls(served, monkeypatch) as own:
        store.commit({"tiny/org1/x.json": b"1"}, "own")
        assert store.read("tiny/org1/x.json")[0] == b"1" and len(store.list()) == 121
    assert [call.split(" ")[0] for call in own] == ["POST", "POST", "GET"]


def test_whatever_is_committed_by_whom_folders_are_known_as_git_knows_them(
    open_store: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(newer_folders, "MANY", 2)
    dice = random.Random(11)
    stores = [open_store(max_age_s=0.0) for _ in range(3)]
    there: dict[str, bytes] = {}
    for turn in range(25):
        store = dice.choice(stores)
        changes: dict[str, bytes | None] = {}
        for _ in range(dice.randint(1, 6)):
            path = "/".join(f"{dice.choice('abc')}{level}" for level in range(dice.randint(0, 3))) + dice.choice("xyz")
            changes[path + ".json"] = b"%d-%d" % (turn, dice.randint(0, 9))
        for path in dice.sample(sorted(there), min(len(there), dice.randint(0, 3))):
            changes[path] = None
        store.commit(changes, f"turn {turn}")
        there = {path: content for path, content in (there | changes).items() if content is not None}
        commit, root = store._repo.top()
        assert store._snapshot and store._snapshot.commit == commit and store._snapshot.folders[""] == root
        if dice.random() < 0.3:
            reader = dice.choice(stores)
            assert {path: content for path, content, _ in reader.read_many(reader.list())} == there
            assert reader._snapshot and dict(reader._snapshot.folders) == dict(reader._repo.below(commit, ""))


# --- trees


def test_tree_ids_are_gits() -> None:
    hello = TreeEntry(blob_version(b"hello\n"))
    folder = TreeEntry(tree_oid({"b.txt": hello}), is_folder=True)
    assert tree_oid({}) == "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
    assert folder.oid == "dd5a3627ad3d4a1eaa9b180972bab37891a5e101"
    assert tree_oid({"a": folder, "a.txt": hello}) == "e9d00327ba627626531609529f87f79a0b097ba5"


def test_folders_in_which_nothing_changed_are_not_walked(open_store: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store()
    store.commit({"a/b.json": b"1"}, "add")
    version = store.changes_since(None).version
    store.set_aside()
    monkeypatch.setattr(trees, "_differing", lambda *_: pytest.fail("walked"))
    assert store.changes_since(version).paths == {} == store.set_aside()


def test_folders_come_and_go_with_their_files() -> None:
    one, two = TreeEntry("1" * 40), TreeEntry("2" * 40)
    folders = with_changes({"": {}}, {"a/b/c.json": one, "d.json": two})
    assert files(folders) == {"a/b/c.json": one, "d.json": two}
    assert folders[""]["a"].is_folder and folders["a"]["b"].oid == tree_oid({"c.json": one})
    gone = with_changes(folders, {"a/b/c.json": None})
    assert gone == {"": {"d.json": two}}
    assert without(folders, "a") == {"": folders[""]}
    assert from_listing(
        [("a", folders[""]["a"]), ("a/b", folders["a"]["b"]), ("a/b/c.json", one), ("d.json", two)]
    ) == (folders)


def test_files_over_the_limit_are_not_downloaded_and_named(
    served: localhub.Running, open_store: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_store().commit({"a/long.json": b"x" * 101, "a/huge.bin": b"\0" * 3_000_000, "just.json": b"x" * 100}, "add")
    store = open_store(max_bytes=100)
    with calls(served, monkeypatch) as seen:
        assert set(store.list()) - {".gitattributes"} == {"just.json"}
        assert {path: why.split(";")[0] for path, why in store.set_aside().items()} == {
            "a/long.json": "it has 101 bytes", "a/huge.bin": "it has 3,000,000 bytes",
        }  # fmt: skip
        assert [path for path, _, _ in store.read_many(["a/long.json", "just.json"])] == ["just.json"]
        with pytest.raises(Unreadable, match="101 bytes"):
            store.read("a/long.json")
        with pytest.raises(Conflict):
            store.commit({"a/long.json": b"{}"}, "write", {"a/long.json": None})
    assert not [item for item in seen if "long.json" in item or "huge.bin" in item]


# --- from one start to the next


@pytest.fixture
def saving(monkeypatch: pytest.MonkeyPatch) -> None:
    """The folders of small datasets are saved, too."""
    monkeypatch.setattr("leaderboard.stores.hub.SAVE_AFTER", 5)


@pytest.mark.usefixtures("saving")
def test_a_start_asks_only_for_folders_that_changed(
    served: localhub.Running, open_store: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = open_store()
    writer.commit({f"tiny/org{number % 8}/{number}.json": b"%d" % number for number in range(40)}, "fill")
    expected = open_store().list()
    with calls(served, monkeypatch) as quiet:
        store = open_store()
        assert store.list() == expected and len(store.changes_since(None).paths) == 40
    assert {call.rpartition("/")[2] for call in quiet} == {"main"}, "only the branch was asked for"
    writer.commit({"tiny/org1/1.json": b"new", "tiny/org2/2.json": None}, "change")
    with calls(served, monkeypatch) as changed:
        now = open_store().list()
    assert len(changed) == 4, "the branch, tiny, org1 and org2"
    assert now == open_store(cache=Path(writer._cache) / "other").list() != expected


@pytest.mark.usefixtures("saving")
@pytest.mark.parametrize("content", [b"", b"rubbish", b'{"layout": "tree-1"}\n[]', None])
def test_saved_folders_that_are_damaged_are_asked_for_anew(open_store: Open, content: bytes | None) -> None:
    writer = open_store()
    writer.commit({f"tiny/org{number % 8}/{number}.json": b"%d" % number for number in range(40)}, "fill")
    expected = open_store().list()
    place = writer.kept_at(hub_module.SAVED)
    whole = place.read_bytes()
    if content is None:
        saved.save(place, hub_module.LAYOUT, ["a" * 40, {"": {"README.md": ["only one"], "x": 3}}])
    else:
        place.write_bytes(content)
    assert open_store().list() == expected
    assert place.read_bytes() == whole


@pytest.mark.usefixtures("saving")
def test_folders_that_were_saved_long_ago_are_brought_up_to_date(open_store: Open) -> None:
    writer = open_store()
    contents: dict[str, bytes | None] = {f"tiny/org{number % 20}/{number}.json": b"1" for number in range(60)}
    writer.commit(contents, "fill")
    old = open_store().kept_at(hub_module.SAVED)
    open_store().list()
    before = old.read_bytes()
    writer.commit({path: None for path in contents if "/org1" in path} | {"new/folder/a.json": b"1"}, "change")
    writer.commit({path: None for path in contents if "/org2/" in path}, "change")
    writer.commit({"tiny/org2": b"a file where a folder was"}, "change")
    for _ in range(2):
        old.write_bytes(before)
        store = open_store()
        assert store.list() == open_store(cache=Path(writer._cache) / "other").list()
        assert store.changes_since(None).paths == store.list()
