"""`users.json`, which an operator may edit while servers run, and the last good copy of it.

While an edit cannot be read, the servers use the last good copy and log an error.
"""

import json
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from localhub.drafts import Drafts, as_json
from localhub.errors import Damaged
from localhub.files import locked

logger = logging.getLogger(__name__)
_PRIVATE = 0o600


class UserFile:
    """The file of one root; safe between threads and processes."""

    def __init__(self, root: Path) -> None:
        self.path = root / "users.json"
        self.copy = root / "users.last-good.json"
        self._lock = root / "locks" / "users.lock"
        self._drafts = Drafts(root)
        self._guard = threading.Lock()
        self._data: dict[str, Any] | None = None
        self._version: tuple[int, ...] | None = None
        """Version of the file in `_data`; None while the file cannot be read, so that it is read again."""
        self._logged = ""

    def read(self) -> dict[str, Any]:
        """`{users, organizations}` from the file, or from its last good copy; do not modify it.

        Raises Damaged when neither can be read.
        """
        with self._guard:
            version = self._current_version()
            if self._data is None or self._version is None or version != self._version:
                self._load(version)
            assert self._data is not None
            return self._data

    @contextmanager
    def changing(self) -> Iterator[dict[str, Any]]:
        """The content for changes, written when the block ends; raises Damaged when the file cannot be read."""
        with locked(self._lock):
            try:
                data = self._parsed()
            except Damaged as error:
                raise Damaged(
                    f"{error.message} Nothing was changed: correct the file, or copy {self.copy.name} over it"
                ) from None
            yield data
            self._drafts.write_json(self.path, data, mode=_PRIVATE)
            self._keep(as_json(data))

    def _current_version(self) -> tuple[int, ...]:
        try:
            status = self.path.stat()
        except FileNotFoundError:
            return ()
        return status.st_mtime_ns, status.st_ino, status.st_size

    def _load(self, version: tuple[int, ...]) -> None:
        try:
            self._data = self._parsed()
        except Damaged as error:
            self._version = None
            if self._data is None:
                self._data = self._last_good(error)
            self._tell(f"{error.message} The users of its last good copy, {self.copy.name}, are served meanwhile.")
            return
        self._version = version
        if self._logged:
            logger.warning("%s can be read again.", self.path.name)
            self._logged = ""
        self._follow()

    def _tell(self, sentence: str) -> None:
        if sentence != self._logged:
            logger.error("%s", sentence)
            self._logged = sentence

    def _parsed(self) -> dict[str, Any]:
        try:
            return parse(self.path.name, self.path.read_bytes())
        except FileNotFoundError:
            if self.copy.is_file():
                raise Damaged(f"{self.path.name} is missing.") from None
            return parse(self.path.name, b"{}")

    def _last_good(self, error: Damaged) -> dict[str, Any]:
        try:
            return parse(self.copy.name, self.copy.read_bytes())
        except FileNotFoundError:
            raise error from None

    def _follow(self) -> None:
        """Save the file as the last good copy; locked, so that no older content replaces a newer one."""
        if not self._version:
            return
        try:
            with locked(self._lock):
                content = self.path.read_bytes()
                parse(self.path.name, content)
                self._keep(content)
        except (OSError, Damaged) as error:
            logger.warning("%s could not be kept as the last good copy: %s", self.path.name, error)

    def _keep(self, content: bytes) -> None:
        try:
            if not self.copy.is_file() or self.copy.read_bytes() != content:
                self._drafts.write(self.copy, content, mode=_PRIVATE)
        except OSError as error:
            logger.warning("%s could not be written: %s", self.copy.name, error)


def parse(name: str, content: bytes) -> dict[str, Any]:
    """Read `{users, organizations}`; raises Damaged with a message that names every problem."""
    try:
        data = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise Damaged(f"{name} cannot be read: {error}.") from None
    problems = list(_problems(data))
    if problems:
        raise Damaged(f"{name} cannot be read: {'; '.join(problems)}.")
    return {"users": {}, "organizations": {}, **data}


def _problems(data: Any) -> Iterator[str]:
    if not isinstance(data, dict):
        yield 'it must be an object with "users" and "organizations"'
        return
    for part in ("users", "organizations"):
        rows = data.get(part, {})
        if not isinstance(rows, dict):
            yield f'"{part}" must be an object'
            continue
        for name, row in rows.items():
            if not isinstance(row, dict):
                yield f'"{name}" in "{part}" must be an object'
            elif part == "users" and not _are_tokens(row.get("tokens", [])):
                yield f'"tokens" of the user "{name}" must be a list of objects, each with a "sha256"'
            elif part == "organizations" and not isinstance(row.get("members"), dict):
                yield f'"members" of the organization "{name}" must be an object, from user to role'


def _are_tokens(rows: Any) -> bool:
    return isinstance(rows, list) and all(isinstance(row, dict) and isinstance(row.get("sha256"), str) for row in rows)
