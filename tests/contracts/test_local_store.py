"""What only the folder has to survive: crashes in the middle, and an operator's hands."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from leaderboard.errors import BadPath, Conflict, Infrastructure, NotFound, Unreadable
from leaderboard.hub.trees import blob_version
from leaderboard.stores.local import LocalStore

BEFORE: dict[str, bytes] = {"a/one": b"1", "b/two": b"1", "gone/three": b"1"}
CHANGES: dict[str, bytes | None] = {"a/one": b"2", "new/four": b"2", "gone/three": None, "b/two": b"2"}
AFTER: dict[str, bytes] = {"a/one": b"2", "new/four": b"2", "b/two": b"2"}
STEPS = 7
"""Renames, unlinks and rmdirs that a commit of CHANGES makes; the first one is its journal's."""


def contents(store: LocalStore) -> dict[str, bytes]:
    return {path: store.read(path)[0] for path in store.list()}


def commit_and_die(root: Path, step: int) -> None:
    """Commit CHANGES in a process that ends without any clean-up just before its `step`-th change to the folder."""
    store, left = LocalStore(root), step

    def mortal(change: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            nonlocal left
            if left == 0:
                os._exit(9)
            left -= 1
            return change(*args, **kwargs)

        return wrapped

    for name in ("rename", "unlink", "rmdir"):
        setattr(Path, name, mortal(getattr(Path, name)))
    store.commit(CHANGES, "change")
    os._exit(0)


@pytest.mark.parametrize("step", range(STEPS + 1))
def test_a_writer_that_dies_at_any_step_leaves_all_or_nothing(tmp_path: Path, step: int) -> None:
    running_reader = LocalStore(tmp_path)
    running_reader.commit(BEFORE, "add")
    process = multiprocessing.get_context("fork").Process(target=commit_and_die, args=(tmp_path, step))
    process.start()
    process.join(60)
    assert process.exitcode == (9 if step < STEPS else 0)
    result = contents(running_reader)
    assert result == (BEFORE if step == 0 else AFTER)
    assert contents(LocalStore(tmp_path)) == result
    running_reader.commit({"later": b"3"}, "add")
    assert contents(running_reader) == result | {"later": b"3"}
    assert sorted(path.name for path in (tmp_path / ".podium").iterdir()) == ["lock", "stage"]
    assert not list((tmp_path / ".podium/stage").iterdir())


WRITER = """
import sys
from pathlib import Path
from leaderboard.stores.local import LocalStore
store = LocalStore(Path(sys.argv[1]))
print("ready", flush=True)
for turn in range(1_000_000):
    store.commit({f"folder{part}/file": b"%d" % turn * 50 for part in range(6)}, "turn")
"""


def test_kill_9_in_a_loop_of_commits(tmp_path: Path) -> None:
    dice = random.Random(5)
    kills, result = 0, {}
    while kills < 8 or not result:  # on a busy machine a writer may be killed before its first commit
        with subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None and writer.stdout.readline() == b"ready\n"
            time.sleep(dice.uniform(0.0, 0.15))
            writer.send_signal(signal.SIGKILL)
        kills += 1
        result = contents(LocalStore(tmp_path))
        assert len(set(result.values())) <= 1 and len(result) in (0, 6)


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None and writer.stdout.readline() == b"ready\n"
        reader = LocalStore(tmp_path)
        turns: list[int] = []
        deadline = time.monotonic() + 60
        while len(set(turns)) < 3 and time.monotonic() < deadline:
            try:
                content = reader.read("folder3/file")[0]
            except NotFound:
                continue
            turn = content[: len(content) // 50]
            assert content == turn * 50
            turns.append(int(turn))
        writer.kill()
    assert len(set(turns)) >= 3 and turns == sorted(turns)


def test_what_an_operator_does_by_hand_is_seen(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.commit({"a": b"1", "b": b"1"}, "add")
    version = store.changes_since(None).version
    (tmp_path / "a").write_bytes(b"2")
    (tmp_path / "b").unlink()
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/c").write_bytes(b"3")
    news = store.changes_since(version)
    assert news.paths == {"a": blob_version(b"2"), "b": None, "folder/c": blob_version(b"3")}


def test_a_change_that_no_time_stamp_shows_is_seen(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    place = tmp_path / "a"
    for turn in range(200):
        place.write_bytes(b"%03d" % turn)
        assert store.list() == {"a": blob_version(b"%03d" % turn)}
    time.sleep(0.2)
    store.list()
    stamp = place.stat()
    place.write_bytes(b"xyz")
    os.utime(place, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert store.list() == {"a": blob_version(b"xyz")}


def test_hidden_files_links_and_odd_names_are_left_alone(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    root = tmp_path / "store"
    store = LocalStore(root)
    (root / ".gitkeep").touch()
    (root / "folder").mkdir()
    (root / "folder/.hidden").touch()
    (root / "link").symlink_to(outside / "secret")
    (root / "linked").symlink_to(outside)
    Path(os.fsdecode(bytes(root) + b"/bad\xff")).touch()
    assert store.list() == {}
    for path in ("link", "linked/secret"):
        with pytest.raises(BadPath):
            store.read(path)
        with pytest.raises(BadPath):
            store.commit({path: b"overwritten"}, "add")
    assert (outside / "secret").read_bytes() == b"secret"
    store.commit({"folder/file": b"1"}, "add")
    store.commit({"folder/file": None}, "delete")
    assert (root / "folder/.hidden").exists()


def test_a_folder_that_cannot_be_written_is_our_fault(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    (tmp_path / "store/.podium/stage").rmdir()
    (tmp_path / "store/.podium/stage").write_bytes(b"in the way")
    with pytest.raises(Infrastructure, match="could not be written"):
        store.commit({"a": b"1"}, "add")
    assert store.list() == {}


# --- what is not read


def test_what_is_no_regular_file_is_never_opened_and_named(tmp_path: Path) -> None:
    outside = tmp_path / "secret.json"
    outside.write_text("{}")
    store = LocalStore(tmp_path / "store", max_bytes=100)
    store.commit({"a/good.json": b"{}"}, "add")
    (store.root / "a/link.json").symlink_to(outside)
    (store.root / "linked").symlink_to(tmp_path)
    os.mkfifo(store.root / "pipe.json")
    (store.root / "folder.json").mkdir()
    (store.root / "new\nline.json").write_text("{}")
    (store.root / "long.json").write_bytes(b"x" * 101)
    (store.root / "just.json").write_bytes(b"x" * 100)
    assert set(store.list()) == {"a/good.json", "just.json"}
    reasons = store.set_aside()
    assert {path: reason.rstrip(".").split()[-1] for path, reason in reasons.items()} == {
        "a/link.json": "followed", "linked": "followed", "pipe.json": "device", "folder.json": "file",
        "new\\nline.json": "here", "long.json": "here",
    }  # fmt: skip
    assert reasons["long.json"] == "it has 101 bytes; at most 100 are read here."
    # Opening the pipe would wait for ever for its writer.
    assert [path for path, _, _ in store.read_many(["pipe.json", "long.json", "just.json"])] == ["just.json"]
    with pytest.raises(NotFound):
        store.read("pipe.json")
    with pytest.raises(Unreadable, match="101 bytes"):
        store.read("long.json")
    with pytest.raises(Conflict):
        store.commit({"long.json": b"{}"}, "write", {"long.json": None})
    store.commit({"long.json": b"{}"}, "write")
    assert "long.json" in store.list() and "long.json" not in store.set_aside()


def test_the_size_is_asked_before_anything_is_read(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store", max_bytes=1 << 20)
    with (store.root / "huge.json").open("wb") as file:
        file.truncate(1 << 40)  # a hole: reading it would take minutes, and its hash too
    assert store.list() == {} and "1,099,511,627,776 bytes" in store.set_aside()["huge.json"]


def test_a_folder_may_have_the_name_of_a_file_where_files_are_in_it(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    store.commit({"org.json/model.json": b"{}"}, "add")
    assert set(store.list()) == {"org.json/model.json"} and store.set_aside() == {}
