"""Jobs that take as much of the machine as they get."""

from __future__ import annotations

import os
import time
from pathlib import Path

from backend.workdir import Workdir
from tests.backend.jobs import Small


class Fork(Small):
    """Starts processes until it may not, and writes how many there were."""

    def run(self, workdir: Path) -> None:
        count = 0
        try:
            while count < 2000:
                if os.fork() == 0:
                    time.sleep(30)
                    os._exit(0)
                count += 1
        except OSError:
            Workdir(workdir).write("count.json", str(count).encode())


class Memory(Small):
    """Takes memory in children, each of them below the limit."""

    def run(self, workdir: Path) -> None:
        for _ in range(4):
            if os.fork() == 0:
                taken = bytearray(os.urandom(1 << 20)) * 150
                time.sleep(30)
                os._exit(len(taken) & 1)
        time.sleep(30)


class Disk(Small):
    """Writes many files, each of them below the limit."""

    def run(self, workdir: Path) -> None:
        for number in range(1000):
            Path(f"file-{number}").write_bytes(os.urandom(1 << 20))
            time.sleep(0.01)


class Deep(Small):
    """Leaves a tree that is deeper than a path may be long, and links in the place of outputs."""

    def run(self, workdir: Path) -> None:
        folder = Workdir(workdir)
        for name in ("results.json", "progress.json", "done"):
            (folder.out / name).symlink_to("/etc/passwd")
        (folder.out / "failure.json").mkdir()
        (folder.out / "details").symlink_to("/etc")
        for _ in range(3000):
            Path("d").mkdir()
            os.chdir("d")
        os._exit(0)
