"""What one run of a request leaves for the next one: small files of records, each whole or not at all.

A job writes them into `out/kept/` while it runs; whoever starts the next run copies them into its `kept/`, which that
job can read and not change. A name ends with the digest of the content, so that a file that was cut short or written
over is recognised. What a job wrote is hostile: nothing here follows a link, reads anything but a plain file, or takes
in more than the limits.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FOLDER = "kept"
NAME = re.compile(r"(?P<run>[0-9a-f]{8})-(?P<number>\d{6})-(?P<digest>[0-9a-f]{16})\.jsonl")
"""The run that wrote it, the file's number in that run, the beginning of its content's SHA-256."""
MOST_FILE_BYTES = 1 << 20
"""The requests store takes no larger files either."""
MOST_BYTES = 1 << 30
"""Of all files of a request together."""
MOST_FILES = 20_000
log = logging.getLogger(__name__)


def file_name(run: str, number: int, content: bytes) -> str:
    """The name of a file."""
    return f"{run}-{number:06d}-{_digest(content)}.jsonl"


def names(folder: Path) -> list[str]:
    """The names of the files in `folder`, as far as they are well formed; empty where there is no folder."""
    with _opened(folder) as handle:
        return _names(handle) if handle is not None else []


def contents(folder: Path, most_bytes: int = MOST_BYTES) -> Iterator[tuple[str, bytes]]:
    """Name and content of the whole files in `folder`, up to `most_bytes` in all; the log names what is left out."""
    with _opened(folder) as handle:
        left = most_bytes
        for name in _names(handle) if handle is not None else []:
            content = _read(handle, name)
            if content is None:
                log.warning("Ignored the kept file %s: it is damaged, too large or no plain file.", name)
            elif len(content) > left:
                log.warning("Ignored the kept file %s and those after it: they are more than is kept.", name)
                return
            else:
                left -= len(content)
                yield name, content


def is_whole(name: str, content: bytes) -> bool:
    """Whether this is the content that the name speaks of."""
    named = NAME.fullmatch(name)
    return named is not None and len(content) <= MOST_FILE_BYTES and named["digest"] == _digest(content)


def copy(source: Path, target: Path) -> int:
    """Copy the whole files of one folder into another that is ours, made if it is missing; how many there were.

    Raises OSError.
    """
    there = set(names(target))
    left = MOST_BYTES - sum((target / name).stat().st_size for name in there)
    copied = 0
    for name, content in contents(source, left):
        if name not in there:
            put(target, name, content)
            copied += 1
    return copied


def put(folder: Path, name: str, content: bytes) -> None:
    """Write one file into a folder that is ours. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    beside = folder / f".{name}.{os.getpid()}"
    beside.write_bytes(content)
    beside.replace(folder / name)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


@contextmanager
def _opened(folder: Path) -> Iterator[int | None]:
    """The folder, held open so that nobody can exchange it for a link meanwhile; None where there is none."""
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        yield None
        return
    except OSError as error:
        log.warning("Ignored everything kept in %s: %s", folder, error)
        yield None
        return
    try:
        yield handle
    finally:
        os.close(handle)


def _names(folder: int) -> list[str]:
    found = []
    with os.scandir(folder) as entries:
        for count, entry in enumerate(entries):
            if count >= MOST_FILES:
                log.warning("Ignored what is kept beyond %d files.", MOST_FILES)
                break
            if NAME.fullmatch(entry.name):
                found.append(entry.name)
    return sorted(found)


def _read(folder: int | None, name: str) -> bytes | None:
    """The content of a whole file; None for anything else of that name."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(name, flags, dir_fd=folder), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return None
            content = file.read(MOST_FILE_BYTES + 1)
    except OSError:
        return None
    return content if is_whole(name, content) else None
