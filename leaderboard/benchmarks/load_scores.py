"""Behaviour under load as scores: their keys, such as `latency_p95_ms@4`, and which way is better."""

from __future__ import annotations

import re
from typing import NamedTuple

LOAD_METRICS = {
    "error_rate": False,
    "latency_p50_ms": False,
    "latency_p95_ms": False,
    "latency_p99_ms": False,
    "time_to_first_token_ms": False,
    "tokens_per_second": True,
}
"""What is measured -> whether higher is better."""
KEY = re.compile(r"(?P<metric>[a-z0-9_]+)@(?P<concurrency>[1-9]\d{0,2})")


class LoadScore(NamedTuple):
    """One measurement at one concurrency."""

    metric: str
    concurrency: int
    """Requests at a time."""

    @property
    def key(self) -> str:
        """What a column's `score` says."""
        return f"{self.metric}@{self.concurrency}"


def load_score(key: str) -> LoadScore | None:
    """The measurement that a column's `score` names; None where it names none."""
    match = KEY.fullmatch(key)
    if match is None or match["metric"] not in LOAD_METRICS:
        return None
    return LoadScore(match["metric"], int(match["concurrency"]))
