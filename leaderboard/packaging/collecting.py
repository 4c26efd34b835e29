"""Which files of a folder ship, which are left out and why, and which stand in the way of a package."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from leaderboard.archives import ArchiveLimits
from leaderboard.archives.entry import shown
from leaderboard.archives.names import is_junk, name_problems
from leaderboard.packaging import manifest
from leaderboard.packaging.ignored import FILES as IGNORE_FILES
from leaderboard.packaging.ignored import IgnoreFiles
from leaderboard.packaging.secret_files import secret_content, secret_name

VERSION_CONTROL = frozenset({".git", ".hg", ".svn", ".jj"})
CACHES = frozenset(
    {"__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".ipynb_checkpoints", ".tox", ".nox", "node_modules"}
)
LINK = "is a symbolic link; put the file itself there, or name it in .podiumignore"
SPECIAL = "is a device, a FIFO or a socket; remove it, or name it in .podiumignore"


@dataclass(frozen=True)
class LeftOut:
    """A file or folder that does not ship."""

    path: str
    """Below the folder, its parts separated by `/`; a folder ends with one."""
    reason: str
    """Why, as the end of a sentence: `it is a key`."""
    secret: bool = False
    """Whether it looks like a secret; whoever packs should know of each of these."""


@dataclass
class Collected:
    """What a look at a folder found."""

    files: list[str] = field(default_factory=list)
    """What ships, sorted; paths below the folder, their parts separated by `/`."""
    left_out: list[LeftOut] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """Sentences about what can neither ship nor be passed over."""


def collect(folder: Path, top: Path, output: Path, limits: ArchiveLimits) -> Collected:
    """Look at every file of `folder`. Raises OSError.

    `top`: the folder whose ignore files are the first that count, `folder` or one above it. `output`: the package that
    is made, which is no part of itself.
    """
    walk = _Walk(folder, IgnoreFiles(top), output, limits)
    walk.look(folder)
    walk.found.files.sort()
    return walk.found


class _Walk:
    """One look at a folder."""

    def __init__(self, folder: Path, ignored: IgnoreFiles, output: Path, limits: ArchiveLimits) -> None:
        self.found = Collected()
        self._folder = folder
        self._ignored = ignored
        self._output = output
        self._limits = limits

    def look(self, folder: Path) -> None:
        """Take in everything that lies in `folder`."""
        for path in sorted(folder.iterdir()):
            mode = path.lstat().st_mode
            name = path.relative_to(self._folder).as_posix()
            is_folder = stat.S_ISDIR(mode)
            if left_out := next(self._reasons(path, name, is_folder), None):
                self.found.left_out.append(left_out)
            elif is_folder:
                self.look(path)
            elif problem := self._problem(name, mode):
                self.found.problems.append(f"{shown(name)} {problem}.")
            elif reason := secret_content(path):
                self.found.left_out.append(LeftOut(name, reason, secret=True))
            else:
                self.found.files.append(name)

    def _reasons(self, path: Path, name: str, is_folder: bool) -> Iterator[LeftOut]:
        """Why it is left out, whatever it is; the first one counts."""
        shown_name = f"{name}/" if is_folder else name
        if reason := secret_name(path.name, is_folder):
            yield LeftOut(shown_name, reason, secret=True)
        if path == self._output:
            yield LeftOut(name, "it is the package itself")
        if name == manifest.FILE:
            yield LeftOut(name, "the package gets a manifest of its own")
        if path.name in IGNORE_FILES:
            yield LeftOut(name, "it says what is left out")
        if path.name in VERSION_CONTROL:
            yield LeftOut(shown_name, "it belongs to version control")
        if is_junk(name) or path.name in CACHES or path.name.endswith((".pyc", ".pyo")):
            yield LeftOut(shown_name, "programs leave it behind and make it anew")
        if is_folder and (path / "pyvenv.cfg").is_file():
            yield LeftOut(shown_name, "it is a virtual environment")
        if source := self._ignored.source(path, is_folder):
            yield LeftOut(shown_name, f"{source} ignores it")

    def _problem(self, name: str, mode: int) -> str:
        """What is wrong with something that is no folder, as the end of a sentence; empty when it may ship."""
        if stat.S_ISLNK(mode):
            return LINK
        if not stat.S_ISREG(mode):
            return SPECIAL
        if not os.access(self._folder / name, os.R_OK):
            return "cannot be read; change its mode, or name it in .podiumignore"
        return "; it ".join(name_problems(name, self._limits))
