"""What a process answers at /healthz, /readyz and /metrics, whoever carries the answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from ipaddress import ip_address
from typing import NamedTuple

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from leaderboard.monitoring.metrics import HubMetrics, QueueMetrics
from leaderboard.monitoring.readiness import Readiness, benchmarks_check, scheduler_check, store_check
from leaderboard.opening import Stores
from leaderboard.queue.queue import Queue
from leaderboard.settings import Settings

HEALTH, READINESS, METRICS = "/healthz", "/readyz", "/metrics"
FORWARDED = frozenset({"forwarded", "x-forwarded-for", "x-real-ip", "via"})
"""Headers by which a proxy says that it passes somebody else's question on."""
TEXT, JSON = "text/plain; charset=utf-8", "application/json"


class Answer(NamedTuple):
    """What to send."""

    status: int
    media_type: str
    body: bytes


ALIVE = Answer(200, TEXT, b"ok\n")
NOT_HERE = Answer(404, TEXT, b"There is nothing at this address.\n")
NOT_FOR_YOU = Answer(
    403, TEXT, b"Metrics are not for you: PODIUM_METRICS_FROM names the networks that may read them, directly.\n"
)


class Monitor:
    """Health, readiness and metrics of one service or worker, over a registry of its own."""

    def __init__(
        self, settings: Settings, stores: Stores, queue: Queue, registry: CollectorRegistry | None = None
    ) -> None:
        """`registry`: with metrics that are counted already; None for a new one."""
        self._networks = settings.metrics_networks
        self._lease_s = settings.lease_s
        self.readiness = Readiness([partial(store_check, settings, stores), partial(benchmarks_check, settings)])
        self.registry = CollectorRegistry() if registry is None else registry
        self.registry.register(QueueMetrics(queue))
        self.registry.register(HubMetrics())

    def watch_scheduler(self, age_s: Callable[[], float]) -> None:
        """Be ready only while rounds end: `age_s` tells how many seconds ago the last one did."""
        self.readiness.add(partial(scheduler_check, age_s, self._lease_s))

    def answer(self, path: str, client: str, headers: Mapping[str, str]) -> Answer:
        """The answer at `path` for who asks from the address `client` with these headers (names in lower case)."""
        if path == HEALTH:
            return ALIVE
        if path == READINESS:
            report = self.readiness.report()
            return Answer(200 if report.ready else 503, JSON, (report.model_dump_json(indent=2) + "\n").encode())
        if path != METRICS:
            return NOT_HERE
        if not self._may_read(client, headers):
            return NOT_FOR_YOU
        return Answer(200, CONTENT_TYPE_LATEST, generate_latest(self.registry))

    def _may_read(self, client: str, headers: Mapping[str, str]) -> bool:
        """Whether they ask directly and from a network that may; an address behind a proxy is what somebody wrote."""
        if any(name in headers for name in FORWARDED):
            return False
        try:
            address = ip_address(client)
        except ValueError:
            return False
        return any(address in network for network in self._networks)
