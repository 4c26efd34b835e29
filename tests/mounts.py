"""Small file systems for tests: full ones and read-only ones, also for root, whom permission bits do not bind."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[Path]:
    """A tmpfs at `folder`; skips the test where this user may mount none."""
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount a small file system")
    answer = subprocess.run(command, capture_output=True, text=True)
    if answer.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {answer.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def read_only(folder: Path) -> Iterator[Path]:
    """A folder in which nothing can be written."""
    if os.geteuid() == 0:
        with mounted(folder, "ro,size=1m") as mount:
            yield mount
        return
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o500)
    yield folder
    folder.chmod(0o700)


def fill(folder: Path) -> None:
    """Take all the free space of a file system, in the file `filler`. Raises the OSError that its writers see then."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(1 << 20))
