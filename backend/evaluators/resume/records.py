"""Records of answers: those that earlier runs kept, and those of this run, written in files as they come.

A file is JSON lines: first the time that its records took, then `[key, value]` for each. JSON keeps a float to the
last bit.
"""

from __future__ import annotations

import json
import logging
import math
import secrets
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from backend import kept
from backend.workdir import Workdir

ENOUGH_BYTES = kept.MOST_FILE_BYTES // 2
"""A file that has grown to this size is followed by another."""
log = logging.getLogger(__name__)


class Spent(NamedTuple):
    """Time that records took."""

    seconds: float = 0.0
    processor_seconds: float = 0.0


class Record(NamedTuple):
    """A value that an earlier run kept."""

    value: Any
    file: str


class Records:
    """Values by key. Making one reads what earlier runs kept; what cannot be used of it is left out, and logged."""

    def __init__(self, workdir: Workdir) -> None:
        self._workdir = workdir
        self._run = secrets.token_hex(4)
        self._earlier: dict[str, Record] = {}
        self._spent: dict[str, Spent] = {}
        self._used: set[str] = set()
        self._lines: list[str] = []
        self._number = 0
        self._bytes = 0
        self._full = False
        self.begin()
        for name, content in kept.contents(workdir.kept):
            self._bytes += len(content)
            self._load(name, content)

    def begin(self) -> None:
        """Count the time from now on."""
        self._began = Spent(time.monotonic(), time.process_time())

    def get(self, key: str) -> Any:
        """What an earlier run kept under `key`; None for nothing. It counts as used only after `use`."""
        record = self._earlier.get(key)
        return record.value if record else None

    def use(self, key: str) -> None:
        """Count what was kept under `key` as part of this run's result."""
        self._used.add(self._earlier[key].file)

    @property
    def runs_used(self) -> int:
        """How many earlier runs this run's result has something of."""
        return len({name.partition("-")[0] for name in self._used})

    @property
    def spent_before(self) -> Spent:
        """Time that earlier runs took for what was used of them."""
        used = [self._spent[name] for name in self._used]
        return Spent(sum(each.seconds for each in used), sum(each.processor_seconds for each in used))

    def add(self, key: str, value: Any) -> None:
        """Have a value kept with the next `write`."""
        self._lines.append(json.dumps([key, value]) + "\n")

    def write(self) -> None:
        """Keep what was added since the last time. Where that fails, the run goes on and keeps nothing more."""
        now = Spent(time.monotonic(), time.process_time())
        spent = Spent(now.seconds - self._began.seconds, now.processor_seconds - self._began.processor_seconds)
        self._began = now
        for content in self._files(spent):
            self._bytes += len(content)
            if self._full or len(content) > kept.MOST_FILE_BYTES:
                continue
            if self._bytes > kept.MOST_BYTES or self._number >= kept.MOST_FILES:
                self._stop("it is as much as is kept of one request")
                continue
            self._number += 1
            try:
                self._workdir.keep(kept.file_name(self._run, self._number, content), content)
            except OSError as error:
                self._stop(str(error))
        self._lines = []

    def _stop(self, why: str) -> None:
        self._full = True
        log.warning("No more answers are kept for a later run: %s.", why)

    def _files(self, spent: Spent) -> Iterator[bytes]:
        """The contents of the files that take what was added."""
        lines, size = [json.dumps(spent._asdict()) + "\n"], 0
        for line in self._lines:
            if size + len(line) > ENOUGH_BYTES and size:
                yield "".join(lines).encode()
                lines, size = [json.dumps(Spent()._asdict()) + "\n"], 0
            lines.append(line)
            size += len(line)
        if size:
            yield "".join(lines).encode()

    def _load(self, name: str, content: bytes) -> None:
        """Take in a file of an earlier run, whole or not at all."""
        try:
            first, *rest = content.decode().splitlines()
            spent = Spent(**json.loads(first))
            records = {key: Record(value, name) for key, value in map(json.loads, rest) if isinstance(key, str)}
            sound = all(isinstance(each, float) and math.isfinite(each) and each >= 0 for each in spent)
        except (ValueError, TypeError, RecursionError) as error:
            log.warning("Ignored the kept file %s: %s", name, error)
            return
        if not sound:
            log.warning("Ignored the kept file %s: its times are no times.", name)
            return
        self._spent[name] = spent
        self._earlier.update(records)
