"""Files of bundles copied and packed so that the same content always gives the same bytes."""

from __future__ import annotations

import hashlib
import shutil
import stat
import zipfile
from collections.abc import Iterable
from pathlib import Path

from leaderboard.bundles.files import walk

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The time of every entry."""
ON_UNIX = 3
CHUNK_BYTES = 1 << 20
FILE, PROGRAM, FOLDER = 0o644, 0o755, 0o755


def copy_folder(source: Path, target: Path) -> None:
    """Copy a folder without links, junk and times. Raises OSError."""
    target.mkdir(parents=True)
    for path in walk(source):
        place = target / path.relative_to(source)
        if path.is_dir():
            place.mkdir()
        else:
            copy_file(path, place)


def copy_file(source: Path, target: Path) -> None:
    """Copy a regular file; of its mode only whether it may be run is kept. Raises OSError."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target, follow_symlinks=False)
    target.chmod(_mode(source))


def digest(paths: Iterable[Path], root: Path, *more: str) -> str:
    """SHA-256 of files and folders with their names below `root`, and of further texts."""
    total = hashlib.sha256()
    for path in sorted(paths, key=lambda path: path.relative_to(root).as_posix()):
        name = path.relative_to(root).as_posix()
        content = ""
        if path.is_file():
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
        total.update(f"{name}\0{_mode(path):o}\0{content}\n".encode())
    for text in more:
        total.update(f"\0{text}\n".encode())
    return total.hexdigest()


class Packer:
    """A zip that is written entry by entry."""

    def __init__(self, path: Path) -> None:
        self._zip = zipfile.ZipFile(path, "w", compression=zipfile.ZIP_DEFLATED)

    def __enter__(self) -> Packer:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def content(self, name: str, content: bytes) -> None:
        """A file with that content."""
        self._zip.writestr(_info(name, FILE), content)

    def file(self, name: str, path: Path) -> None:
        """A file with the content of `path`."""
        info = _info(name, _mode(path))
        info.file_size = path.stat().st_size
        with path.open("rb") as source, self._zip.open(info, "w") as entry:
            shutil.copyfileobj(source, entry, CHUNK_BYTES)

    def folder(self, path: Path, below: str = "") -> None:
        """Everything in a folder, junk left out."""
        for inside in walk(path):
            name = f"{below}{inside.relative_to(path).as_posix()}"
            if inside.is_dir():
                self._zip.writestr(_info(f"{name}/", FOLDER | stat.S_IFDIR), b"")
            else:
                self.file(name, inside)


def _info(name: str, mode: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, EPOCH)
    info.create_system = ON_UNIX
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = (mode if stat.S_IFMT(mode) else mode | stat.S_IFREG) << 16
    return info


def _mode(path: Path) -> int:
    if path.is_dir():
        return FOLDER
    return PROGRAM if path.stat().st_mode & stat.S_IXUSR else FILE
