"""A board in plain files and back, in both stores; what is damaged is refused, and nothing is half-written."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

import localhub
from leaderboard.backup.manifest import NAME, read_manifest, verify
from leaderboard.backup.restore import restore
from leaderboard.backup.save import save
from leaderboard.cli.__main__ import app
from leaderboard.community.flags import FlagList
from leaderboard.community.votes import Votes
from leaderboard.errors import BadBackup, Infrastructure
from leaderboard.opening import Stores
from leaderboard.records import Request, Status
from leaderboard.service import Service
from leaderboard.stores.local import LocalStore
from tests.golden_board import GOLDEN, PRIVATE_FILES, fill, open_board

Maker = Callable[[str], Service]


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[localhub.Running]:
    with localhub.running(tmp_path_factory.mktemp("hub")) as running:
        for name in ("first", "second"):
            running.hub.accounts.add_user(name, token=f"hf_{name}")
        yield running


@pytest.fixture(params=["local", "hub"])
def board(request: pytest.FixtureRequest, hub: localhub.Running, tmp_path: Path) -> Maker:
    """Opens a board in one kind of store: `first` or `second`."""

    def make(name: str) -> Service:
        more = {"store": "hub", "hub_endpoint": hub.endpoint, "hub_namespace": name, "hub_token": f"hf_{name}"}
        return open_board(tmp_path / name, **(more if request.param == "hub" else {}))

    return make


def everything(stores: Stores) -> dict[str, bytes]:
    """Path -> content of all that the two main stores hold but datasets' cards."""
    return {
        path: content
        for store in (stores.requests, stores.results)
        for path, content, _ in store.read_many(store.list())
        if path != "README.md"
    }


def test_a_board_comes_back_as_it_was(board: Maker, tmp_path: Path) -> None:
    first = board("first")
    if not first.queue.view().requests:
        fill(first)
    save(first.stores, first.settings.store, tmp_path / "backup")
    second = board("second")
    restore(second.stores, second.settings.store, tmp_path / "backup")
    again = board("second")
    assert everything(again.stores) == everything(first.stores)
    [block] = again.results.list("tiny")
    assert again.results.tasks(block) == first.results.tasks(block)
    path = again.results.path_of(block)
    assert again.stores.details.read(path, "tiny_sums") == first.stores.details.read(path, "tiny_sums")
    check_board(again)


def test_a_board_that_is_not_empty_is_replaced_only_when_that_is_said(tmp_path: Path) -> None:
    first, second = open_board(tmp_path / "first"), open_board(tmp_path / "second")
    fill(first)
    save(first.stores, "local", tmp_path / "backup")
    other = second.queue.submit(Request(model="org/other", revision="c" * 40, benchmark="tiny", precision="float32"))
    with pytest.raises(BadBackup, match="not empty: it has 1 files"):
        restore(second.stores, "local", tmp_path / "backup")
    assert [request.id for request in second.queue.view().requests] == [other.id]
    restore(second.stores, "local", tmp_path / "backup", replace=True)
    assert everything(second.stores) == everything(first.stores)


@pytest.mark.parametrize("damage", ["changed", "missing", "added", "link", "outside"])
def test_a_damaged_backup_is_refused_before_anything_is_written(tmp_path: Path, damage: str) -> None:
    first, second = open_board(tmp_path / "first"), open_board(tmp_path / "second")
    fill(first)
    folder = tmp_path / "backup"
    save(first.stores, "local", folder)
    place = next((folder / "requests" / "tiny").rglob("*.json"))
    if damage == "changed":
        place.write_bytes(place.read_bytes().replace(b'"ada"', b'"eve"'))
    elif damage == "missing":
        place.unlink()
    elif damage == "added":
        place.with_name("more.json").write_text("{}")
    elif damage == "link":
        shutil.move(place, tmp_path / "elsewhere")
        place.symlink_to(tmp_path / "elsewhere")
    else:
        manifest = json.loads((folder / NAME).read_text())
        manifest["files"]["requests/../../evil"] = {"sha256": "0", "bytes": 0}
        (folder / NAME).write_text(json.dumps(manifest))
    with pytest.raises(BadBackup, match="is damaged"):
        restore(second.stores, "local", folder)
    assert everything(second.stores) == {}


def test_what_is_no_backup_of_this_board_is_refused_with_a_sentence(tmp_path: Path) -> None:
    service = open_board(tmp_path / "board")
    save(service.stores, "local", tmp_path / "backup")
    with pytest.raises(BadBackup, match="is no backup"):
        read_manifest(tmp_path)
    with pytest.raises(BadBackup, match="PODIUM_STORE=local; here it is hub"):
        restore(service.stores, "hub", tmp_path / "backup")
    with pytest.raises(BadBackup, match="not empty"):
        save(service.stores, "local", tmp_path / "backup")
    place = tmp_path / "backup" / NAME
    place.write_text(place.read_text().replace('"format": 2', '"format": 99'))
    with pytest.raises(BadBackup, match="in format 99; this Podium reads 2"):
        read_manifest(tmp_path / "backup")


