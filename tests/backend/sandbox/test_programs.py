"""What a program gets, and what is said of its end."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backend.sandbox import bubblewrap, programs
from backend.sandbox.programs import CollectRefused, Ended, Mount, Program, collect, missing, problem, run, start
from tests.backend.sandbox.ordinary_user import run_as_ordinary_user

SHORT = {"cwd": "/tmp", "environment": {}, "wall_seconds": 30, "memory_bytes": 512 << 20}


@pytest.fixture
def folder(sandbox: None, tmp_path: Path) -> Path:
    tmp_path.chmod(0o755)
    return tmp_path


def program(folder: Path, *command: str, mounts: tuple[Mount, ...] = (), descriptors: tuple[int, ...] = ()) -> Program:
    return Program(command, mounts, log=folder / "log", descriptors=descriptors, **SHORT)


def test_python_is_this_environment_s_by_both_names(folder: Path) -> None:
    says = "import sys, numpy; print(sys.prefix, numpy.__version__)"
    for name in ("python", "python3"):
        assert run(program(folder, name, "-c", says)).code == 0
    import numpy

    shown = Path(program(folder).log).read_text().split()
    assert shown[1::2] == [numpy.__version__] * 2
    assert Path(shown[0]).name == Path(sys.prefix).name


def test_a_private_pipe_is_inherited_at_its_number_and_closed_with_the_program(folder: Path) -> None:
    reading, writing = os.pipe()
    running = start(
        program(
            folder, "python", "-c", f"import os; print('noise'); os.write({writing}, b'answer')", descriptors=(writing,)
        )
    )
    os.close(writing)
    with os.fdopen(reading, "rb") as answers:
        assert answers.read() == b"answer"  # to its end
    ended = running.wait()
    assert (ended.code, ended.reason) == (0, "") and ended.seconds < 30
    assert (folder / "log").read_text() == "noise\n"


def test_bubblewrap_is_told_of_devices_after_the_usual_ones_and_before_they_are_closed() -> None:
    inherited = bubblewrap.Descriptors({}, 3, 4)
    without, words = (
        bubblewrap.options([], inherited, "/usr/bin/python3", "/", devices)
        for devices in ([], [bubblewrap.Bind("/dev/nvidia1", "/dev/nvidia1", True)])
    )
    at = words.index("--dev-bind")
    assert words[at : at + 3] == ["--dev-bind", "/dev/nvidia1", "/dev/nvidia1"]
    assert words[:at] + words[at + 3 :] == without
    assert words.index("--dev") < at < words.index("--remount-ro", at)


LOOKS_AT_DEVICES = """
import errno, json, os, resource
seen = {"names": os.listdir("/dev"), "limit": resource.getrlimit(resource.RLIMIT_AS)[0]}
try:
    os.write(os.open("/dev/full", os.O_WRONLY), b"x")
except OSError as error:
    seen["full"] = errno.errorcode[error.errno]
