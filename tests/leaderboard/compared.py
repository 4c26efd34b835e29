"""A small board for the tests of Compare and Plots: two tasks of several kinds, real result files and details."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from leaderboard.benchmarks import Benchmark, Column, Part
from leaderboard.board.boards import Boards, ContentsSource
from leaderboard.board.contents import Contents
from leaderboard.queue.queue import Queue
from leaderboard.records import PodiumBlock, Provenance
from leaderboard.results.details import details_table
from leaderboard.results.results import Results
from leaderboard.statistics.scores import score
from leaderboard.stores.local import LocalStore

BENCHMARK = Benchmark(
    id="demo",
    version="1",
    title="Demo",
    description="",
    columns=[
        Column(key="plain", title="Plain", run=["plain"], parts=[Part(task="plain", metrics=["acc,none"], choices=4)]),
        Column(
            key="mixed",
            title="Mixed",
            run=["mixed"],
            parts=[
                Part(task="mixed_a", metrics=["acc,none"], choices=2),
                Part(task="mixed_b", metrics=["exact_match,strict"]),
            ],
        ),
    ],
)
Answers = Mapping[str, Sequence[float]]
"""Task -> score of each question."""


class Place:
    """Stores in a folder, with what Compare needs."""

    def __init__(self, root: Path, benchmark: Benchmark = BENCHMARK) -> None:
        self.benchmark = benchmark
        store = LocalStore(root / "results")
        self.results = Results(store)
        self.contents = Contents(store, Queue(LocalStore(root / "requests")), {benchmark.id: benchmark})
        source = ContentsSource(self.contents.version, self.contents.frame)
        self.boards = Boards(source, {benchmark.id: benchmark})

    def publish(self, model: str, answers: Answers, details: bool = True, attempt: int = 1, **changes: Any) -> str:
        """Publish a made-up evaluation; return its id on the board."""
        metrics = metrics_of(self.benchmark)
        harness = harness_of(self.benchmark, answers)
        scores, average = score(self.benchmark, harness)
        answer: dict[str, Any] = {
            "request_id": hashlib.sha256(model.encode()).hexdigest()[:16],
            "attempt": attempt,
            "benchmark": self.benchmark.id,
            "benchmark_version": self.benchmark.version,
            "model": model,
            "revision": "0123456789abcdef0123456789abcdef01234567",
            "precision": "float32",
            "weight_type": "Original",
            "use_chat_template": False,
            "time": f"2026-11-20T10:{attempt:02d}:00Z",
            "scores": scores,
            "average": average,
            "provenance": Provenance(packages={"lm_eval": "0.4.13"}, task_hashes=dict.fromkeys(answers, "abc")),
        }
        block = PodiumBlock(**(answer | changes))
        tables = {task: details_table(samples(metrics[task], values)) for task, values in answers.items()}
        self.results.publish({**harness, "podium": block.model_dump(mode="json")}, tables if details else {})
        self.boards.refresh(self.benchmark.id)
        chat = "_chat" if block.use_chat_template else ""
        return f"{model}@{block.revision[:12]}_{block.precision}_{block.weight_type}{chat}"


def metrics_of(benchmark: Benchmark) -> dict[str, str]:
    """Task -> its metric."""
    return {part.task: part.metrics[0] for column in benchmark.columns for part in column.parts}


def harness_of(benchmark: Benchmark, answers: Answers) -> dict[str, Any]:
    """What the harness would have said of these answers."""
    made: dict[str, Any] = {"results": {}, "n-samples": {}, "n-shot": {}, "config": {"model_dtype": "torch.float32"}}
    metrics = metrics_of(benchmark)
    for task, values in answers.items():
        name, _, filter_ = metrics[task].partition(",")
        mean = sum(values) / len(values)
        spread = sum((value - mean) ** 2 for value in values) / (len(values) - 1)
        made["results"][task] = {metrics[task]: mean, f"{name}_stderr,{filter_}": math.sqrt(spread / len(values))}
        made["n-samples"][task] = {"original": len(values), "effective": len(values)}
        made["n-shot"][task] = 0
    return made


def samples(metric: str, values: Sequence[float]) -> list[dict[str, Any]]:
    """Logged samples: every question once for the metric's filter and once, always right, for another."""
    name, _, filter_ = metric.partition(",")
    return [
        {
            "doc_id": at,
            "doc": {"question": f"Question {at}"},
            "target": "yes",
            "arguments": [(f"Question {at}?", {"until": ["\n"]})],
            "resps": [[f"answer {value} to {at}"]],
            "filtered_resps": [f"answer {value} to {at}"],
            "filter": kind,
            "metrics": [name],
            "doc_hash": f"hash-{at}",
            name: value if kind == filter_ else 1.0,
        }
        for kind, at, value in [(kind, at, value) for kind in (filter_, "other") for at, value in enumerate(values)]
    ]
