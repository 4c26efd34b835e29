"""Content put in from Python: the same calls give the same commits, and git itself agrees."""

import errno
import os
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from localhub import Hub, objects
from localhub.errors import InvalidPath, LocalHubError, RepoNotFound, StaleParent
from localhub.names import Kind
from localhub.refs import MAIN

from .conftest import git
from .test_processes import REPOSITORY

DAY = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def seed(root: Path) -> list[str]:
    hub = Hub(root)
    first = hub.commit("org/tiny", {"config.json": "{}", "w/model.safetensors": b"\0" * 64}, "first", date=DAY)
    second = hub.commit("org/tiny", {"w": None, "README.md": "# é"}, "second", date=DAY, author="ada")
    return [first, second]


def test_the_same_seed_gives_the_same_commit_ids(tmp_path: Path) -> None:
    assert seed(tmp_path / "a") == seed(tmp_path / "b")


def test_git_reads_what_was_written(tmp_path: Path) -> None:
    first, second = seed(tmp_path)
    bare = Hub(tmp_path).repos.get(Kind.MODEL, "org/tiny").folder
    git("-C", bare, "fsck", "--strict")
    assert git("-C", bare, "rev-list", "main").split()[:2] == [second, first]
    git("clone", "-q", bare, tmp_path / "clone")
    assert (tmp_path / "clone" / "README.md").read_text() == "# é"
    assert "oid sha256:" in git("-C", bare, "show", f"{first}:w/model.safetensors")


def test_packed_and_loose_objects_read_alike(tmp_path: Path) -> None:
    hub = Hub(tmp_path)
    text = "".join(f"line {n}\n" for n in range(2000))
    for n in range(5):
        hub.commit("org/m", {"a/long.txt": f"{text}{n}", f"b/{n}.txt": str(n)}, f"{n}", date=DAY)
    repo = hub.repos.get(Kind.MODEL, "org/m")
    before = {row.path: repo.objects.read(row.oid) for row in _snapshot(hub).files()}
    git("-C", repo.folder, "gc", "-q", "--prune=now")
    assert not list((repo.folder / "objects").glob("??/*"))
    fresh = Hub(tmp_path).repos.get(Kind.MODEL, "org/m")
    assert {row.path: fresh.objects.read(row.oid) for row in _snapshot(hub).files()} == before
    after = hub.commit("org/m", {"c.txt": "new"}, "after", date=DAY)
    assert git("-C", repo.folder, "rev-parse", "main").strip() == after
    git("-C", repo.folder, "fsck", "--strict")


def test_reading_goes_on_while_git_packs_and_packs_again(tmp_path: Path) -> None:
    hub = Hub(tmp_path)
    hub.commit("org/m", {f"{n % 5}/{n}.txt": str(n) for n in range(60)}, date=DAY)
    bare = hub.repos.get(Kind.MODEL, "org/m").folder
    packed = threading.Event()
    wrong: list[object] = []

    def read() -> None:
        while not packed.is_set():
            try:
                texts = {row.path: _snapshot(hub).text(row.path) for row in _snapshot(hub).files() if "/" in row.path}
                wrong.extend(text for path, text in texts.items() if path != f"{int(text or 0) % 5}/{text}.txt")
            except LocalHubError as error:
                wrong.append(error)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for n in range(6):
        hub.commit("org/m", {f"{n % 5}/{n}.txt": str(n), "new.txt": str(n)}, date=DAY)
        git("-C", bare, "repack", "-adq")
        git("-C", bare, "pack-refs", "--all")
    packed.set()
    for reader in readers:
        reader.join()
    assert not wrong
    assert str(bare) not in Path("/proc/self/maps").read_text(), "packs that git has removed are still open"


def test_a_branch_that_git_moves_meanwhile_is_not_moved_back(tmp_path: Path) -> None:
    first, second = seed(tmp_path)
    repo = Hub(tmp_path).repos.get(Kind.MODEL, "org/tiny")
    git("-C", repo.folder, "update-ref", MAIN, first)
    with pytest.raises(StaleParent):
        repo.refs.move(MAIN, second, first)
    repo.refs.move(MAIN, first, second)
    assert git("-C", repo.folder, "rev-parse", "main").strip() == second