print(json.dumps(seen))
"""


@pytest.mark.parametrize("runner", [run, run_as_ordinary_user])
def test_a_program_opens_the_devices_that_it_is_given_and_sees_no_others(
    folder: Path, runner: Callable[[Program], Ended]
) -> None:
    (folder / "nvidia7").touch()  # stands for a device that this machine does not have

    def seen(*devices: Path) -> dict[str, Any]:
        command = ("python", "-c", LOOKS_AT_DEVICES)
        log = folder / f"log-{len(devices)}"
        assert runner(Program(command, (), log=log, devices=devices, **SHORT)).code == 0
        shown: dict[str, Any] = json.loads(log.read_text())
        return shown

    without, given = seen(), seen(Path("/dev/full"), folder / "nvidia7")
    assert set(given["names"]) - set(without["names"]) == {"nvidia7"} and len(given["names"]) < 20
    assert given["full"] == without["full"] == "ENOSPC", "it is a device, not a file"
    assert given["limit"] == -1, "drivers reserve far more addresses than memory"
    assert without["limit"] > 0 or runner is run, "where no cgroup holds the memory"


def test_the_environment_is_what_is_given_over_what_every_program_has(folder: Path) -> None:
    command = ("python", "-c", "import json, os; print(json.dumps(dict(os.environ)))")
    given = Program(command, (), "/tmp", {"SEED": "7", "HOME": "/x"}, 30, 512 << 20, folder / "log")
    assert run(given).code == 0
    environment = json.loads((folder / "log").read_text())
    assert environment.pop("PATH").split(":")[0].endswith("/bin")
    assert environment == {"HOME": "/x", "LANG": "C.UTF-8", "PWD": "/tmp", "SEED": "7", "TMPDIR": "/tmp"}


def test_a_folder_that_is_written_starts_with_its_content_and_ends_with_what_was_left(folder: Path) -> None:
    shared = folder / "shared"
    (shared / "below").mkdir(parents=True)
    for name in ("kept", "below/changed", "removed"):
        (shared / name).write_text("before")
    change = "open('below/changed', 'w').write('after'); import os; os.unlink('removed'); open('new', 'w').write('x')"
    given = program(folder, "python", "-c", f"import os; os.chdir('/app/shared'); {change}")
    ended = run(Program(given.command, (Mount(shared, "/app/shared", write=True),), log=given.log, **SHORT))
    assert ended.code == 0, given.log.read_text()
    left = {str(path.relative_to(shared)): path.read_text() for path in shared.rglob("*") if path.is_file()}
    assert left == {"kept": "before", "below/changed": "after", "new": "x"}
    assert all(path.stat().st_uid == os.getuid() for path in shared.rglob("*"))


def test_programs_that_share_a_folder_see_each_other_s_files_and_make_no_links(folder: Path) -> None:
    shared = folder / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    mounts = (Mount(shared, "/app/shared", True, True),)
    waits = "import os, time\nwhile not os.path.exists('/app/shared/word'): time.sleep(0.01)"
    waiting = start(program(folder, "python", "-c", waits, mounts=mounts))
    writes = "import os\nopen('/app/shared/word', 'w').write('x')\nos.symlink('/etc/passwd', '/app/shared/link')"
    assert run(program(folder, "python", "-c", writes, mounts=mounts)).code == 1
    assert waiting.wait().code == 0
    assert [path.name for path in shared.iterdir()] == ["word"]


@pytest.mark.parametrize(
    ("command", "code", "reason"),
    [
        (("sh", "-c", "exit 3"), 3, ""),
        (("sh", "-c", "kill -9 $$"), 137, ""),
        (("no-such-command",), None, "not_started"),
        (("/etc/passwd",), None, "not_started"),
    ],
)
def test_how_a_program_ended(folder: Path, command: tuple[str, ...], code: int | None, reason: str) -> None:
    ended = run(program(folder, *command))
    assert (ended.code, ended.reason) == (code, reason)
    assert bool(ended.message) == bool(reason)


def test_a_program_is_killed_when_nobody_wants_it_any_more(folder: Path) -> None:
    running = start(program(folder, "python", "-c", "import time; time.sleep(600)"))
    assert running.running()
    running.kill()
    ended = running.wait()
    assert (ended.code, ended.reason) == (None, "killed") and not running.running()
    assert running.wait() == ended


def test_a_sandbox_that_cannot_be_made_is_no_fault_of_the_program(folder: Path) -> None:
    ended = run(program(folder, "true", mounts=(Mount(folder / "nothing", "/app/input"),)))
    assert ended.code is None and ended.reason == "not_confined"
    assert "No such file" in ended.message
    ended = run(program(folder, "true", mounts=(Mount(folder, "/usr/new"),)))
    assert ended.code is None and ended.reason == "not_confined" and "bwrap: " in ended.message


def test_without_bubblewrap_nothing_is_run_and_it_is_said_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    problem.cache_clear()
    assert missing().startswith("Submitted code cannot be run here. bubblewrap is not installed. ")
    assert "apt-get install bubblewrap" in missing() and "user.max_user_namespaces" in missing()
    left = tmp_path / "left"
    ended = run(program(tmp_path, "touch", str(left)))
    assert ended.reason == "not_confined" and not left.exists()
    monkeypatch.undo()
    problem.cache_clear()


def test_a_sandbox_that_fails_is_named_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    reachable = Path(tempfile.mkdtemp(prefix="podium-test-"))
    reachable.chmod(0o755)
    broken = reachable / "bwrap"
    broken.write_text("#!/bin/sh\necho 'bwrap: No permissions to create a new namespace' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(programs, "_bwrap", lambda: str(broken))
    problem.cache_clear()
    assert "No permissions to create a new namespace" in missing()
    shutil.rmtree(reachable)
    monkeypatch.undo()
    problem.cache_clear()


def test_plain_files_are_collected(tmp_path: Path) -> None:
    source, into = tmp_path / "source", tmp_path / "into"
    (source / "below").mkdir(parents=True)
    (source / "empty").mkdir()
    (source / "scores.json").write_text("{}")
    (source / "below" / "page.html").write_text("<p>")
    into.mkdir()
    (into / "earlier").write_text("x")
    assert collect(source, into, 100, 10) == [into / "below/page.html", into / "scores.json"]
    assert sorted(path.name for path in into.rglob("*")) == ["below", "empty", "page.html", "scores.json"]
    assert (into / "below" / "page.html").read_text() == "<p>"


def fifo(source: Path) -> None:
    os.mkfifo(source / "pipe")


def link(source: Path) -> None:
    (source / "link").symlink_to("/etc/passwd")


def folder_link(source: Path) -> None:
    (source / "folder").symlink_to("/etc")


def second_name(source: Path) -> None:
    (source.parent / "outside").write_text("x")
    (source / "inside").hardlink_to(source.parent / "outside")


def large(source: Path) -> None:
    (source / "large").write_bytes(bytes(101))


def sparse(source: Path) -> None:
    with (source / "sparse").open("wb") as file:
        file.truncate(1 << 40)


def several(source: Path) -> None:
    for number in range(11):
        (source / str(number)).touch()


def not_utf8(source: Path) -> None:
    Path(os.fsdecode(bytes(source) + b"/\xff")).touch()


@pytest.mark.parametrize(
    ("leave", "why"),
    [
        (fifo, "'pipe' is a named pipe; only plain files and folders are collected."),
        (link, "'link' is a symbolic link; only plain files and folders are collected."),
        (folder_link, "'folder' is a symbolic link; only plain files and folders are collected."),
        (second_name, "'inside' is a file with several names (a hard link); write a copy instead."),
        (large, "All files together have more than 100 bytes; 'large' is over."),
        (sparse, "All files together have more than 100 bytes; 'sparse' is over."),
        (several, "There are more than 10 files and folders."),
        (not_utf8, r"The name '\udcff' is not in UTF-8."),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_anything_else_is_refused_and_nothing_is_left(tmp_path: Path, leave: object, why: str) -> None:
    source, into = tmp_path / "source", tmp_path / "into"
    source.mkdir()
    (source / "0 plain").write_text("x")
    leave(source)  # type: ignore[operator]
    with pytest.raises(CollectRefused) as refused:
        collect(source, into, 100, 10)
    assert str(refused.value) == why
    assert list(into.iterdir()) == []
