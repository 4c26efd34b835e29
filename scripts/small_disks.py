"""Small file systems in memory, to be filled up."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def small_disk(folder: Path, options: str) -> Iterator[Path]:
    """A tmpfs at `folder` (`options`: of mount). Raises PermissionError where this user may mount none."""
    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() != 0:
        raise PermissionError("only root can mount a small file system")
    answer = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True, text=True, check=False
    )
    if answer.returncode != 0:
        raise PermissionError(f"no file system can be mounted here: {answer.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> None:
    """Take all the free space of a file system, in the file `filler`. Raises the OSError that its writers see then."""
    with (folder / "filler").open("wb", buffering=0) as file:
        while True:
            file.write(bytes(1 << 20))
