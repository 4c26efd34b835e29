"""A folder is followed at the cost of what changes in it, by whomever; what was read is saved for the next start."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from leaderboard.hub.trees import blob_version
from leaderboard.stores import folder_tree, local, saved
from leaderboard.stores.folder_events import FolderEvents
from leaderboard.stores.folder_tree import FolderTree
from leaderboard.stores.local import LocalStore
from tests.counting import count_reads


def no_events(root: Path) -> None:
    return None


@pytest.fixture(params=["events", "time stamps"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How a store learns of changes."""
    if request.param == "time stamps":
        monkeypatch.setattr(folder_tree, "_events", no_events)
    return str(request.param)


@pytest.fixture
def costs(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """What was asked of the file system, by a store or its tree."""
    return count_reads(monkeypatch)


def fill(root: Path, files: int) -> LocalStore:
    store = LocalStore(root)
    store.commit({f"tiny/org{number % 7}/{number}.json": b"%d" % number for number in range(files)}, "fill")
    return store


# --- what others do


def write_in_place(place: Path, text: str) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.is_symlink():
        place.unlink()
    if not place.is_dir():
        place.write_text(text)


def replace(place: Path, text: str) -> None:
    draft = place.with_name(".draft")
    write_in_place(draft, text)
    if not place.is_dir():
        draft.rename(place)


def remove(place: Path, text: str) -> None:
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)


def move(place: Path, text: str) -> None:
    if place.parent.exists():
        target = place.parent.with_name(f"moved{text}")
        if not target.exists():
            place.parent.rename(target)


def begin_again(place: Path, text: str) -> None:
    shutil.rmtree(place.parent, ignore_errors=True)
    write_in_place(place, text)


def link(place: Path, text: str) -> None:
    remove(place, text)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(place.parent)


BY_HAND: list[Callable[[Path, str], None]] = [write_in_place, replace, remove, move, begin_again, link]


@pytest.mark.parametrize("seed", range(2))
def test_whatever_is_done_by_hand_is_seen_at_once(tmp_path: Path, way: str, seed: int) -> None:
    dice = random.Random(seed)
    store = LocalStore(tmp_path / "store")
    known: dict[str, str | None] = {}
    version: str | None = None
    for turn in range(100):
        for _ in range(dice.randint(0, 3)):
            names = dice.choices(["a", "b", "c.json"], k=dice.randint(2, 3))
            with suppress(OSError):  # a file is where a folder should be
                dice.choice(BY_HAND)(store.root.joinpath(*names), str(turn))
        if dice.random() < 0.3:
            LocalStore(store.root).commit({f"other{turn}/x": b"%d" % turn}, "another process")
        changes = store.changes_since(version)
        version = changes.version
        known = {path: seen for path, seen in {**known, **changes.paths}.items() if seen is not None}
        fresh = LocalStore(store.root)
        assert known == store.list() == fresh.list()
        assert dict(store.set_aside()) == dict(fresh.set_aside())
        assert all(seen == blob_version((store.root / path).read_bytes()) for path, seen in known.items())


def test_in_a_large_folder_without_events_time_stamps_and_passes_tell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_tree, "_events", no_events)
    monkeypatch.setattr(folder_tree, "SMALL", 3)
    monkeypatch.setattr(folder_tree, "UNSURE_NS", -1)
    time = 0.0

    def clock() -> float:
        nonlocal time
        time += 0.01  # so a pass takes that long, and rests for 2 seconds
        return time

    fill(tmp_path, 20)
    tree = FolderTree(tmp_path, None, clock)
    tree.look()
    tree.take_news()
    monkeypatch.setattr(folder_tree, "CHECK_REST", 0)
    tree._full_due = 1000.0
    (tmp_path / "tiny/org1/1.json").write_text("in place")
    replace(tmp_path / "tiny/org2/2.json", "replaced")
    (tmp_path / "tiny/org3/3.json").unlink()
    time += 3
    tree.look()
    assert tree.take_news() == {"tiny/org2/2.json": blob_version(b"replaced"), "tiny/org3/3.json": None}
    tree.look()
    assert tree.take_news() == {}, "the pass rests"
    time += 1000
    tree.look()
    assert tree.take_news() == {"tiny/org1/1.json": blob_version(b"in place")}


def test_own_commits_are_seen_while_passes_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_tree, "_events", no_events)
    monkeypatch.setattr(folder_tree, "SMALL", 3)
    monkeypatch.setattr(folder_tree, "REST", 1e9)
    store = fill(tmp_path, 20)
    before = store.changes_since(None).version
    store.commit({"tiny/org1/1.json": b"new", "new/folder/a.json": b"1", "tiny/org2/2.json": None}, "own")
    changed = {"tiny/org1/1.json": blob_version(b"new"), "new/folder/a.json": blob_version(b"1")}
    assert store.changes_since(before).paths == changed | {"tiny/org2/2.json": None}


def test_more_changes_than_the_kernel_remembers_are_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = fill(tmp_path, 20)
    store.list()
    (tmp_path / "tiny/org1/1.json").write_text("new")
    monkeypatch.setattr(FolderEvents, "_available", lambda self: overflow(monkeypatch))
    assert store.list()["tiny/org1/1.json"] == blob_version(b"new")
    (tmp_path / "tiny/org2/2.json").write_text("new")
    assert store.list()["tiny/org2/2.json"] == blob_version(b"new")


def overflow(monkeypatch: pytest.MonkeyPatch) -> bytes:
    """What the kernel says when its memory is full, once."""
    monkeypatch.undo()
    return (-1).to_bytes(4, "little", signed=True) + (0x4000).to_bytes(4, "little") + bytes(8)


