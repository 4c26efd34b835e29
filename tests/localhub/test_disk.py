"""A disk that is really full, and processes that are really killed: nothing is left behind, and everything goes on."""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from huggingface_hub import CommitOperationAdd, HfApi
from huggingface_hub.errors import HfHubHTTPError

import localhub
from localhub import Hub, refs
from localhub.errors import LocalHubError
from localhub.names import Kind

from .conftest import git
from .test_files import arriving, becomes
from .test_processes import REPOSITORY, process

MEGABYTE = 1 << 20
PAGE = os.sysconf("SC_PAGE_SIZE")
ADA = {"Authorization": "Bearer hf_ada"}
SENTENCE = "The disk of this Hub is full"


def in_small_disk(folder: Path, size: str) -> list[str]:
    """A command that runs another one with a file system of its own, of `size`, at `folder`."""
    unshare, mount = ["unshare", "--user", "--map-root-user", "--mount"], ["mount", "-t", "tmpfs", "-o", f"size={size}"]
    tried = subprocess.run([*unshare, *mount, "tmpfs", str(folder)], capture_output=True, text=True)
    if tried.returncode:
        pytest.skip(f"this machine mounts no small disk: {tried.stderr.strip()}")
    script = f'{" ".join(mount)} tmpfs "$1" && shift && exec "$@"'
    return [*unshare, "sh", "-c", script, "sh", str(folder)]


class SmallDisk:
    """The file system that only a served process sees."""

    def __init__(self, server: subprocess.Popen[str], root: Path) -> None:
        self.root = Path(f"/proc/{server.pid}/root{root}")

    def free(self) -> int:
        state = os.statvfs(self.root)
        return state.f_bfree * state.f_bsize

    @contextmanager
    def full(self, leaving: int) -> Iterator[None]:
        """Filled but for `leaving` bytes by a file of somebody else; what is written meanwhile leaves nothing."""
        filler = self.root / "filler"
        filler.write_bytes(bytes(self.free() - leaving))
        before = self.free()
        try:
            yield
            assert self.free() >= before
            assert not list((self.root / "tmp").iterdir())
        finally:
            filler.unlink()


def error_507(call: Callable[[], object]) -> str:
    """What the client says of an answer 507; of large files it says it in the error's cause."""
    with pytest.raises((HfHubHTTPError, RuntimeError)) as caught:
        call()
    error = caught.value if isinstance(caught.value, HfHubHTTPError) else caught.value.__cause__
    assert isinstance(error, HfHubHTTPError)
    assert error.response.status_code == 507
    return str(error)


def test_a_full_disk_is_told_and_recovered_from(tmp_path: Path) -> None:
    root = tmp_path / "hub"
    root.mkdir()
    with process(root, "--token", "ada=hf_ada", inside=in_small_disk(root, "8m")) as (endpoint, server):
        disk, api = SmallDisk(server.process, root), HfApi(endpoint=endpoint, token="hf_ada")
        noise = os.urandom(MEGABYTE)
        for name in ("ada/m", "ada/spare"):
            api.create_repo(name)
        api.upload_file(path_or_fileobj=noise, path_in_repo="old.bin", repo_id="ada/spare")
        head = api.model_info("ada/m").sha
        num = api.create_pull_request("ada/m", "A proposal").num
        pull = f"refs/pr/{num}"

        def commit(sizes: dict[str, int], **where: Any) -> None:
            operations = [CommitOperationAdd(path, noise[:size].hex().encode()) for path, size in sizes.items()]
            api.create_commit("ada/m", operations, commit_message="Add files", **where)

        files = {f"{n}.txt": 30_000 * n for n in range(1, 5)}
        calls: list[tuple[int, Callable[[], object]]] = [
            (100_000, lambda: commit(files)),
            (100_000, lambda: commit(files, create_pr=True)),
            (100_000, lambda: api.upload_file(path_or_fileobj=noise[1:], path_in_repo="w.bin", repo_id="ada/m")),
            (3 * PAGE, lambda: commit({"small.txt": 9}, revision=pull)),  # objects fit, the discussion does not
            (4 * PAGE, lambda: commit({"small.txt": 9}, revision=pull)),  # nor the reference
            (0, lambda: api.create_branch("ada/m", branch="snapshot")),
            (0, lambda: api.create_discussion("ada/m", "A question", description="why?")),
            (0, lambda: api.update_repo_settings("ada/m", gated="auto")),
            (0, lambda: api.move_repo("ada/m", "ada/moved")),
            (0, lambda: api.create_repo("ada/new")),
        ]
        for leaving, call in calls:
            with disk.full(leaving):
                assert SENTENCE in error_507(call)
                assert api.model_info("ada/m").sha == head
        assert [discussion.title for discussion in api.get_repo_discussions("ada/m")] == ["A proposal"]
        assert [event.type for event in api.get_discussion_details("ada/m", num).events] == ["comment"]
        with disk.full(0):
            filled = disk.root / "filler"
            api.delete_repo("ada/spare")
            assert disk.free() > MEGABYTE
            filled.write_bytes(bytes(filled.stat().st_size + disk.free()))
        for _, call in calls:
            call()
        copy = shutil.copytree(disk.root / "repos/models/ada/moved.git", tmp_path / "copy.git")
        git("-C", copy, "fsck", "--strict")
        assert api.list_repo_files("ada/moved") == [".gitattributes", *(f"{n}.txt" for n in range(1, 5)), "w.bin"]


