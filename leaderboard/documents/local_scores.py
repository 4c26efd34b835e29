"""Scores that a submission's sender computed before, beside the graded ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from leaderboard.benchmarks import Benchmark, Column
from leaderboard.records import NamedRequest, PodiumBlock, Request
from leaderboard.records.submission import CODE

DIFFERS = 0.01
"""Share of the graded score by which the local one may be off without an explanation."""


class LocalScore(NamedTuple):
    """One score of which the sender said a value."""

    column: Column
    local: float
    graded: float | None
    """None while it is not graded."""

    @property
    def differs(self) -> bool:
        """Whether the two are further apart than DIFFERS."""
        return self.graded is not None and abs(self.graded - self.local) > DIFFERS * abs(self.graded)


class LocalScores(NamedTuple):
    """What is shown of a submission's local scores."""

    scores: list[LocalScore]
    reasons: list[str]
    """Sentences: what may be why a score differs; empty where none does."""


def local_scores(request: Request | None, block: PodiumBlock | None, benchmark: Benchmark | None) -> LocalScores | None:
    """The local scores of the benchmark's columns; None where the sender said none."""
    if benchmark is None or not isinstance(request, NamedRequest):
        return None
    graded = block.scores if block is not None else {}
    scores = [
        LocalScore(column, request.local_scores[column.key], graded[column.key].raw if column.key in graded else None)
        for column in benchmark.columns
        if column.key in request.local_scores
    ]
    if not scores:
        return None
    differs = any(score.differs for score in scores)
    return LocalScores(scores, list(_reasons(request, benchmark)) if differs else [])


def _reasons(request: Request, benchmark: Benchmark) -> Iterator[str]:
    """Why a graded score may differ from a local one, by the benchmark's rules."""
    rules = benchmark.competition
    if rules is not None and rules.hidden_sample is not None:
        yield f"Each submission is graded on {rules.hidden_sample.size:,} examples that are drawn for it alone."
    if rules is not None and rules.split is not None:
        yield "The board grades on a part of the labels that participants do not have."
    if rules is not None and rules.published_decimals is not None:
        digits = rules.published_decimals
        yield f"Published scores are rounded to {digits} {'digit' if digits == 1 else 'digits'} after the point."
    if request.kind == CODE:
        yield "Code runs here within the benchmark's limits: calls that fail or take too long count as the rules say."
    yield "A local score is what the sender computed, perhaps on other data or with other versions of packages."
