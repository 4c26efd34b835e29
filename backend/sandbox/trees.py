"""Copying a folder that somebody else wrote: plain files and folders only, never through a link.

Light to import: standard library only.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

MOST_DEPTH = 32
CHUNK = 1 << 20
NOT_PLAIN = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFBLK: "a device",
    stat.S_IFCHR: "a device",
}


class TreeRefused(ValueError):
    """The folder holds something that is not copied; a sentence."""


class Limits(NamedTuple):
    """How much is copied at most."""

    most_bytes: int
    most_files: int
    """Folders count too."""


class _Entry(NamedTuple):
    name: str
    """Path below the folder."""
    folder: int
    """Descriptor of the folder that it is in."""
    is_folder: bool


def copy_tree(source: Path, into: Path, limits: Limits) -> list[Path]:
    """Copy what is in `source` into the folder `into`, made if need be; the files' paths below it, sorted.

    All or nothing: `into` is emptied where something is refused. Raises TreeRefused, and OSError where `into` cannot
    be written.
    """
    into.mkdir(parents=True, exist_ok=True)
    clear(into)
    with contextlib.ExitStack() as unless_all_is_copied:
        unless_all_is_copied.callback(clear, into)
        copied = sorted(_copy(source, into, limits))
        unless_all_is_copied.pop_all()
        return copied


def clear(folder: Path) -> None:
    """Remove everything in `folder`, also where its owner took the rights from himself. Raises OSError."""
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            _open_up(Path(entry.path))
            shutil.rmtree(entry.path)
        else:
            Path(entry.path).unlink()


def _open_up(folder: Path) -> None:
    """Let the owner list and change `folder` and all folders below."""
    folder.chmod(0o700)
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            _open_up(Path(entry.path))


def _copy(source: Path, into: Path, limits: Limits) -> Iterator[Path]:
    left = limits.most_bytes
    for count, entry in enumerate(_walk(source), start=1):
        if count > limits.most_files:
            raise TreeRefused(f"There are more than {limits.most_files} files and folders.")
        target = into / entry.name
        if entry.is_folder:
            target.mkdir()
        else:
            left -= _copy_file(entry, target, left, limits.most_bytes)
            yield Path(entry.name)


def _walk(source: Path) -> Iterator[_Entry]:
    """Everything below `source`, folders before what is in them. The descriptors are closed when it goes on."""
    waiting = [""]
    while waiting:
        above = waiting.pop()
        if above.count("/") >= MOST_DEPTH:
            raise TreeRefused(f"Folders are nested more than {MOST_DEPTH} deep: {_shown(above[:80])}.")
        with _opened(source, above) as folder:
            for name in sorted(entry.name for entry in os.scandir(folder)):
                path = f"{above}/{name}" if above else name
                entry = _Entry(path, folder, _is_folder(folder, name, path))
                yield entry
                if entry.is_folder:
                    waiting.append(path)


@contextlib.contextmanager
def _opened(source: Path, below: str) -> Iterator[int]:
    """A descriptor of a folder, reached without following a link anywhere below `source`."""
    place = os.open(source, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in below.split("/") if below else ():
            try:
                inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=place)
            except OSError as error:
                raise TreeRefused(f"The folder {_shown(below)} cannot be listed: {error.strerror}.") from error
            os.close(place)
            place = inner
        yield place
    finally:
        os.close(place)


def _is_folder(folder: int, name: str, path: str) -> bool:
    """Whether it is a folder rather than a plain file. Raises TreeRefused for anything else."""
    try:
        name.encode()
    except UnicodeEncodeError:
        raise TreeRefused(f"The name {_shown(path)} is not in UTF-8.") from None
    if not name.isprintable():
        raise TreeRefused(f"The name {_shown(path)} contains characters that cannot be shown.")
    status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    kind = NOT_PLAIN.get(stat.S_IFMT(status.st_mode))
    if kind is not None:
        raise TreeRefused(f"{_shown(path)} is {kind}; only plain files and folders are collected.")
    if stat.S_ISREG(status.st_mode) and status.st_nlink != 1:
        raise TreeRefused(f"{_shown(path)} is a file with several names (a hard link); write a copy instead.")
    return stat.S_ISDIR(status.st_mode)


def _copy_file(entry: _Entry, target: Path, left: int, most: int) -> int:
    """Copy one file and return its size, having read at most one byte more than is `left`."""
    try:
        reading = os.open(
            Path(entry.name).name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC,
            dir_fd=entry.folder,
        )  # fmt: skip
    except OSError as error:
        raise TreeRefused(f"{_shown(entry.name)} cannot be read: {error.strerror}.") from error
    with os.fdopen(reading, "rb", buffering=0) as file:
        status = os.fstat(reading)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
            raise TreeRefused(f"{_shown(entry.name)} is no plain file any more.")
        mode = 0o755 if status.st_mode & 0o100 else 0o644
        writing = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
        size = 0
        with os.fdopen(writing, "wb", buffering=0) as copy:
            while chunk := file.read(min(CHUNK, left - size + 1)):
                size += len(chunk)
                if size > left:
                    raise TreeRefused(f"All files together have more than {most} bytes; {_shown(entry.name)} is over.")
                copy.write(chunk)
    return size


def _shown(name: str) -> str:
    """A name as it may be printed."""
    return ascii(name)
