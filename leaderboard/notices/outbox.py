"""Which ends a channel was told of: a small file in the work folder, so that a restart loses and repeats none."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel, Field, ValidationError

from leaderboard.notices.notice import Notice

log = logging.getLogger(__name__)


class _File(BaseModel):
    schema_version: int = 1
    since: str
    told: dict[str, str] = Field(default_factory=dict)
    """Delivery -> time of the end."""


class Outbox:
    """The ends that one channel was told of."""

    def __init__(self, path: Path, now: str) -> None:
        """`now` (UTC): where the file is new, ends before it are never told."""
        self._path = path
        self._file = _read(path) or _File(since=now)
        self._write()

    @property
    def since(self) -> str:
        """Ends before this time (UTC) are not told, or were."""
        return self._file.since

    def waiting(self, notices: Iterable[Notice]) -> list[Notice]:
        """Those of `notices` that were not told, in the order in which they ended."""
        new = [notice for notice in notices if notice.delivery not in self._file.told]
        return sorted((notice for notice in new if notice.ended_time >= self.since), key=lambda each: each.ended_time)

    def has(self, delivery: str) -> bool:
        """Whether the channel was told of that end."""
        return delivery in self._file.told

    def note(self, notice: Notice) -> None:
        """It was told."""
        self._file.told[notice.delivery] = notice.ended_time
        self._write()

    def forget(self, before: str) -> None:
        """Tell nothing that ended before this time (UTC) any more."""
        if before > self._file.since:
            self._file.since = before
            self._file.told = {delivery: time for delivery, time in self._file.told.items() if time >= before}

    def _write(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_suffix(".draft")
        with draft.open("w", encoding="utf-8") as file:
            file.write(self._file.model_dump_json(indent=1) + "\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._path)


def _read(path: Path) -> _File | None:
    """The file; None where there is none, or one that cannot be read."""
    try:
        return _File.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError:
        log.warning("%s cannot be read; only what ends from now on is told.", path)
        return None