def test_a_server_that_cannot_start_on_a_full_disk_says_so(tmp_path: Path) -> None:
    command = [*in_small_disk(tmp_path, "4k"), sys.executable, "-m", "localhub", "--root", str(tmp_path), "--port", "0"]
    ended = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert ended.returncode == 1
    assert re.search(r"localhub: cannot serve .*No space left on device", ended.stderr)
    assert "Traceback" not in ended.stderr


def start_upload(endpoint: str, content: bytes) -> HTTPConnection:
    """Send the first half of a large file."""
    oid = hashlib.sha256(content).hexdigest()
    batch = {"operation": "upload", "objects": [{"oid": oid, "size": len(content)}]}
    answer = httpx.post(f"{endpoint}/ada/m.git/info/lfs/objects/batch", json=batch, headers=ADA).json()
    address = urlsplit(answer["objects"][0]["actions"]["upload"]["href"])
    connection = HTTPConnection(str(address.hostname), address.port)
    connection.putrequest("PUT", f"{address.path}?{address.query}")
    connection.putheader("Content-Length", str(len(content)))
    connection.endheaders(content[: len(content) // 2])
    return connection


def test_what_a_killed_server_left_is_removed_and_what_another_writes_is_not(tmp_path: Path) -> None:
    content = os.urandom(MEGABYTE)

    with localhub.running(tmp_path, tokens={"ada": "hf_ada"}) as alive:
        alive.hub.create_repo("ada/m")
        with (
            process(tmp_path) as (endpoint, killed),
            closing(start_upload(endpoint, content + b"killed")),
            closing(start_upload(alive.endpoint, content)) as upload,
        ):
            assert becomes(lambda: len(arriving(tmp_path)) == 2)
            killed.process.kill()
            killed.process.wait()
            assert len(arriving(tmp_path)) == 2
            localhub.create_app(tmp_path)
            assert len(arriving(tmp_path)) == 1
            upload.send(content[len(content) // 2 :])
            assert upload.getresponse().status == 200
        repo = alive.hub.repos.get(Kind.MODEL, "ada/m")
        assert repo.lfs.size(hashlib.sha256(content).hexdigest()) == len(content)
    assert not list((tmp_path / "tmp").iterdir())


def killed_in(root: Path, script: str) -> None:
    """Run Python that ends by `die()`, as the kernel ends it on kill -9."""
    start = f"""
    import os, signal, sys
    from pathlib import Path
    from localhub import Hub
    from localhub.drafts import Drafts
    from localhub.names import Kind
    hub = Hub(Path({str(root)!r}))
    def die(*arguments, **options): os.kill(os.getpid(), signal.SIGKILL)
    """
    code = textwrap.dedent(start) + textwrap.dedent(script)
    ended = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr


KILLED_WHILE_MAIN_IS_LOCKED = """
    Drafts.write = die
    hub.commit("o/r", {"lost.txt": "lost"})
    """


def test_the_lock_of_a_killed_process_is_recognised_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = Hub(tmp_path)
    hub.commit("o/r", {"kept.txt": "kept"})
    bare = hub.repos.get(Kind.MODEL, "o/r").folder
    monkeypatch.setattr(refs, "_LOCK_WAIT", 0.2)
    killed_in(tmp_path, KILLED_WHILE_MAIN_IS_LOCKED)
    assert list((bare / "refs").rglob("*.lock"))
    oid = hub.commit("o/r", {"after.txt": "after"})
    assert git("-C", bare, "rev-parse", "main").strip() == oid
    assert not list((bare / "refs").rglob("*.lock"))
    git("-C", bare, "fsck", "--strict")


@pytest.mark.parametrize("moved_in", [0, 2])
def test_a_process_killed_while_it_writes_objects_leaves_none_that_are_not_whole(tmp_path: Path, moved_in: int) -> None:
    hub = Hub(tmp_path)
    hub.commit("o/r", {"kept.txt": "kept"})
    bare = hub.repos.get(Kind.MODEL, "o/r").folder
    script = f"""
    from localhub import objects
    move, moved = objects.move_into_place, []
    def counting(source, target):
        die() if len(moved) == {moved_in} else moved.append(move(source, target))
    objects.move_into_place = counting
    hub.commit("o/r", {{"a.txt": "a", "b.txt": "b"}})
    """
    before = set(objects_of(bare))
    killed_in(tmp_path, script)
    assert len(set(objects_of(bare)) - before) == moved_in
    assert list((tmp_path / "tmp").glob("*.folder/??/*"))
    localhub.create_app(tmp_path)
    assert not list((tmp_path / "tmp").iterdir())
    git("-C", bare, "fsck", "--strict")
    assert "garbage: 0" in git("-C", bare, "count-objects", "-v")
    oid = hub.commit("o/r", {"a.txt": "a", "b.txt": "b"})
    assert git("-C", bare, "rev-parse", "main").strip() == oid
    git("-C", bare, "fsck", "--strict")


def objects_of(bare: Path) -> list[str]:
    return [path.parent.name + path.name for path in (bare / "objects").glob("??/*")]


def test_a_start_removes_what_a_killed_process_left(tmp_path: Path) -> None:
    hub = Hub(tmp_path)
    first = hub.commit("o/r", {"kept.txt": "kept"})
    bare = hub.repos.get(Kind.MODEL, "o/r").folder
    half_made = """
    hub.repos.get(Kind.MODEL, "o/r").lfs.receive("a" * 64).write(b"half of a large file")
    new_repo = hub.repos.drafts.folder()
    (new_repo.__enter__() / "objects").mkdir()
    """
    killed_in(tmp_path, half_made + KILLED_WHILE_MAIN_IS_LOCKED)
    (tmp_path / "repos" / ".trash-half" / "objects").mkdir(parents=True)
    assert len(list((tmp_path / "tmp").iterdir())) == 3
    with pytest.raises(subprocess.CalledProcessError):
        git("-C", bare, "update-ref", "refs/heads/main", f"{first}~")
    localhub.create_app(tmp_path)
    assert not list((tmp_path / "tmp").iterdir())
    assert not list((tmp_path / "repos").glob(".trash-*"))
    git("-C", bare, "update-ref", "refs/heads/main", f"{first}~")


def test_the_lock_of_git_itself_is_respected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = Hub(tmp_path)
    lock = hub.create_repo("o/r").folder / "refs/heads/main.lock"
    lock.write_text("")
    monkeypatch.setattr(refs, "_LOCK_WAIT", 0.05)
    with pytest.raises(LocalHubError, match="locked by git") as caught:
        hub.commit("o/r", {"x": "1"})
    assert caught.value.status == 503
    localhub.create_app(tmp_path)
    assert lock.exists()


def test_a_move_that_was_killed_can_be_made_again(tmp_path: Path) -> None:
    hub = Hub(tmp_path)
    hub.commit("o/Old", {"x.txt": "1"})
    script = """
    from localhub.names import RepoName
    Path.rename = die
    hub.repos.move(hub.repos.get(Kind.MODEL, "o/Old"), RepoName.parse(Kind.MODEL, "o/New"))
    """
    killed_in(tmp_path, script)
    assert json.loads((tmp_path / "repos/models/o/old.git/localhub/repo.json").read_text())["id"] == "o/New"
    with localhub.running(tmp_path, tokens={"o": "hf_o"}) as served:
        api = HfApi(endpoint=served.endpoint, token="hf_o")
        assert api.model_info("o/Old").id == "o/old"
        api.move_repo("o/Old", "o/New")
        assert api.model_info("o/Old").id == "o/New"
        assert "x.txt" in api.list_repo_files("o/New")
