"""From raw scores to points, by the Open LLM Leaderboard's published method.

n(x) = 100 * (x - worst) / (best - worst), cut at 0 and at 100. For a share of right answers best is 1 and worst is
1 / number of choices, or 0 without choices. A column with a declared range has its ends, in the declared direction.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple


class Scale(NamedTuple):
    """The raw values between which points run from 0 to 100; `worst` is the larger one where lower is better."""

    worst: float = 0.0
    best: float = 1.0

    @property
    def slope(self) -> float:
        """Points for one unit of the raw score; negative where lower is better."""
        return 100 / (self.best - self.worst)


def normalise(x: float, worst: float = 0.0, best: float = 1.0) -> float:
    """`x` in points: `worst` (a guesser's score) is 0, `best` is 100; beyond them it is cut."""
    return min(max(100 * (x - worst) / (best - worst), 0.0), 100.0)


def pooled_scale(scales: Sequence[Scale], weights: Sequence[float]) -> Scale:
    """The scale of parts that count as one task: the guesser's score is the weighted mean of theirs."""
    return Scale(math.fsum(weight * scale.worst for weight, scale in zip(weights, scales, strict=True)), scales[0].best)
