"""The private part of a backup: the files of PODIUM_PRIVATE_DIR, for nobody but the operator.

It has a manifest of its own, so that the rest of a backup can be handed on without it and says nothing of what is in
it. It is put back into a folder of this machine, never into a store.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from io import BufferedWriter
from itertools import chain
from pathlib import Path, PurePosixPath

from pydantic import BaseModel, ValidationError

from leaderboard.backup.manifest import NAME, PRIVATE, Manifest, Saved, opened, problems, refuse_damaged
from leaderboard.errors import BadBackup, BadPath

FILES = "files"
LEFT_OUT = ("uploads", "versions")
"""Uploads under way, which their senders begin anew, and older copies of what is below `benchmarks`."""
HALF_WRITTEN = re.compile(r"\.[0-9a-f]{16}")
"""Names under which files appear while they are written."""
ONLY_OURS, ONLY_OUR_FOLDER = 0o600, 0o700


class PrivateFile(Saved):
    """One file of the private part."""

    mode: int
    """Its permissions where it was and where it is put back; the copy in the backup is the operator's alone."""


class PrivateManifest(BaseModel):
    """`private/manifest.json`."""

    files: dict[str, PrivateFile]
    folders: dict[str, int]
    """Path of each folder -> its permissions."""


def save_private(source: Path, part: Path) -> str:
    """Copy the private folder `source` into `part`, which is made; the SHA-256 of its manifest.

    Files that go meanwhile are left out. Raises BadBackup for links and names that cannot be kept, OSError.
    """
    manifest = PrivateManifest(files={}, folders={})
    for folder in (part, part / FILES):
        folder.mkdir(mode=ONLY_OUR_FOLDER)
    for path, place in _walk(source):
        if place.is_dir():
            (part / FILES / path).mkdir(mode=ONLY_OUR_FOLDER)
            manifest.folders[path] = _mode(place)
        else:
            try:
                copied = _copy(place, part / FILES / path)
                manifest.files[path] = PrivateFile(sha256=copied.sha256, bytes=copied.bytes, mode=_mode(place))
            except FileNotFoundError:
                (part / FILES / path).unlink(missing_ok=True)
    content = (manifest.model_dump_json(indent=1) + "\n").encode()
    with _created(part / NAME) as file:
        file.write(content)
        os.fsync(file.fileno())
    return hashlib.sha256(content).hexdigest()


def read_private(folder: Path, manifest: Manifest) -> PrivateManifest:
    """What the private part of the backup in `folder` holds, every file of it looked at. Raises BadBackup."""
    part = folder / PRIVATE
    try:
        with opened(part / NAME) as file:
            content = file.read()
    except OSError as error:
        raise BadBackup(
            f"The private part of the backup in {folder} is missing or cannot be read ({error.strerror or error}). Put "
            f"the folder {PRIVATE} back, or say --without-private."
        ) from error
    if hashlib.sha256(content).hexdigest() != manifest.private:
        raise BadBackup(f"{part / NAME} is of another backup or has changed. Use another backup.")
    try:
        private = PrivateManifest.model_validate_json(content)
    except ValidationError as error:
        raise BadBackup(f"{part / NAME} is damaged ({error.error_count()} problems). Use another backup.") from None
    outside = (f"{path} leads out of it." for path in private.folders if _leaves(path))
    refuse_damaged(folder, chain(outside, problems(part / FILES, private.files, _check_path)))
    return private


def count_private(target: Path) -> int:
    """How many files the private folder `target` has that a restore would replace."""
    return sum(not place.is_dir() for _, place in _walk(target)) if target.is_dir() else 0


def put_back(folder: Path, private: PrivateManifest, target: Path) -> None:
    """Have the private folder `target` hold what the backup in `folder` holds, with the permissions of then.

    Uploads under way stay. Nothing changes before everything is copied. Raises OSError.
    """
    target.mkdir(mode=ONLY_OUR_FOLDER, parents=True, exist_ok=True)
    target.chmod(ONLY_OUR_FOLDER)
    new, old = (target / f".{secrets.token_hex(8)}" for _ in range(2))
    try:
        for place in (new, old):
            place.mkdir(mode=ONLY_OUR_FOLDER)
        for path in private.folders:
            (new / path).mkdir(mode=ONLY_OUR_FOLDER)
        for path, saved in private.files.items():
            _copy(folder / PRIVATE / FILES / path, new / path)
            (new / path).chmod(saved.mode)
        for path, mode in sorted(private.folders.items(), reverse=True):
            (new / path).chmod(mode)
        for place in _top(target):
            place.rename(old / place.name)
        for place in new.iterdir():
            place.rename(target / place.name)
    finally:
        shutil.rmtree(new, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def _top(root: Path) -> list[Path]:
    """What is directly in a private folder and belongs into a backup."""
    return sorted(
        place for place in root.iterdir() if place.name not in LEFT_OUT and not HALF_WRITTEN.fullmatch(place.name)
    )


def _walk(root: Path) -> Iterator[tuple[str, Path]]:
    """Path below `root`, and place, of every folder and file that belongs into a backup, folders first.

    A benchmark's folder may be a link, as it is where the store is the Hub. Raises BadBackup for any other.
    """
    waiting = _top(root)[::-1]
    while waiting:
        place = waiting.pop()
        path = _name(place, root)
        if place.is_symlink() and not (path.startswith("benchmarks/") and path.count("/") == 1):
            raise BadBackup(
                f"{place} is a symbolic link, which a backup does not follow. Put the file itself there, or say "
                "--without-private."
            )
        if place.is_dir():
            yield path, place
            waiting += sorted(
                (inner for inner in place.iterdir() if not HALF_WRITTEN.fullmatch(inner.name)), reverse=True
            )
        elif place.is_file():
            yield path, place


def _name(place: Path, root: Path) -> str:
    path = place.relative_to(root).as_posix()
    try:
        path.encode()
    except UnicodeEncodeError:
        raise BadBackup(f"The name {path!r} in {root} is not in UTF-8. Rename it, or say --without-private.") from None
    return path


def _check_path(path: str) -> str:
    """Raises BadPath for a path that leaves the folder."""
    if _leaves(path):
        raise BadPath(path, "it leads out of the backup")
    return path


def _leaves(path: str) -> bool:
    return PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts or "\0" in path


def _copy(source: Path, target: Path) -> Saved:
    """Copy one file, readable by this user alone; its digest and size. Raises OSError."""
    digest = hashlib.sha256()
    with opened(source) as reading, _created(target) as writing:
        while chunk := reading.read(1 << 20):
            digest.update(chunk)
            writing.write(chunk)
        writing.flush()
        os.fsync(writing.fileno())
        return Saved(sha256=digest.hexdigest(), bytes=writing.tell())


def _created(place: Path) -> BufferedWriter:
    """A new file that this user alone may read, open for writing. Raises OSError."""
    return os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, ONLY_OURS), "wb")


def _mode(place: Path) -> int:
    return place.stat().st_mode & 0o777
