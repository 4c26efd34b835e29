"""From the harness's results to the board's scores, by the Open LLM Leaderboard's published method.

n(x) = 100 * (x - worst) / (best - worst), cut at 0 and at 100. For a share of right answers best is 1 and worst is
1 / number of choices, or 0 without choices. A column with a declared range has its ends, in the declared direction.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any, NamedTuple

from leaderboard.benchmarks import Benchmark, Column, Part
from leaderboard.benchmarks.scale import normalise, pooled_scale
from leaderboard.records import Score

HarnessResults = Mapping[str, Any]
"""What lm-eval returns: `results` {task: {metric: value}}, `n-samples`, `higher_is_better`."""


class Measured(NamedTuple):
    """The harness's measurement of one part."""

    raw: float
    """In the metric's own unit."""
    stderr: float | None
    """In the same unit; None when unknown."""
    n: int | None
    """Number of examples; None when unknown."""


def score(benchmark: Benchmark, harness_results: HarnessResults) -> tuple[dict[str, Score], float | None]:
    """Scores by column key, and their average: the mean of the normalised ones, None when one of them is missing.

    Standard errors: of a mean of k parts sqrt(sum of squares) / k, the parts being different questions. Several
    metrics of one part are answers to the same questions: the mean of their errors, as if they moved together. A part
    beyond the ends of its scale keeps the error that it would have without the cut, which can only narrow it. So no
    error is shown as smaller than it is.
    """
    scores = {column.key: _column(column, harness_results) for column in benchmark.columns}
    counted = [scores[column.key].normalised for column in benchmark.columns if column.in_average]
    return scores, _mean(counted)


def challenge_scores(benchmark: Benchmark, measured: Mapping[str, Measured]) -> tuple[dict[str, Score], float | None]:
    """Scores by column key from a challenge's scores by their keys, and the number that ranks: their mean.

    A column without a range keeps its raw values as they are; where lower is better they count negative in the mean.
    What is missing or not finite is no score.
    """
    scores, counted = {}, list[float | None]()
    for column in benchmark.columns:
        value, stderr, n = measured.get(column.score, Measured(math.nan, None, None))
        if not math.isfinite(value):
            scores[column.key] = Score(raw=None, normalised=None, n=n)
        elif column.range is None:
            scores[column.key] = Score(raw=value, normalised=value, stderr=stderr, n=n)
        else:
            scale = column.scale()
            error = None if stderr is None else abs(scale.slope) * stderr
            scores[column.key] = Score(raw=value, normalised=normalise(value, *scale), stderr=error, n=n)
        if column.ranks:
            points = scores[column.key].normalised
            counted.append(-points if column.counts_downwards and points is not None else points)
    return scores, _mean(counted)


def _column(column: Column, harness_results: HarnessResults) -> Score:
    if column.score:
        return Score(raw=None, normalised=None)
    measured = [measured_part(part, harness_results, share=column.range is None) for part in column.parts]
    parts = [part for part in measured if part is not None]
    sizes = [part.n for part in parts if part.n is not None]
    n = sum(sizes) if sizes and len(sizes) == len(column.parts) else None
    if len(parts) < len(column.parts):
        return Score(raw=None, normalised=None, n=n)
    if column.combine == "weighted":
        if n is None or n == 0:
            return Score(raw=None, normalised=None, n=n)
        return _combined(column, parts, [size / n for size in sizes], n)
    return _combined(column, parts, [1 / len(parts)] * len(parts), n)


def _combined(column: Column, parts: Sequence[Measured], weights: Sequence[float], n: int | None) -> Score:
    """Parts made into one number; weighted ones as one task, normalised after the raw scores have been averaged."""
    raw = math.fsum(weight * part.raw for weight, part in zip(weights, parts, strict=True))
    scales = [column.scale(part) for part in column.parts]
    if column.combine == "weighted":
        scales = [pooled_scale(scales, weights)] * len(scales)
        normalised = normalise(raw, *scales[0])
    else:
        each = [normalise(part.raw, *scale) for part, scale in zip(parts, scales, strict=True)]
        normalised = math.fsum(weight * value for weight, value in zip(weights, each, strict=True))
    terms = [
        None if part.stderr is None else weight * abs(scale.slope) * part.stderr
        for weight, scale, part in zip(weights, scales, parts, strict=True)
    ]
    known = [term for term in terms if term is not None]
    stderr = math.hypot(*known) if len(known) == len(terms) else None
    return Score(raw=raw, normalised=normalised, stderr=stderr, n=n)


def measured_part(part: Part, harness_results: HarnessResults, share: bool = True) -> Measured | None:
    """The harness's measurement of a part; None when one of its metrics was not measured.

    `share` says that its metrics are shares of right answers, whose error can be bounded where the harness gives none.
    """
    row = (harness_results.get("results") or {}).get(part.task) or {}
    n = _size(part.task, harness_results)
    raw = _mean([_number(row.get(metric)) for metric in part.metrics])
    if raw is None:
        return None
    stderr = _mean([_stderr(part.task, metric, row, n if share else None, harness_results) for metric in part.metrics])
    return Measured(raw, stderr, n)


def _stderr(
    task: str, metric: str, row: Mapping[str, Any], n: int | None, harness_results: HarnessResults
) -> float | None:
    """The harness's standard error, or the largest that a share of right answers of this size can have.

    The harness gives none for some accuracies (IFEval's instruction level). Answers between 0 and 1 with mean p vary
    by at most p * (1 - p), so sqrt(p * (1 - p) / n) stands in for it; only for metrics where higher is better.
    """
    name, _, filter_ = metric.partition(",")
    given = _number(row.get(f"{name}_stderr,{filter_}"))
    if given is not None:
        return given
    value = _number(row.get(metric))
    share = ((harness_results.get("higher_is_better") or {}).get(task) or {}).get(name) is True
    if not share or value is None or not 0 <= value <= 1 or not n:
        return None
    return math.sqrt(value * (1 - value) / n)


def _size(task: str, harness_results: HarnessResults) -> int | None:
    size = ((harness_results.get("n-samples") or {}).get(task) or {}).get("effective")
    return int(size) if isinstance(size, Integral) else None


def _number(value: Any) -> float | None:
    """`value` as a finite float, None when it is none (the harness writes "N/A" and NaN)."""
    if not isinstance(value, Real) or isinstance(value, bool):
        return None
    number = float(value)
    return number if math.isfinite(number) else None


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if known and len(known) == len(values) else None
