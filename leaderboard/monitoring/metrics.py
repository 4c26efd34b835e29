"""Metrics that are read when somebody asks for them. No label holds a text that a submitter wrote."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from leaderboard.errors import PodiumError
from leaderboard.hub.calls import CALLS
from leaderboard.queue.queue import Queue
from leaderboard.records import Status, moment


class QueueMetrics(Collector):
    """The requests by status, and how long the oldest one waits."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue

    def describe(self) -> list[Metric]:
        """Nothing: registering must not read the queue."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The queue as it is now; only `podium_queue_up` where it cannot be read."""
        up = GaugeMetricFamily("podium_queue_up", "Whether the queue could be read (1) or not (0).")
        try:
            view = self._queue.view()
        except PodiumError:
            up.add_metric([], 0)
            yield up
            return
        up.add_metric([], 1)
        yield up
        states = GaugeMetricFamily("podium_requests", "Requests by status.", labels=["status"])
        for status, count in view.counts.items():
            states.add_metric([status.value], count)
        yield states
        waiting = [request.submitted_time for request in view.open if request.status is Status.PENDING]
        times = [time for text in waiting if (time := moment(text)) is not None]
        age = (datetime.now(UTC) - min(times)).total_seconds() if times else 0.0
        yield GaugeMetricFamily(
            "podium_oldest_pending_seconds",
            "Seconds since the oldest pending request was submitted; 0 when none waits.",
            value=max(age, 0.0),
        )
        yield GaugeMetricFamily(
            "podium_set_aside_files", "Files in the requests store that cannot be read.", value=len(view.set_aside)
        )


class HubMetrics(Collector):
    """Questions that this process asked the Hub, and what it answered."""

    def describe(self) -> list[Metric]:
        """Nothing is known before the first question."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Counts since the process started."""
        asked, answers = CALLS.counts()
        yield CounterMetricFamily("podium_hub_calls", "Questions to the Hub.", value=asked)
        family = CounterMetricFamily("podium_hub_answers", "Answers of the Hub by HTTP status.", labels=["status"])
        for status, count in sorted(({429: 0} | answers).items()):
            family.add_metric([str(status)], count)
        yield family
