"""Edits of files, over every kind of store: decided on what is there, and again where somebody was faster."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from leaderboard import FileStore
from leaderboard.errors import Conflict, NotFound
from leaderboard.hub.trees import blob_version
from leaderboard.stores import edit as edit_module
from leaderboard.stores.edit import EditedFiles, content_of, edit
from leaderboard.stores.local import LocalStore
from tests.contracts.stores import Opener


def raised(files: EditedFiles) -> int:
    """Raise the counter by one."""
    count = int(files.find("counter") or b"0") + 1
    files.write("counter", b"%d" % count)
    return count


def test_an_edit_writes_what_was_decided_and_returns_it(store: FileStore) -> None:
    assert edit(store, raised, "first") == 1
    assert edit(store, raised, "second") == 2
    assert content_of(store, "counter") == b"2" and content_of(store, "other") is None


def test_edits_of_several_threads_lose_nothing(opener: Opener) -> None:
    def raise_five_times() -> None:
        store = opener()
        for _ in range(5):
            edit(store, raised, "raise")

    threads = [threading.Thread(target=raise_five_times) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert content_of(opener(), "counter") == b"20"


def test_what_was_read_or_missing_must_still_be_so(opener: Opener) -> None:
    store, other = opener(), opener()
    store.commit({"read": b"1"}, "add")
    meanwhile: list[Mapping[str, bytes]] = [{"read": b"2"}, {"missing": b"3"}, {"unrelated": b"4"}]
    tries = []

    def decide(files: EditedFiles) -> None:
        seen = (files.read("read"), files.find("missing"))
        if meanwhile:
            other.commit(meanwhile.pop(0), "somebody was faster")
        assert (files.read("read"), files.find("missing")) == seen, "one try sees one state"
        files.write("out", b"+".join(part for part in seen if part))
        tries.append(seen)

    edit(store, decide, "sum")
    assert tries == [(b"1", None), (b"2", None), (b"2", b"3")]
    assert content_of(opener(), "out") == b"2+3"


def test_what_decide_raises_ends_the_edit_and_nothing_is_written(store: FileStore) -> None:
    tries = []

    def decide(files: EditedFiles) -> None:
        tries.append(files)
        files.write("a", b"1")
        raise Conflict(["a"])

    with pytest.raises(Conflict):
        edit(store, decide, "never")
    assert len(tries) == 1 and store.list() == {}
    with pytest.raises(NotFound):
        edit(store, lambda files: files.read("missing"), "never")


def test_a_file_that_is_to_be_new_is_never_overwritten(store: FileStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edit_module, "TRIES", 3)
    edit(store, lambda files: files.create("new", b"1"), "add")
    with pytest.raises(Conflict):
        edit(store, lambda files: files.create("new", b"2"), "add")
    assert store.read("new") == (b"1", blob_version(b"1"))


def test_files_are_deleted_and_the_message_may_depend_on_what_was_read(tmp_path: Path) -> None:
    messages = []

    class Noting(LocalStore):
        def commit(
            self, changes: Mapping[str, bytes | None], message: str, expected: Mapping[str, str | None] | None = None
        ) -> str:
            messages.append(message)
            return super().commit(changes, message, expected)

    store = Noting(tmp_path)
    store.commit({"a": b"name"}, "add")

    def decide(files: EditedFiles) -> None:
        files.message = f"Delete {files.read('a').decode()}"
        files.write("a", None)

    edit(store, decide, "Delete")
    edit(store, lambda files: files.find("a"), "nothing to commit")
    assert store.list() == {} and messages == ["add", "Delete name"]


def test_an_edit_that_others_always_overtake_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edit_module, "TRIES", 4)
    store, other = LocalStore(tmp_path), LocalStore(tmp_path)
    tries = []

    def decide(files: EditedFiles) -> None:
        raised(files)
        tries.append(edit(other, raised, "faster"))

    with pytest.raises(Conflict) as lost:
        edit(store, decide, "slower")
    assert lost.value.paths == ["counter"] and tries == [1, 2, 3, 4]
