"""What evaluations of challenges have in common: scores by key become the result of the request."""

from __future__ import annotations

import json
from collections.abc import Mapping

from backend import sandbox
from backend.evaluators.block import result_block
from backend.workdir import Workdir
from leaderboard.benchmarks import Benchmark
from leaderboard.records import Provenance, Score
from leaderboard.results.private_results import HIDDEN_SCORES
from leaderboard.statistics.scores import Measured, challenge_scores


def write_scores(
    workdir: Workdir,
    measured: Mapping[str, Measured],
    made: Provenance,
    details: Mapping[str, bytes] | None = None,
) -> None:
    """Write results.json, in the harness's shape, and the details (a Parquet file a task) of a challenge's run.

    `measured`: by the keys that the benchmark's columns name with `score`; other keys are left out. The scores of
    hidden columns go into a file of their own, which is not published.
    """
    request, benchmark = workdir.request(), workdir.benchmark()
    scores, average = challenge_scores(benchmark, measured)
    shown = benchmark.shown()
    _write_hidden(workdir, benchmark, scores)
    made.sandbox = made.sandbox or list(sandbox.entered())
    visible = {column.key: scores[column.key] for column in shown.columns}
    block = result_block(request, benchmark, visible, average, made)
    known = {column.score for column in shown.columns}
    raw = {key: value.raw for key, value in measured.items() if key in known}
    results = {"results": {benchmark.id: raw}, "podium": block.model_dump(mode="json")}
    workdir.write_results(json.dumps(results, indent=2, ensure_ascii=False).encode(), dict(details or {}))


def _write_hidden(workdir: Workdir, benchmark: Benchmark, scores: Mapping[str, Score]) -> None:
    """Write the scores of hidden columns where they are not published."""
    hidden = {
        column.key: {"title": column.title, "score": scores[column.key].model_dump(mode="json")}
        for column in benchmark.columns
        if column.hidden
    }
    if hidden:
        workdir.write_private(HIDDEN_SCORES, json.dumps(hidden, indent=2, ensure_ascii=False).encode())
