"""What `.gitignore` and `.podiumignore` say of files, by git's rules: the deepest file decides, its last line first."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from pathspec import GitIgnoreSpec

FILES = (".gitignore", ".podiumignore")
"""In the order in which they are read: what `.podiumignore` says comes after what `.gitignore` says."""


class Lines(NamedTuple):
    """The lines of the ignore files of a folder."""

    spec: GitIgnoreSpec
    sources: list[str]
    """`.gitignore:3` of each line."""


class IgnoreFiles:
    """The ignore files of a folder and of those above it, up to `top`."""

    def __init__(self, top: Path) -> None:
        self._top = top
        self._lines: dict[Path, Lines | None] = {}

    def source(self, path: Path, is_folder: bool) -> str:
        """The line, `.gitignore:3`, that ignores `path`; empty when none does. Raises OSError, ValueError."""
        for folder in path.parents:
            lines = self._of(folder)
            name = path.relative_to(folder).as_posix() + ("/" if is_folder else "")
            result = lines.spec.check_file(name) if lines else None
            if lines and result is not None and result.include is not None:
                return lines.sources[result.index or 0] if result.include else ""
            if folder == self._top:
                break
        return ""

    def _of(self, folder: Path) -> Lines | None:
        if folder not in self._lines:
            self._lines[folder] = _read(folder)
        return self._lines[folder]


def _read(folder: Path) -> Lines | None:
    lines: list[str] = []
    sources: list[str] = []
    for name in FILES:
        file = folder / name
        if file.is_file():
            own = file.read_text(encoding="utf-8-sig", errors="replace").splitlines()
            lines += own
            sources += [f"{name}:{number}" for number in range(1, len(own) + 1)]
    return Lines(GitIgnoreSpec.from_lines(lines), sources) if lines else None
