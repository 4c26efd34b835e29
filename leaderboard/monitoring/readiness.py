"""Whether a process can do its work: a few checks, each with a sentence. No sentence names a folder or a secret."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from pydantic import BaseModel

from leaderboard.benchmarks import load_benchmarks
from leaderboard.errors import BadBenchmark, PodiumError
from leaderboard.opening import Stores
from leaderboard.settings import Settings

KEPT_S = 2.0
"""Seconds for which a report is given again: anybody may ask for it."""
WORKERS = "workers/"


class Check(BaseModel):
    """One thing that has to work."""

    name: str
    ok: bool
    sentence: str
    """How it is, for a person."""


class Report(BaseModel):
    """All checks of a process."""

    ready: bool
    """Whether every check is fine."""
    checks: list[Check]


class Readiness:
    """The checks of one process. Safe for threads; of several who ask at once, one looks."""

    def __init__(self, checks: Iterable[Callable[[], Check]], clock: Callable[[], float] = time.monotonic) -> None:
        self._checks = list(checks)
        self._clock = clock
        self._looking = threading.Lock()
        self._report: Report | None = None
        self._looked = float("-inf")

    def add(self, check: Callable[[], Check]) -> None:
        """Look at one more thing."""
        self._checks.append(check)

    def report(self) -> Report:
        """How it stands, at most KEPT_S old; older while somebody else looks."""
        known = self._report
        if known and self._clock() - self._looked < KEPT_S:
            return known
        if not self._looking.acquire(blocking=known is None):
            assert known is not None
            return known
        try:
            checks = [check() for check in self._checks]
            self._report = Report(ready=all(check.ok for check in checks), checks=checks)
            self._looked = self._clock()
            return self._report
        finally:
            self._looking.release()


def store_check(settings: Settings, stores: Stores) -> Check:
    """Whether requests and results can be read, and written where they are folders."""
    problems = []
    if settings.store == "local":
        folders = {"PODIUM_REQUESTS_DIR": settings.requests_dir, "PODIUM_RESULTS_DIR": settings.results_dir}
        problems = [f"The folder of {name} {why}." for name, folder in folders.items() if (why := _refusal(folder))]
    try:
        stores.requests.list(WORKERS)
        stores.results.list("policy/")
    except PodiumError:
        problems.append("Requests or results cannot be read; the log says why.")
    except OSError as error:
        problems.append(f"Requests or results cannot be read ({error.strerror}).")
    return Check(name="store", ok=not problems, sentence=" ".join(problems) or "Requests and results can be read.")


def benchmarks_check(settings: Settings) -> Check:
    """Whether the benchmarks' files can be loaded as they are now."""
    try:
        loaded = load_benchmarks(settings.benchmarks_dir, settings.benchmark_ids)
    except BadBenchmark as error:
        sentence = f"The benchmarks cannot be loaded: {len(error.lines)} problems; `podium doctor` lists them."
        return Check(name="benchmarks", ok=False, sentence=sentence)
    return Check(name="benchmarks", ok=True, sentence=f"Benchmarks are loaded: {', '.join(loaded)}.")


def scheduler_check(age_s: Callable[[], float], limit_s: float) -> Check:
    """Whether the scheduler's last round ended within `limit_s` seconds, the time for which a lease holds."""
    age = age_s()
    if age <= limit_s:
        return Check(name="scheduler", ok=True, sentence=f"The scheduler's last round ended {age:.0f} s ago.")
    sentence = f"The scheduler has ended no round for {age:.0f} s; leases hold for {limit_s:.0f} s. The log says why."
    return Check(name="scheduler", ok=False, sentence=sentence)


def _refusal(folder: Path) -> str:
    """Why a folder cannot be used, as the end of a sentence; empty when it can."""
    if not folder.is_dir():
        return "is not there"
    return "" if os.access(folder, os.R_OK | os.W_OK | os.X_OK) else "cannot be read and written by this process"
