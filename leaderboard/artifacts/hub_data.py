"""The private data of benchmarks: reference answers, programs, bundles. On the Hub, the same for all machines.

On a machine each version of it is a folder of its own, and a link leads to the present one: a job that runs keeps what
it has begun with.
"""

from __future__ import annotations

import os
import secrets
import shutil
import time
from pathlib import Path

from leaderboard.errors import BadSettings
from leaderboard.hub.private_repo import PrivateRepo

FOLDER = "benchmarks"
VERSIONS = "versions"
KEPT_S = 7 * 24 * 3600
"""How long a version that is not the present one is kept, for jobs that run with it."""


class HubPrivateData:
    """`benchmarks/ID` of a private dataset, and `benchmarks/ID` below `root` on this machine."""

    def __init__(self, repo: PrivateRepo, root: Path) -> None:
        self._repo = repo
        self._root = root

    def fetch(self, benchmark_id: str) -> None:
        """Have on this machine what the dataset has; without anything there, what is here stays.

        Raises HubUnavailable, OSError.
        """
        version = self._repo.version(f"{FOLDER}/{benchmark_id}")
        if version is None:
            return
        commit, oid = version
        folder = self._root / VERSIONS / benchmark_id / oid
        if not folder.is_dir():
            new = folder.parent / f".{secrets.token_hex(8)}"
            try:
                self._repo.fetch(commit, f"{FOLDER}/{benchmark_id}", new)
                new.chmod(0o700)
                if not folder.is_dir():
                    new.rename(folder)
            finally:
                shutil.rmtree(new, ignore_errors=True)
        self._show(benchmark_id, folder)

    def keep(self, benchmark_id: str) -> None:
        """Have in the dataset what is here. Raises BadSettings, HubUnavailable, OSError."""
        here = (self._root / FOLDER / benchmark_id).resolve()
        top = f"{FOLDER}/{benchmark_id}"
        if any(path.is_symlink() for path in here.rglob("*")):
            raise BadSettings(f"{here} holds symbolic links. Put the files themselves there.")
        files: dict[str, Path | bytes] = {
            f"{top}/{path.relative_to(here).as_posix()}": path for path in here.rglob("*") if path.is_file()
        }
        self._repo.prepare(create=True)
        self._repo.add(files, f"Keep private data of {benchmark_id}", self._repo.paths(top) - files.keys())

    def _show(self, benchmark_id: str, folder: Path) -> None:
        """Have the link lead to `folder`, and remove versions that no job can be using any more."""
        link = self._root / FOLDER / benchmark_id
        if link.is_symlink() and link.resolve() == folder.resolve():
            return
        link.parent.mkdir(parents=True, exist_ok=True)
        if link.is_dir() and not link.is_symlink():  # it was made on this machine
            link.rename(folder.parent / f"made-here-{secrets.token_hex(8)}")
        new = link.parent / f".{secrets.token_hex(8)}"
        new.symlink_to(os.path.relpath(folder, link.parent))
        new.replace(link)
        for old in folder.parent.iterdir():
            if old != folder and old.stat().st_mtime < time.time() - KEPT_S:
                shutil.rmtree(old, ignore_errors=True)
