"""How sure averages and ranks are, from the standard errors of the scores."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from leaderboard.board.filters import Floats
from leaderboard.board.text_column import Mask

Z95 = 1.96
"""Half the width of a 95 % interval, in standard errors."""


def mean_stderr(stderrs: Sequence[Floats], size: int) -> Floats:
    """Standard error of the mean of scores that do not depend on one another; NaN where one is unknown."""
    if not stderrs:
        return np.full(size, np.nan)
    return np.asarray(np.sqrt(np.sum(np.square(stderrs), axis=0)) / len(stderrs))


def rank_ranges(average: Floats, stderr: Floats, among: Mask) -> tuple[Floats, Floats]:
    """Best and worst rank of each row: rows whose 95 % intervals do not overlap with its own are surely apart.

    NaN without an average or its standard error. Rows without a standard error count as exact.
    """
    half = Z95 * np.nan_to_num(stderr)
    low, high = average - half, average + half
    ranked = among & ~np.isnan(average)
    lows, highs = np.sort(low[ranked]), np.sort(high[ranked])
    best = 1.0 + len(lows) - np.searchsorted(lows, high, side="right")
    worst = float(len(highs)) - np.searchsorted(highs, low, side="left")
    unknown = ~ranked | np.isnan(stderr)
    return np.where(unknown, np.nan, best), np.where(unknown, np.nan, worst)