def test_gits_lock_of_a_branch_is_waited_for(tmp_path: Path) -> None:
    _, second = seed(tmp_path)
    repo = Hub(tmp_path).repos.get(Kind.MODEL, "org/tiny")
    lock = repo.folder / f"{MAIN}.lock"
    lock.write_text("")
    started = time.monotonic()
    threading.Timer(0.2, lock.unlink).start()
    made = Hub(tmp_path).commit("org/tiny", {"x": "1"}, parent=second)
    assert time.monotonic() - started >= 0.2
    lock.write_text("")
    os.utime(lock, (0, 0))
    Hub(tmp_path).commit("org/tiny", {"y": "1"}, parent=made)
    assert not lock.exists()


def test_a_name_that_git_refuses_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    _, second = seed(tmp_path)
    bare = Hub(tmp_path).repos.get(Kind.MODEL, "org/tiny").folder
    before = sorted(bare.rglob("*"))
    with pytest.raises(InvalidPath, match=r'"git~1"'):
        Hub(tmp_path).commit("org/tiny", {"new.txt": "new", "a/git~1/x": "x"})
    assert sorted(bare.rglob("*")) == before
    assert not list((tmp_path / "tmp").iterdir())
    assert git("-C", bare, "rev-parse", "main").strip() == second


def test_an_object_that_cannot_be_synced_is_not_moved_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seed(tmp_path)
    bare = Hub(tmp_path).repos.get(Kind.MODEL, "org/tiny").folder
    before = sorted(bare.rglob("*"))

    def broken_disk(path: Path) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))

    monkeypatch.setattr(objects, "fsync_file", broken_disk)
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        Hub(tmp_path).commit("org/tiny", {"new.txt": "new"})
    assert sorted(bare.rglob("*")) == before
    assert not list((tmp_path / "tmp").iterdir())


def test_a_folder_of_another_user_and_the_machines_git_configuration_change_nothing(tmp_path: Path) -> None:
    seed(tmp_path / "root")
    bare = Hub(tmp_path / "root").repos.get(Kind.MODEL, "org/tiny").folder
    (tmp_path / ".gitconfig").write_text("[core]\n\tcompression = nonsense\n[broken")
    try:
        for path in (bare, *bare.rglob("*")):
            os.chown(path, 12345, 12345)
    except PermissionError:
        pytest.skip("only root gives folders away")
    script = f"""
from pathlib import Path
from localhub import Hub
print(Hub(Path({str(tmp_path / "root")!r})).commit("org/tiny", {{"x": "1"}}))
"""
    code, environment = (
        [sys.executable, "-c", script],
        os.environ | {"HOME": str(tmp_path), "PYTHONPATH": str(REPOSITORY)},
    )
    made = subprocess.run(code, capture_output=True, text=True, env=environment, check=True).stdout.strip()
    assert (bare / "refs/heads/main").read_text().strip() == made


def test_whoever_waited_for_a_repo_that_is_gone_is_told(tmp_path: Path) -> None:
    hub = Hub(tmp_path)
    repo = hub.create_repo("o/r")
    hub.repos.delete(hub.repos.get(Kind.MODEL, "o/r"))
    with pytest.raises(RepoNotFound), repo.lock():
        raise AssertionError("the lock of a repo that is gone was given")


def _snapshot(hub: Hub):  # type: ignore[no-untyped-def]
    from localhub.trees import Snapshot

    repo = hub.repos.get(Kind.MODEL, "org/m")
    return Snapshot(repo, repo.refs.resolve("main"))


def test_a_stale_parent_is_refused(tmp_path: Path) -> None:
    first, _ = seed(tmp_path)
    with pytest.raises(StaleParent):
        Hub(tmp_path).commit("org/tiny", {"x": "1"}, parent=first)


@pytest.mark.parametrize(
    "path", ["../x", "/x", "a//b", "a/./b", ".git/config", "a/.GIT/x", "a\\b", "", "a\nb", "x/" * 200]
)
def test_hostile_paths_are_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(InvalidPath):
        Hub(tmp_path).commit("org/m", {path: "x"})
