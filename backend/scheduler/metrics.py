"""What became of this worker's jobs, counted for Prometheus."""

from __future__ import annotations

from datetime import UTC, datetime

from prometheus_client import CollectorRegistry, Counter, Histogram

from backend.failures import CODES
from leaderboard.records import Failure, Request, moment

BUCKETS_S = (10, 30, 60, 300, 900, 1800, 3600, 2 * 3600, 4 * 3600, 8 * 3600, 24 * 3600)
OTHER = "other"
"""Stands for a code that is not in the table: jobs write codes, and jobs are not trusted."""


class JobMetrics:
    """Counts of one scheduler, in `registry`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._ended = Counter("podium_jobs", "Jobs that ended, by outcome.", ["outcome"], registry=registry)
        self._failures = Counter(
            "podium_job_failures", "Failed jobs, by code and by whose fault it was.", ["code", "fault"],
            registry=registry,
        )  # fmt: skip
        self._seconds = Histogram(
            "podium_job_seconds", "Seconds from the claim of a request to the end of its job.", ["outcome"],
            buckets=BUCKETS_S, registry=registry,
        )  # fmt: skip
        for outcome in ("finished", "failed"):
            self._ended.labels(outcome)
            self._seconds.labels(outcome)

    def finished(self, request: Request) -> None:
        """A job's results are published."""
        self._end(request, "finished")

    def failed(self, request: Request, failure: Failure) -> None:
        """A job ended without results, or could not be started."""
        code = failure.code if failure.code in CODES else OTHER
        self._failures.labels(code, failure.fault.value).inc()
        self._end(request, "failed")

    def _end(self, request: Request, outcome: str) -> None:
        self._ended.labels(outcome).inc()
        start = moment(request.job_start_time)
        if start is not None:
            self._seconds.labels(outcome).observe(max((datetime.now(UTC) - start).total_seconds(), 0.0))
