"""Scores offered to models' own repositories after they were published; never in the way of anything else."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from leaderboard.benchmarks import Benchmark
from leaderboard.errors import HubUnavailable, NotAllowed
from leaderboard.records import PodiumBlock
from leaderboard.results.results import Results

FIRST_WAIT_S = 60.0
GIVEN_UP_S = 24 * 3600.0

log = logging.getLogger(__name__)


class Offers(Protocol):
    """`leaderboard.hub.model_reports.ModelReports`, as far as it is needed here."""

    def offer(self, benchmark: Benchmark, block: PodiumBlock, url: str) -> str | None: ...


@dataclass
class Due:
    """A report that is not made yet."""

    path: str
    """Of the result."""
    at: float
    since: float
    wait_s: float = FIRST_WAIT_S


class Reporter:
    """Makes reports one at a time; those that are due when the process ends are forgotten."""

    def __init__(self, reports: Offers, results: Results, benchmarks: Mapping[str, Benchmark], address: str) -> None:
        self._reports = reports
        self._results = results
        self._benchmarks = benchmarks
        self._address = address
        self._due: list[Due] = []

    def add(self, benchmark_id: str, path: str, now: float) -> None:
        """Note a published result, where its benchmark wants reports."""
        if path and self._benchmarks[benchmark_id].model_report is not None:
            self._due.append(Due(path, at=now, since=now))

    def work(self, now: float) -> None:
        """Make the first report that is due."""
        due = next((report for report in self._due if report.at <= now), None)
        if due is None:
            return
        self._due.remove(due)
        block = PodiumBlock.model_validate(self._results.read(due.path)["podium"])
        try:
            url = self._reports.offer(
                self._benchmarks[block.benchmark], block, f"{self._address}/api/v1/results/{due.path}"
            )
        except NotAllowed as refusal:
            log.warning("%s is not told of its scores: %s", block.model, refusal)
        except HubUnavailable as trouble:
            if now - due.since < GIVEN_UP_S:
                self._due.append(Due(due.path, now + due.wait_s, due.since, 2 * due.wait_s))
            log.warning("%s is not told of its scores yet: %s", block.model, trouble)
        else:
            if url:
                log.info("Offered %s its scores: %s", block.model, url)
