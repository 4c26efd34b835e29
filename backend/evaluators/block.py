"""The block that Podium adds to the results of every evaluation, in the class of the request's kind."""

from __future__ import annotations

from collections.abc import Mapping

from leaderboard.benchmarks import Benchmark
from leaderboard.records import NamedRequest, PodiumBlock, Provenance, Request, Score, kind_of


def result_block(
    request: Request,
    benchmark: Benchmark,
    scores: Mapping[str, Score],
    average: float | None,
    made: Provenance,
    limit: int | None = None,
) -> PodiumBlock:
    """The block with these scores by column key; `limit` as in PodiumBlock."""
    own = {"number": request.number} if isinstance(request, NamedRequest) else {}
    return kind_of(request).block(
        request_id=request.id,
        attempt=request.attempts,
        benchmark=benchmark.id,
        benchmark_version=benchmark.version,
        kind=request.kind,
        model=request.model,
        revision=request.revision,
        base_model=request.base_model,
        precision=request.precision,
        weight_type=request.weight_type,
        use_chat_template=request.use_chat_template,
        time=request.job_start_time or "",
        scores=dict(scores),
        average=average,
        limit=limit,
        provenance=made,
        **own,
    )
