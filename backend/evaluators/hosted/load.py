"""Behaviour under load as scores: what the relay measured, made into one number for each column's key."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from backend.relay.client import RelayClient
from leaderboard.benchmarks import Benchmark
from leaderboard.benchmarks.load_scores import LOAD_METRICS, LoadScore
from leaderboard.statistics.scores import Measured

PERCENTILES = {"latency_p50_ms": 50, "latency_p95_ms": 95, "latency_p99_ms": 99}


def load_payload(benchmark: Benchmark, api: str) -> dict[str, Any]:
    """The request that is sent again and again."""
    load = benchmark.endpoint.load
    assert load is not None
    prompt = {"messages": [{"role": "user", "content": load.prompt}]} if api == "chat" else {"prompt": load.prompt}
    return {**prompt, "max_tokens": load.max_tokens, "temperature": 0}


def measured_load(benchmark: Benchmark, api: str, route: str, relay: RelayClient) -> dict[str, Measured]:
    """Score key -> what was measured, for every concurrency that the benchmark names. Raises JobFailed."""
    scores: dict[str, Measured] = {}
    if benchmark.endpoint.load is None:
        return scores
    payload = load_payload(benchmark, api)
    for concurrency in benchmark.endpoint.load.concurrencies:
        measurement = relay.load(route, payload, concurrency)
        for metric, value in metrics(measurement).items():
            scores[LoadScore(metric, concurrency).key] = Measured(value, None, len(measurement["samples"]))
    return scores


def metrics(measurement: dict[str, Any]) -> dict[str, float]:
    """The metrics of one measurement (`backend.relay.load.measure`); NaN where no answer tells.

    Latencies and tokens are those of complete answers. The time to the first token is its median.
    """
    samples = measurement["samples"]
    good = [sample for sample in samples if not sample["fault"]]
    seconds = [sample["seconds"] for sample in good]
    firsts = [sample["first"] for sample in good if sample["first"] is not None]
    values = {name: 1000 * percentile(seconds, share) for name, share in PERCENTILES.items()}
    values["error_rate"] = 1 - len(good) / len(samples)
    values["time_to_first_token_ms"] = 1000 * percentile(firsts, 50)
    tokens = sum(sample["tokens"] for sample in good)
    values["tokens_per_second"] = tokens / measurement["seconds"] if good and measurement["seconds"] else math.nan
    return {name: values[name] for name in LOAD_METRICS}


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that `share` percent of the values do not exceed; NaN of none."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share / 100 * len(ordered)) - 1)] if ordered else math.nan
