"""Hostile programs, run in the sandbox for programs, and a look at what they leave behind."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from backend.sandbox.limits import controllers
from backend.sandbox.programs import Ended, Mount, Program, missing, run
from tests.backend.sandbox import inside
from tests.backend.sandbox.ordinary_user import run_as_ordinary_user
from tests.contracts.test_executor import until

Runner = Callable[[Program], Ended]
RUNNERS: dict[str, Runner] = {"as we are": run, "as an ordinary user": run_as_ordinary_user}
WALL_S = 30


@dataclass
class Place:
    """Folders of one program, and how it is run."""

    folder: Path
    runner: Runner

    def __post_init__(self) -> None:
        for name in ("program", "input", "output"):
            (self.folder / name).mkdir(parents=True)
        (self.folder / "program" / "inside.py").write_text(Path(inside.__file__).read_text())
        (self.folder / "input" / "data").write_text("data")
        self.token = secrets.token_hex(8)
        """In the command of each of its processes."""
        self.log = self.folder / "log.txt"
        self.output = self.folder / "output"

    def program(self, name: str, targets: dict[str, Any] | None = None, **changed: Any) -> Program:
        """The hostile program `name` of inside.py, with the limits that `changed` names."""
        mounts = (
            Mount(self.folder / "program", "/app/program"),
            Mount(self.folder / "input", "/app/input"),
            Mount(self.output, "/app/output", write=True),
        )
        command = ("python", "/app/program/inside.py", name, self.token)
        (self.folder / "input" / "targets.json").write_text(json.dumps(targets or {}))
        plain = Program(command, mounts, "/app/program", {}, WALL_S, 256 << 20, self.log)
        return replace(plain, **changed)

    def run(self, name: str, targets: dict[str, Any] | None = None, **changed: Any) -> Ended:
        """How it ended."""
        return self.runner(self.program(name, targets, **changed))


def left_behind(token: str) -> list[str]:
    """Processes of the program with `token` in its command, mounts of any, and cgroups without a process."""
    found = [f"process {process.pid}" for process in psutil.process_iter() if token in _command(process)]
    found += [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if " /sys/kernel/" in line]
    for controller in controllers():
        for cgroup in controller.parent.glob("podium-program.*"):  # workers that other tests kill leave those of jobs
            with contextlib.suppress(OSError):  # it may go before it is opened, and before it is read
                found += [] if (cgroup / "cgroup.procs").read_text() else [str(cgroup)]
    return found


def _command(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""


def bytes_on_disk(folder: Path) -> int:
    """What the files of `folder` take."""
    return sum(path.lstat().st_blocks * 512 for path in folder.rglob("*"))


@pytest.fixture(scope="session")
def sandbox() -> None:
    """Skips where programs cannot be confined."""
    if why := missing():
        pytest.skip(why)


by_anybody = pytest.mark.parametrize("place", RUNNERS, indirect=True)
"""For what differs between users."""


@pytest.fixture
def place(request: pytest.FixtureRequest, sandbox: None, tmp_path: Path) -> Iterator[Place]:
    """A program's folders. Afterwards nothing of it may be left."""
    tmp_path.chmod(0o755)
    made = Place(tmp_path / "place", RUNNERS[getattr(request, "param", "as we are")])
    used, mounted = bytes_on_disk(tmp_path), left_behind(made.token)
    yield made
    until(lambda: set(left_behind(made.token)) <= set(mounted), 10)
    assert bytes_on_disk(tmp_path) - used < 4 << 20
    assert made.output.stat().st_uid == os.getuid()
