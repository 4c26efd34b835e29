"""Folders that a start needs, looked at before anything is opened, so that a wrong one is a sentence."""

from __future__ import annotations

import errno
import logging
import tempfile
from pathlib import Path

from leaderboard.errors import BadSettings
from leaderboard.settings import Settings

FULL = (errno.ENOSPC, errno.EDQUOT)
PRIVATE_MODE = 0o700
OPEN = "others on this machine may look into {folder}. Run: chmod 700 {folder}"

log = logging.getLogger(__name__)


def check_folders(settings: Settings, *, working: bool, private: bool = False) -> None:
    """Make the folders that are missing. `working`: whether jobs run here, which needs the work folder. `private`:
    whether a benchmark has private files.

    Raises BadSettings, naming every setting whose folder cannot be written. A full disk hinders no start: pages can be
    read, and a worker waits for space.
    """
    needed = {}
    if settings.store == "local":
        needed = {"PODIUM_REQUESTS_DIR": settings.requests_dir, "PODIUM_RESULTS_DIR": settings.results_dir}
    if working or settings.store == "hub":
        needed["PODIUM_WORK_DIR"] = settings.work_dir
    problems = []
    if private:
        needed["PODIUM_PRIVATE_DIR"] = settings.private_dir
        problems += overlaps(settings)
    problems += [
        f"{name}: the folder {folder} cannot be written ({reason}). Let the user that runs Podium write to it, or name "
        "another folder."
        for name, folder in needed.items()
        if (reason := _refusal(folder, PRIVATE_MODE if name == "PODIUM_PRIVATE_DIR" else 0o777))
    ]
    if problems:
        raise BadSettings("\n".join(problems))
    if private and is_open(settings.private_dir):
        log.warning("PODIUM_PRIVATE_DIR: %s", OPEN.format(folder=settings.private_dir))


def overlaps(settings: Settings) -> list[str]:
    """A sentence for each folder that the private one lies in, or that lies in it.

    What is in the others is published, removed to make room, or seen by jobs.
    """
    private = settings.private_dir.resolve()
    others = {"PODIUM_WORK_DIR": settings.work_dir}
    if settings.store == "local":
        others |= {"PODIUM_REQUESTS_DIR": settings.requests_dir, "PODIUM_RESULTS_DIR": settings.results_dir}
    return [
        f"PODIUM_PRIVATE_DIR: {settings.private_dir} and {folder} ({name}) lie in each other or are the same. Name a "
        "folder for private files that is apart from it."
        for name, folder in others.items()
        if private.is_relative_to(folder.resolve()) or folder.resolve().is_relative_to(private)
    ]


def is_open(private: Path) -> bool:
    """Whether others than its owner may do anything in the private folder. Raises OSError where it is missing."""
    return bool(private.stat().st_mode & 0o077)


def _refusal(folder: Path, mode: int = 0o777) -> str:
    """Why `folder` cannot be written, in the system's words; empty when it can."""
    try:
        folder.mkdir(mode=mode, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return ""
    except OSError as error:
        return "" if error.errno in FULL and folder.is_dir() else error.strerror or type(error).__name__
