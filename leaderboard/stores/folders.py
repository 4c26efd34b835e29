"""Folders that a start needs, looked at before anything is opened, so that a wrong one is a sentence."""

from __future__ import annotations

import errno
import tempfile
from pathlib import Path

from leaderboard.errors import BadSettings
from leaderboard.settings import Settings

FULL = (errno.ENOSPC, errno.EDQUOT)


def check_folders(settings: Settings, *, working: bool) -> None:
    """Make the folders that are missing. `working`: whether jobs run here, which needs the work folder.

    Raises BadSettings, naming every setting whose folder cannot be written. A full disk hinders no start: pages can be
    read, and a worker waits for space.
    """
    needed = {}
    if settings.store == "local":
        needed = {"PODIUM_REQUESTS_DIR": settings.requests_dir, "PODIUM_RESULTS_DIR": settings.results_dir}
    if working or settings.store == "hub":
        needed["PODIUM_WORK_DIR"] = settings.work_dir
    problems = [
        f"{name}: the folder {folder} cannot be written ({reason}). Let the user that runs Podium write to it, or name "
        "another folder."
        for name, folder in needed.items()
        if (reason := _refusal(folder))
    ]
    if problems:
        raise BadSettings("\n".join(problems))


def _refusal(folder: Path) -> str:
    """Why `folder` cannot be written, in the system's words; empty when it can."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return ""
    except OSError as error:
        return "" if error.errno in FULL and folder.is_dir() else error.strerror or type(error).__name__
