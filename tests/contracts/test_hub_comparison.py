"""Changes that others made to a dataset are known from the Hub's comparison of two commits, if that turns out right."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

import localhub
from leaderboard.hub import newer_folders
from leaderboard.hub.comparison import compared_paths
from leaderboard.hub.dataset_repo import HubRepo
from leaderboard.hub.trees import blob_version
from leaderboard.stores.hub import HubStore
from localhub import Fault
from localhub.names import Kind
from tests.contracts.stores import TOKEN, Open, calls

ZEROS, ONE, TWO = "0" * 40, "1" * 40, "2" * 40


@pytest.fixture
def large(open_store: Open, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """What is in the dataset: a folder that takes several answers to list."""
    monkeypatch.setattr(newer_folders, "PAGE", 5)
    files = {f"tiny/org{number % 20}/{number}.json": b"%d" % number for number in range(60)}
    open_store().commit(files, "fill")
    return files


def looked(store: HubStore) -> None:
    """Have the store look, and check that it knows what a listing of everything tells."""
    store.list()
    assert store._snapshot is not None
    assert store._snapshot.commit == store._repo.top()[0]
    assert dict(store._snapshot.folders) == dict(store._repo.below(store._snapshot.commit, ""))


# --- what it costs


def test_a_change_in_a_large_folder_takes_four_questions(
    served: localhub.Running, open_store: Open, large: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, other = open_store(cache=Path("reader")), open_store()
    version = store.changes_since(None).version
    other.commit({"tiny/org7/7.json": b"new", "tiny/org8/8.json": None}, "change", dict.fromkeys(["new.json"]))
    other.commit({"tiny/org9/9.json": b"new"}, "change")
    monkeypatch.setattr(store, "_max_age_s", 1000.0)
    monkeypatch.setattr(store, "_synced", -1e9)
    with calls(served, monkeypatch) as seen:
        changes = store.changes_since(version).paths
    assert set(changes) == {"tiny/org7/7.json", "tiny/org8/8.json", "tiny/org9/9.json"}
    assert [call.split("/")[-1].partition("..")[0] for call in seen] == ["main", "compare", "paths-info"]


def test_small_folders_are_listed(
    served: localhub.Running, open_store: Open, large: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(newer_folders, "PAGE", 1000)
    store = open_store()
    store.list()
    open_store().commit({"tiny/org7/7.json": b"new"}, "change")
    with calls(served, monkeypatch) as seen:
        store.list()
    assert not [call for call in seen if "/compare/" in call] and len(seen) == 3


def test_many_changes_are_listed(
    served: localhub.Running, open_store: Open, large: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(newer_folders, "MAX_COMPARED", 10)
    store = open_store()
    store.list()
    open_store().commit(dict.fromkeys(list(large)[:11], b"new"), "change")
    with calls(served, monkeypatch) as seen:
        store.list()
    assert not [call for call in seen if "/paths-info" in call]
    looked(store)


# --- what it may be


def test_whatever_is_committed_by_whom_comparing_is_as_good_as_listing(
    served: localhub.Running, open_store: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(newer_folders, "FEW_QUESTIONS", -1)
    listing, listed = newer_folders._by_listing, []

    def noted(*arguments: Any) -> newer_folders.Newer:
        listed.append(arguments[1])
        return listing(*arguments)

    monkeypatch.setattr(newer_folders, "_by_listing", noted)
    dice, looks = random.Random(5), 0
    reader, others = open_store(), Others(HfApi(endpoint=served.endpoint, token=TOKEN), open_store(), random.Random(6))
    for _ in range(30):
        dice.choice([others.write, others.write, others.add, others.move, others.remove, others.squash])()
        if dice.random() < 0.6:
            looked(reader)
            looks += 1
    others.replace_a_folder()
    looked(reader)
    assert looks > 10 and len(listed) < looks / 2


class Others:
    """Everybody else who commits to the dataset: a board, and people with the client of the Hub."""

    def __init__(self, api: HfApi, board: HubStore, dice: random.Random) -> None:
        self.api, self.board, self.dice = api, board, dice

    def write(self) -> None:
        """The board writes, changes and deletes."""
        there = sorted(self.board.list())
        changes: dict[str, bytes | None] = {self.path(): self.content() for _ in range(self.dice.randint(1, 4))}
        self.board.commit(changes | dict.fromkeys(self.dice.sample(there, min(len(there), 2))), "ours")

    def add(self) -> None:
        """New files, or new contents."""
        paths = {self.path() for _ in range(self.dice.randint(1, 3))}
        self.commit(*(CommitOperationAdd(path, self.content()) for path in sorted(paths)))

    def move(self) -> None:
        """A file under another name."""
        if there := sorted(self.board.list()):
            old, new = self.dice.choice(there), self.path()
            content = self.board.read(old)[0]
            self.commit(*[CommitOperationDelete(old)] * (old != new), CommitOperationAdd(new, content))

    def remove(self) -> None:
        """A folder with everything in it."""
        if folders := sorted({path.rpartition("/")[0] for path in self.board.list()} - {""}):
            self.commit(CommitOperationDelete(self.dice.choice(folders), is_folder=True))

    def squash(self) -> None:
        """The history becomes one commit."""
        self.api.super_squash_history(self.board.repo_id, repo_type="dataset")

    def replace_a_folder(self) -> None:
        """A file has the name that a folder had, and a folder that of a file."""
        self.commit(CommitOperationAdd("a0/x.json", b"1"), CommitOperationAdd("file.json", b"1"))
        self.commit(CommitOperationDelete("a0", is_folder=True), CommitOperationDelete("file.json"))
        self.commit(CommitOperationAdd("a0", b"1"), CommitOperationAdd("file.json/x.json", b"1"))

    def commit(self, *operations: CommitOperationAdd | CommitOperationDelete) -> None:
        """With the unmodified client."""
        self.api.create_commit(self.board.repo_id, operations, commit_message="theirs", repo_type="dataset")

    def path(self) -> str:
        """Of a file that git keeps itself, or one for LFS."""
        folders = [f"{self.dice.choice('abc')}{level}" for level in range(self.dice.randint(0, 3))]
        return "/".join([*folders, self.dice.choice("xyz") + self.dice.choice([".json", ".bin"])])

    def content(self) -> bytes:
        """Often one that is somewhere already."""
        return b"content %d" % self.dice.randint(0, 20)


@pytest.mark.parametrize("told", [
    set(), {"tiny/org1/1.json"}, {"tiny/org1/1.json", "tiny/org2"}, {"tiny"}, {"tiny/org2/2.json/x"},
    {"tiny/org2", "tiny/org1/1.json", "tiny/org3/3.json"}, {"README.md"}, {"never/seen.json"}, {"/", "..", "a//b"},
])  # fmt: skip
def test_a_comparison_that_is_wrong_is_not_believed(
    open_store: Open, large: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, told: set[str]
) -> None:
    store = open_store()
    store.list()
    open_store().commit({path: None for path in large if "/org2/" in path}, "clear a folder")
    open_store().commit({"tiny/org1/1.json": b"new", "tiny/org2": b"a file where a folder was"}, "change")
    monkeypatch.setattr(HubRepo, "compared", lambda *_: told)
    looked(store)


@pytest.mark.parametrize(("kind", "question"), [("500", "compare"), ("429", "compare"), ("lost-answer", "paths-info")])
def test_trouble_with_comparing_is_no_trouble(
    served: localhub.Running, open_store: Open, large: dict[str, bytes], kind: str, question: str
) -> None:
    store = open_store()
    store.list()
    open_store().commit({"tiny/org1/1.json": b"new"}, "change")
    before = served.faults.counts[kind]
    served.faults.set([Fault(kind, path=f"/{question}/", seconds=3000)])
    looked(store)
    assert served.faults.counts[kind] == before + 1


def test_files_that_are_not_plain_are_listed(
    served: localhub.Running, open_store: Open, large: dict[str, bytes], tmp_path: Path
) -> None:
    store = open_store()
    store.list()
    bare, clone = served.hub.repos.get(Kind.DATASET, store.repo_id).folder, tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", bare, clone], check=True)
    for number in (1, 2):
        (clone / "tiny/org1/run.json").write_text(str(number))
        (clone / "tiny/org1/run.json").chmod(0o755)
        (clone / "tiny/org2/2.json").write_text(str(number))
        who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
        subprocess.run(["git", "-C", clone, "add", "."], check=True)
        subprocess.run(["git", "-C", clone, *who, "commit", "-q", "-m", "by git"], check=True)
        subprocess.run(["git", "-C", clone, "push", "-q", "origin", "main"], check=True)
        looked(store)
        assert store.list()["tiny/org1/run.json"] == blob_version(b"%d" % number)


# --- the Hub's lines


def test_the_paths_of_a_comparison() -> None:
    lines = [
        f"T 23\t:100644 100644 {ONE}... {TWO}... M\tapps/one file.rs",
        f"B 42\t:000000 100644 {ZEROS}... {ONE}... A\tnew/\u30d6\u30eb\u30fc (1).bin",
        f":100644 000000 {ONE} {ZEROS} D\tgone.json",
    ]
    assert compared_paths(lines, 3) == {"apps/one file.rs", "new/\u30d6\u30eb\u30fc (1).bin", "gone.json"}
    assert compared_paths(lines, 2) is None
    moved = [
        f"T 1\t:100644 100644 {ONE}... {TWO}... R086\ta.json\tb.json",
        f":100644 100644 {ONE} {TWO} C68\tc.json d.json",
    ]
    assert compared_paths(moved, 10) == {"a.json", "b.json", "c.json", "d.json"}
    assert compared_paths([], 10) == set()


@pytest.mark.parametrize("line", ["", "diff --git a/x b/x", "T 1\t:100644", f"T 1\t:1 2 {ONE} {TWO} M\tx", "<html>"])
def test_lines_that_say_something_else(line: str) -> None:
    assert compared_paths([f":100644 100644 {ONE} {TWO} M\tx", line], 10) is None