def test_a_backup_that_fails_leaves_nothing(tmp_path: Path) -> None:
    class Broken(LocalStore):
        def list(self, prefix: str = "") -> dict[str, str]:
            raise Infrastructure("The folder cannot be read.")

    service = open_board(tmp_path / "board")
    fill(service)
    broken = Stores(service.stores.requests, Broken(tmp_path / "broken"), service.stores.details)
    (tmp_path / "backups").mkdir()
    with pytest.raises(Infrastructure):
        save(broken, "local", tmp_path / "backups" / "today")
    assert list((tmp_path / "backups").iterdir()) == []


def test_a_restore_that_cannot_be_written_changes_nothing(tmp_path: Path) -> None:
    class Full(LocalStore):
        def _write(self, changes: object) -> None:
            raise OSError(28, "No space left on device")

    first = open_board(tmp_path / "first")
    fill(first)
    save(first.stores, "local", tmp_path / "backup")
    target = Stores(LocalStore(tmp_path / "a"), Full(tmp_path / "b"), first.stores.details)
    with pytest.raises(Infrastructure, match="No space left"):
        restore(target, "local", tmp_path / "backup")
    assert everything(target) == {}


# --- the private folder


@pytest.fixture
def private(tmp_path: Path) -> Path:
    """A private folder as a service leaves it, with an upload under way and a benchmark's data behind a link."""
    root = tmp_path / "private"
    files = {
        "artifacts/ab/ab12": (b"weights", 0o600),
        "artifacts/.0123456789abcdef": (b"half", 0o600),
        "uploads/ada/1.part": (b"under way", 0o600),
        "results/0123456789abcdef-1/hidden_scores.json": (b"{}", 0o640),
        "versions/tiny/v2/labels.csv": (b"1,0", 0o644),
        "versions/tiny/v1/labels.csv": (b"0,1", 0o644),
    }
    for path, (content, mode) in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
        (root / path).chmod(mode)
    (root / "results").chmod(0o750)
    (root / "benchmarks").mkdir()
    (root / "benchmarks" / "tiny").symlink_to("../versions/tiny/v2")
    return root


def files_of(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        place.relative_to(folder).as_posix(): (place.read_bytes(), place.stat().st_mode & 0o777)
        for place in folder.rglob("*")
        if place.is_file()
    }


KEPT = {
    "artifacts/ab/ab12": (b"weights", 0o600),
    "results/0123456789abcdef-1/hidden_scores.json": (b"{}", 0o640),
    "benchmarks/tiny/labels.csv": (b"1,0", 0o644),
}


def test_private_files_come_back_with_their_modes_and_are_the_operators_alone_in_between(
    board: Maker, private: Path, tmp_path: Path
) -> None:
    first, folder = board("first"), tmp_path / "backup"
    save(first.stores, first.settings.store, folder, private)
    part = folder / "private"
    assert {place.stat().st_mode & 0o777 for place in part.rglob("*") if place.is_file()} == {0o600}
    assert {place.stat().st_mode & 0o777 for place in (part, *part.rglob("*")) if place.is_dir()} == {0o700}
    public = (folder / NAME).read_text()
    assert not [path for path in KEPT if path in public]
    second, target = board("second"), tmp_path / "new" / "private"
    restore(second.stores, second.settings.store, folder, replace=True, private=target)
    assert files_of(target) == KEPT
    assert (target.stat().st_mode & 0o777, (target / "results").stat().st_mode & 0o777) == (0o700, 0o750)
    stored = {**everything(second.stores)}
    assert not any(b"weights" in content or content == b"1,0" for content in stored.values())


def test_private_files_are_replaced_only_when_that_is_said(private: Path, tmp_path: Path) -> None:
    first, second = open_board(tmp_path / "first"), open_board(tmp_path / "second")
    save(first.stores, "local", tmp_path / "backup", private)
    (private / "artifacts" / "ab" / "ab12").write_bytes(b"other")
    (private / "artifacts" / "ab" / "more").write_bytes(b"more")
    with pytest.raises(BadBackup, match="not empty: it has 4 files"):
        restore(second.stores, "local", tmp_path / "backup", private=private)
    assert (private / "artifacts" / "ab" / "ab12").read_bytes() == b"other"
    restore(second.stores, "local", tmp_path / "backup", private=private, replace=True)
    there = files_of(private)
    left = {"uploads/ada/1.part", "artifacts/.0123456789abcdef", *(path for path in there if path[:8] == "versions")}
    assert {path: file for path, file in there.items() if path not in left} == KEPT
    assert (private / "uploads" / "ada" / "1.part").exists(), "uploads under way stay"
    assert (private / "versions" / "tiny" / "v2" / "labels.csv").exists(), "nothing is written through the link"


