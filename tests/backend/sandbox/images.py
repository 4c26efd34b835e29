"""An engine for tests: the real one with an image of a static busybox, or a stand-in for faults."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from backend.sandbox import containers, programs

IMAGE = "localhost/podium-test:1"
TOOLS = ("sh", "cat", "cp", "id", "ls", "sleep", "dd", "ln", "mkdir", "env", "echo", "kill", "grep", "touch", "true")

FAKE = """#!/bin/sh
# What it is asked goes to `asked`; what it does is in files beside it.
here=$(dirname "$0")
echo "$@" >> "$here/asked"
env > "$here/environment"
case "$1" in
info) cat "$here/info" ;;
image) cat "$here/image" ;;
pull) cat "$here/pull" >&2; exit 1 ;;
inspect) cat "$here/inspected" ;;
run) echo $$ > "$here/pid"; . "$here/run" ;;
kill) case "$*" in *TERM*) ;; *) kill -9 "$(cat "$here/pid")" ;; esac ;;
esac
"""


class FakeEngine:
    """An executable called podman that answers what the test says."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.path = folder / "podman"
        self.path.write_text(FAKE)
        self.path.chmod(0o755)
        started = "false 0 2026-11-22 05:00:00"
        self.says(
            info="[cpu memory pids]\n", image="0\n", pull="no such host\n", inspected=f"{started}\n", run="exit 0\n"
        )

    def says(self, **answers: str) -> None:
        for name, text in answers.items():
            (self.folder / name).write_text(text)

    def asked(self) -> list[str]:
        return (self.folder / "asked").read_text().splitlines()


def forget() -> None:
    """What was found out about engines and images."""
    containers._working.clear()
    programs.image_missing.cache_clear()


@contextmanager
def imported(folder: Path) -> Iterator[str]:
    """The name of an image with a static busybox in it; skips where no engine runs it, saying why."""
    path, problem = containers.engine()
    busybox = shutil.which("busybox")
    if problem or busybox is None:
        pytest.skip(f"No image can be run here. {problem or 'busybox is not installed.'}")
    archive = folder / "image.tar"
    with tarfile.open(archive, "w") as tar:
        for name, mode in (("bin", 0o755), ("etc", 0o755), ("tmp", 0o1777)):
            made = tarfile.TarInfo(name)
            made.type, made.mode = tarfile.DIRTYPE, mode
            tar.addfile(made)
        program = tarfile.TarInfo("bin/busybox")
        program.mode, program.size = 0o755, Path(busybox).stat().st_size
        tar.addfile(program, io.BytesIO(Path(busybox).read_bytes()))
        for name in TOOLS:
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
    subprocess.run([path, "import", archive, IMAGE], check=True, capture_output=True, env=containers.environment())
    forget()
    try:
        if why := programs.image_missing(IMAGE):
            pytest.skip(f"No image can be run here. {why}")
        yield IMAGE
    finally:
        subprocess.run([path, "rmi", "--force", IMAGE], check=False, capture_output=True, env=containers.environment())
        forget()
