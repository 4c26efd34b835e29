"""Room on the disk of a worker: old folders of jobs go, then downloaded checkpoints, the least recently used first."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from backend.environment import hub_cache
from leaderboard.hub.downloads import downloaded_models
from leaderboard.records import Request
from leaderboard.settings import Settings

DAY_S = 24 * 3600.0
BYTES_A_PARAMETER = 2
"""Of most checkpoints on the Hub."""

log = logging.getLogger(__name__)


class Housekeeping:
    """Makes room before jobs start. Nothing that an unsettled job needs is touched."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.folder = settings.work_dir.absolute()

    def work(self, starting: Collection[Request], running: Iterable[Request]) -> None:
        """Delete what is too old, and what stands in the way of the checkpoints of the requests `starting`."""
        for old in self._old_jobs(time.time()):
            shutil.rmtree(old, ignore_errors=True)
        expected = sum((request.params or 0.0) * 1e9 * BYTES_A_PARAMETER for request in starting)
        needed = {name for request in (*starting, *running) for name in (request.model, request.base_model)}
        self._make_room(self.settings.free_disk_gb * 1e9 + expected, needed)

    def _old_jobs(self, now: float) -> Iterator[Path]:
        """Folders of settled jobs that have not changed for as long as they are kept."""
        days = self.settings.keep_jobs_days
        for path in (self.folder / "jobs").glob("*-*") if days else ():
            if not (path / "handle").exists() and path.stat().st_mtime < now - days * DAY_S:
                yield path

    def _make_room(self, wanted: float, needed: Collection[str | None]) -> None:
        """Delete checkpoints that no job needs until `wanted` bytes are free, or none is left."""
        if not self.settings.free_disk_gb or self._free() >= wanted:
            return
        for checkpoint in downloaded_models(hub_cache(self.settings)):
            if self._free() >= wanted:
                return
            if checkpoint.model not in needed:
                log.info("Deleted %s (%.1f GB) to make room.", checkpoint.model, checkpoint.bytes / 1e9)
                shutil.rmtree(checkpoint.folder, ignore_errors=True)
        if self._free() < wanted:
            log.warning("Only %.1f GB are free, and %.1f GB are wanted.", self._free() / 1e9, wanted / 1e9)

    def _free(self) -> int:
        return shutil.disk_usage(self.folder).free