def test_a_folder_that_is_deleted_and_made_again_is_followed(tmp_path: Path, way: str) -> None:
    store = fill(tmp_path / "store", 5)
    assert len(store.list()) == 5
    shutil.rmtree(store.root)
    assert store.list() == {}
    (store.root / "a").mkdir(parents=True)
    (store.root / "a/b.json").write_text("1")
    assert store.list() == {"a/b.json": blob_version(b"1")}
    (store.root / "a/b.json").write_text("2")
    assert store.list() == {"a/b.json": blob_version(b"2")}


def test_a_forked_process_does_not_take_its_parent_s_events(tmp_path: Path) -> None:
    store = fill(tmp_path, 5)
    version = store.changes_since(None).version
    (tmp_path / "tiny/org1/1.json").write_text("new")
    process = multiprocessing.get_context("fork").Process(target=store.list)
    process.start()
    process.join(60)
    assert process.exitcode == 0
    assert store.changes_since(version).paths == {"tiny/org1/1.json": blob_version(b"new")}


# --- what it costs


def test_nothing_is_listed_or_read_when_nothing_changed(tmp_path: Path, costs: Counter[str]) -> None:
    store = fill(tmp_path, 50)
    version = store.changes_since(None).version
    costs.clear()
    for _ in range(20):
        assert store.changes_since(version).paths == {}
        assert len(store.list("tiny/org3/")) == 7
    assert costs == {}
    (tmp_path / "tiny/org3/3.json").write_text("new")
    assert list(store.changes_since(version).paths) == ["tiny/org3/3.json"]
    assert costs == {"read": 1}


# --- from one start to the next


@pytest.fixture
def saving(monkeypatch: pytest.MonkeyPatch, costs: Counter[str]) -> Counter[str]:
    """Small folders are saved, too."""
    monkeypatch.setattr(local, "SAVE_AFTER", 5)
    return costs


def test_a_start_reads_only_what_changed_since_it_was_saved(tmp_path: Path, saving: Counter[str]) -> None:
    expected = fill(tmp_path, 30).list()
    saving.clear()
    assert LocalStore(tmp_path).list() == expected
    assert saving["read"] == 0
    (tmp_path / "tiny/org1/1.json").write_text("new")
    (tmp_path / "tiny/org2/2.json").unlink()
    (tmp_path / "tiny/org3/new.json").write_text("3")
    now = LocalStore(tmp_path).list()
    assert saving["read"] == 2
    changed = {"tiny/org1/1.json": blob_version(b"new"), "tiny/org3/new.json": blob_version(b"3")}
    assert now == {path: seen for path, seen in (expected | changed).items() if path != "tiny/org2/2.json"}


def damages(place: Path) -> Iterator[tuple[str, bytes]]:
    content = place.read_bytes()
    head, _, body = content.partition(b"\n")
    yield "cut", content[:-40]
    yield "empty", b""
    yield "another byte", content[:-20] + b"#" + content[-19:]
    yield "no JSON", b"\xff\xfe\n" + body
    yield "another layout", head.replace(b"versions-1", b"versions-0") + b"\n" + body
    for odd in ([1, 2], {"a/": 3}, {"a/": {"b": [1]}}, {"a/": {"b": 7}}, "text"):
        saved.save(place, local.LAYOUT, odd)
        yield json.dumps(odd), place.read_bytes()


def test_a_damaged_file_is_as_good_as_none(tmp_path: Path, saving: Counter[str]) -> None:
    expected = fill(tmp_path, 30).list()
    place = LocalStore(tmp_path).kept_at(local.SAVED)
    whole = place.read_bytes()
    for name, content in list(damages(place)):
        place.write_bytes(content)
        saving.clear()
        assert LocalStore(tmp_path).list() == expected, name
        assert saving["read"] == 30, name
        assert len(place.read_bytes()) == len(whole), f"{name}: it is written anew"


def save_and_die(root: Path, step: str) -> None:
    """Open a store, which saves what it read, in a process that ends before or after the file gets its name."""
    original = Path.rename

    def mortal(self: Path, target: Path) -> Path:
        if step == "before":
            os._exit(9)
        original(self, target)
        os._exit(9)

    LocalStore(root)
    Path.rename = mortal  # type: ignore[method-assign, assignment]
    LocalStore(root).list()
    os._exit(0)


@pytest.mark.parametrize("step", ["before", "after"])
def test_kill_9_while_saving_loses_nothing(tmp_path: Path, saving: Counter[str], step: str) -> None:
    contents = {f"a/{number}": b"%d" % number for number in range(10)}
    LocalStore(tmp_path).commit(contents, "fill")
    process = multiprocessing.get_context("fork").Process(target=save_and_die, args=(tmp_path, step))
    process.start()
    process.join(60)
    assert process.exitcode == 9
    store = LocalStore(tmp_path)
    assert store.list() == {path: blob_version(content) for path, content in contents.items()}
    assert saving["read"] == (0 if step == "after" else 10)
    left = sorted(path.name for path in (tmp_path / ".podium").iterdir())
    assert left == ["lock", "stage", "versions.json"], "what was half written is used again"


def test_a_folder_that_cannot_be_written_is_read_all_the_same(
    tmp_path: Path, saving: Counter[str], caplog: pytest.LogCaptureFixture
) -> None:
    store = fill(tmp_path, 10)
    store.kept_at(local.SAVED).with_suffix(".draft").mkdir()
    assert len(store.list()) == 10
    assert "the next start takes longer" in caplog.text