@pytest.mark.parametrize(
    ("damage", "words"),
    [("changed", "has changed"), ("added", "is not in"), ("gone", "--without-private"), ("outside", "another backup")],
)
def test_a_damaged_private_part_is_refused_before_anything_is_written(
    private: Path, tmp_path: Path, damage: str, words: str
) -> None:
    first, second = open_board(tmp_path / "first"), open_board(tmp_path / "second")
    fill(first)
    part, target = tmp_path / "backup" / "private", tmp_path / "target"
    save(first.stores, "local", tmp_path / "backup", private)
    if damage == "changed":
        (part / "files" / "artifacts" / "ab" / "ab12").write_bytes(b"WEIGHTS")
    elif damage == "added":
        (part / "files" / "more").write_bytes(b"")
    elif damage == "gone":
        shutil.rmtree(part)
    else:
        (part / NAME).write_text((part / NAME).read_text().replace("artifacts/ab/ab12", "../../evil"))
    with pytest.raises(BadBackup, match=words):
        restore(second.stores, "local", tmp_path / "backup", private=target)
    assert everything(second.stores) == {} and not target.exists()
    restore(second.stores, "local", tmp_path / "backup")
    assert everything(second.stores) == everything(first.stores) and not target.exists()


def test_a_link_in_the_private_folder_is_named(private: Path, tmp_path: Path) -> None:
    (private / "artifacts" / "passwd").symlink_to("/etc/passwd")
    with pytest.raises(BadBackup, match="artifacts/passwd is a symbolic link"):
        save(open_board(tmp_path / "first").stores, "local", tmp_path / "backup", private)
    assert not (tmp_path / "backup").exists()


def test_the_command_saves_private_files_unless_told_otherwise(
    private: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_board(tmp_path / "first")
    settings = open_board(tmp_path / "first").settings.model_copy(update={"private_dir": private})
    monkeypatch.setattr("leaderboard.settings.load_settings", lambda: settings)
    ran = CliRunner().invoke(app, ["backup", str(tmp_path / "all")])
    assert ran.exit_code == 0 and "keep it to yourself" in ran.output and (tmp_path / "all" / "private").is_dir()
    ran = CliRunner().invoke(app, ["backup", str(tmp_path / "public"), "--without-private"])
    assert ran.exit_code == 0 and not (tmp_path / "public" / "private").exists()
    shutil.rmtree(private)
    ran = CliRunner().invoke(app, ["restore", str(tmp_path / "all"), "--replace"])
    assert ran.exit_code == 0 and files_of(private) == KEPT
    ran = CliRunner().invoke(app, ["restore", str(tmp_path / "public"), "--check"])
    assert ran.exit_code == 0 and "is whole" in ran.output
    shutil.rmtree(private)
    ran = CliRunner().invoke(app, ["backup", str(tmp_path / "none")])
    assert ran.exit_code == 0 and not (tmp_path / "none" / "private").exists(), "there is nothing to save"


# --- files of earlier versions


@pytest.mark.parametrize("folder", sorted(GOLDEN.glob("backup-*")), ids=lambda folder: folder.name)
def test_what_earlier_versions_wrote_is_read(folder: Path, tmp_path: Path) -> None:
    verify(folder, read_manifest(folder))
    service, private = open_board(tmp_path / "board"), tmp_path / "private"
    restore(service.stores, "local", folder, private=private)
    check_board(service)
    there = {path: content for path, (content, _) in files_of(private).items()}
    assert there == ({} if folder.name == "backup-1" else PRIVATE_FILES)


def test_there_is_a_golden_backup() -> None:
    assert list(GOLDEN.glob("backup-*"))


def check_board(service: Service) -> None:
    """That everything on the board of `tests.golden_board` can be read and worked with."""
    view = service.queue.view()
    assert not view.set_aside
    states = {request.model.partition("/")[2]: request.status for request in view.requests}
    assert states == {
        "waits": Status.PENDING,
        "runs": Status.RUNNING,
        "finished": Status.FINISHED,
        "failed": Status.FAILED,
        "cancelled": Status.CANCELLED,
    }
    by_name = {request.model.partition("/")[2]: request for request in view.requests}
    assert Votes(service.queue).of(by_name["waits"]).names() == ["bob"] and by_name["waits"].votes == 2
    assert by_name["failed"].failure and by_name["failed"].failure.code == "out_of_memory"
    assert service.logs.read(by_name["finished"].id) == "All went well."
    [block] = service.results.list("tiny")
    assert block.request_id == by_name["finished"].id and block.average == 50.0
    assert [worker.worker for worker in service.workers()] == ["w1"]
    listed: FlagList = service.flag_desk.flags.listed()
    [flag] = listed.flags
    assert flag.flagged and service.flag_desk.flags.get(flag.id).history[-1].note == "It is."
    discussion = service.discussions.get("flags", flag.id)
    assert discussion is not None and "I do not think so." in {comment.text for comment in discussion.comments}
    assert service.policies.rules("tiny").refusal("org/other") is not None
    assert len(service.contents.frame("tiny")) == 1
    claimed = service.queue.claim_next("w2", 60.0)
    assert claimed is not None and claimed.model == "org/waits"
