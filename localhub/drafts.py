"""Files are written as drafts in `tmp/` under the root and renamed into place, so that a reader sees a whole file.

A draft that fails is removed. One whose writer was killed is removed by `Drafts.sweep`: a writer holds a lock on its
draft, which the kernel releases however the process ends, so a file that is still being written is never removed,
also with several processes on one root.
"""

import fcntl
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from localhub.files import fsync_folder, move_into_place


class Draft:
    """A file that is being written. It is deleted unless `keep` is called; use it in a `with` block, or call `drop`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path, self._handle = _created(folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.drop()

    def write(self, data: bytes) -> None:
        """Append `data`; raises OSError when the disk is full."""
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._handle, rest) :]

    def sync(self) -> None:
        """Flush the written data to disk."""
        os.fsync(self._handle)

    def keep(self, path: Path, *, mode: int = 0o644) -> None:
        """Rename it to `path`, replacing an existing file; durable after `fsync_folder` of its folder."""
        os.fchmod(self._handle, mode)
        move_into_place(self.path, path)

    def drop(self) -> None:
        """Delete the draft, unless it was kept, and close it."""
        self.path.unlink(missing_ok=True)
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


def _created(folder: Path) -> tuple[Path, int]:
    while True:
        path = folder / secrets.token_hex(8)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(handle, fcntl.LOCK_EX)
        if os.fstat(handle).st_nlink:
            return path, handle
        os.close(handle)  # a sweep removed it before it was locked


class Drafts:
    """The drafts of one root. Creating this object writes nothing."""

    def __init__(self, root: Path) -> None:
        self._folder = root / "tmp"

    def new(self) -> Draft:
        """An empty draft."""
        return Draft(self._folder)

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """An empty folder to fill and rename; removed at the end unless it was renamed."""
        with self.new() as owner:
            folder = _folder_of(owner.path)
            folder.mkdir()
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)

    def write(self, path: Path, data: bytes, *, mode: int = 0o644) -> None:
        """Replace `path` with `data`, durably: a reader sees the old file or the new one, never a part."""
        with self.new() as draft:
            draft.write(data)
            draft.sync()
            draft.keep(path, mode=mode)
        fsync_folder(path.parent)

    def write_json(self, path: Path, value: Any, *, mode: int = 0o644) -> None:
        """Write `value` as readable JSON, as `write` does."""
        self.write(path, as_json(value), mode=mode)

    def sweep(self) -> None:
        """Remove the drafts of killed processes."""
        for path in list(self._folder.glob("*")):
            if path.suffix:
                continue  # a folder: removed with the draft that owns it
            with suppress(FileNotFoundError, PermissionError):
                handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
                try:
                    fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
                    shutil.rmtree(_folder_of(path), ignore_errors=True)
                    path.unlink()
                except BlockingIOError:
                    pass  # its writer is alive
                finally:
                    os.close(handle)


def _folder_of(draft: Path) -> Path:
    return draft.with_suffix(".folder")


def as_json(value: Any) -> bytes:
    """`value` as JSON that people can read and edit."""
    return json.dumps(value, indent=1, ensure_ascii=False).encode() + b"\n"
