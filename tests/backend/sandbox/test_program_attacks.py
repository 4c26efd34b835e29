"""Programs that are hostile on purpose: each is held, ended, and leaves nothing behind but what it may."""

from __future__ import annotations

import ctypes
import json
import os
import secrets
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backend.sandbox.programs import Mount, Program
from leaderboard.results.terminal import shown_text
from tests.backend.observer import Observer
from tests.backend.sandbox.conftest import WALL_S, Place, by_anybody

LIBC = ctypes.CDLL(None, use_errno=True)


@pytest.fixture
def targets(tmp_path: Path) -> Iterator[dict[str, Any]]:
    """Everything that a probe may aim at, alive for as long as the test lasts."""
    secret, name, key = secrets.token_hex(16), secrets.token_hex(8), secrets.randbits(30) | 1
    shared = Path(f"/dev/shm/podium-{name}")
    shared.write_text(secret)
    labels = tmp_path / "private" / "labels.csv"
    labels.parent.mkdir()
    labels.write_text(secret)
    LIBC.shmget(key, 4096, 0o1666)
    with (
        socket.create_server(("0.0.0.0", 0)) as service,
        socket.socket(socket.AF_UNIX) as abstract,
        socket.socket(socket.AF_UNIX) as listener,
    ):
        abstract.bind(f"\0podium-{name}")
        listener.bind(str(tmp_path / "socket"))
        for server in (abstract, listener):
            server.listen()
        yield {
            "labels": str(labels), "folder": str(tmp_path), "home": str(Path.home()), "secret": secret[::-1],
            "port": service.getsockname()[1], "address": own_address(), "abstract": f"\0podium-{name}",
            "socket": str(tmp_path / "socket"), "shm": key, "shared_memory": str(shared), "pid": os.getpid(),
        }  # fmt: skip
    LIBC.shmctl(LIBC.shmget(key, 0, 0), 0, None)
    shared.unlink()
    (tmp_path / "socket").unlink()


def own_address() -> str:
    """This machine's address on its network; the loopback one where it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        try:
            client.connect(("192.0.2.1", 9))
        except OSError:
            return "127.0.0.1"
        address: str = client.getsockname()[0]
        return address


@by_anybody
def test_every_probe_is_held(targets: dict[str, Any], place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", targets["secret"][::-1])
    labels = Path(targets["labels"])
    with Observer(labels, labels.parent) as observer:
        ended = place.run("probes", targets)
        touched = observer.seen()
    assert (ended.code, ended.reason) == (0, ""), place.log.read_text()
    outcomes = json.loads((place.output / "outcomes.json").read_text())
    assert len(outcomes) > 75 and not [name for name, held in outcomes.items() if held is None]
    assert not touched
    assert (place.folder / "input" / "data").read_text() == "data"


@by_anybody
def test_a_fork_bomb_stops_at_the_limit(place: Place) -> None:
    ended = place.run("forks", processes=20)
    assert ended.reason == "process_limit" and ended.seconds < WALL_S


@by_anybody
def test_memory_of_all_processes_together_is_limited(place: Place) -> None:
    ended = place.run("memory", memory_bytes=128 << 20)
    assert ended.reason == "memory_limit" and ended.seconds < WALL_S
    assert ended.peak_bytes >= 100 << 20


@by_anybody
def test_a_folder_takes_what_it_may_also_in_files_without_a_name(place: Place) -> None:
    ended = place.run("disk", disk_bytes=8 << 20)
    assert ended.code == 1 and "OSError" in place.log.read_text()
    assert list(place.output.iterdir()) == []


def test_temporary_files_are_limited(place: Place) -> None:
    assert place.run("shared_memory", tmp_bytes=4 << 20).code == 0
    assert [int(line) for line in place.log.read_text().split()] == [4 << 20, 4 << 20]


@by_anybody
def test_the_number_of_files_is_limited(place: Place) -> None:
    ended = place.run("inodes", disk_files=500)
    assert ended.reason == "disk_limit"
    assert all(400 < int(line) <= 500 for line in place.log.read_text().split())


def test_of_a_long_log_the_beginning_and_the_end_are_kept(place: Place) -> None:
    assert place.run("flood", log_bytes=100_000).code == 0
    log = place.log.read_text()
    assert len(log) < 101_000 and "bytes of the log were left out here" in log and log.endswith("\nthe end\n")
    shown = shown_text(log)
    assert "\x1b" not in shown and "owned" not in shown and shown.startswith("the beginning\n")


@by_anybody
def test_a_program_that_ignores_what_asks_it_to_end_is_killed(place: Place) -> None:
    ended = place.run("stubborn", wall_seconds=0.7)
    assert ended.reason == "wall_limit" and place.log.read_text() == "deaf\n"
    assert 1.7 <= ended.seconds < WALL_S


@by_anybody
@pytest.mark.parametrize("name", ["daemon", "kill_everything"])
def test_what_a_program_leaves_running_ends_with_it(place: Place, name: str) -> None:
    ended = place.run(name)
    assert ended.reason == "" and ended.seconds < WALL_S


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("links", "'scores.json' is a symbolic link; only plain files and folders are collected."),
        ("hard_links", "'a' is a file with several names (a hard link); write a copy instead."),
        ("deep", "Folders are nested more than 32 deep"),
        ("names", r"The name '\x1b[1A\x1b[2Kall is well' contains characters that cannot be shown."),
    ],
)
def test_an_output_that_is_no_plain_tree_is_not_collected(place: Place, name: str, why: str) -> None:
    ended = place.run(name, {"labels": "/etc/passwd"})
    assert ended.reason == "output_refused" and why in ended.message
    assert list(place.output.iterdir()) == []


def test_folders_that_nobody_may_list_are_in_nobody_s_way(place: Place) -> None:
    ended = place.run("closed")
    assert ended.code == 0
    assert {path.name for path in place.output.iterdir()} <= {"closed", "unreadable"}


def test_modules_are_left_for_nobody(place: Place) -> None:
    """What comes after has its own /tmp and home folder, and imports from its own folder and the system only."""
    assert place.run("modules").code == 0
    assert (place.output / "sitecustomize.py").exists()
    scorer = place.folder / "scorer"
    scorer.mkdir()
    (scorer / "score.py").write_text("import json, numpy; print(json.__file__, numpy.__file__)")
    mounts = (Mount(scorer, "/app/program"), Mount(place.output, "/app/input/res"))
    log = place.folder / "scorer.txt"
    ended = place.runner(Program(("python3", "/app/program/score.py"), mounts, "/app/input/res", {}, 30, 1 << 30, log))
    assert ended.code == 0 and "taken over" not in log.read_text(), log.read_text()
