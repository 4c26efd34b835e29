"""Is a difference more than chance? Pure functions; docs/statistics.md has the formulas and their sources."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

Floats = np.ndarray[tuple[int], np.dtype[np.float64]]


class Shared(NamedTuple):
    """What the same questions say of two evaluations."""

    n: int
    """Number of questions that both answered."""
    first: float
    """Mean score of the first one; NaN without a question."""
    second: float
    """Mean score of the second one."""
    stderr: float | None
    """Standard error of the mean of the differences question by question; None with fewer than two questions."""
    ahead: int
    """Questions on which the second one scored more."""
    behind: int
    """Questions on which it scored less."""
    binary: bool
    """Whether every score is right (1) or wrong (0)."""


def shared(first: Floats, second: Floats) -> Shared:
    """Compare scores question by question; both arrays are in the same order of questions and without NaN."""
    n = len(first)
    if n == 0:
        return Shared(0, math.nan, math.nan, None, 0, 0, False)
    differences = second - first
    both = np.concatenate([first, second])
    return Shared(
        n=n,
        first=float(first.mean()),
        second=float(second.mean()),
        stderr=float(differences.std(ddof=1) / math.sqrt(n)) if n > 1 else None,
        ahead=int((differences > 0).sum()),
        behind=int((differences < 0).sum()),
        binary=bool(np.isin(both, (0.0, 1.0)).all()),
    )


def sign_test(ahead: int, behind: int) -> float:
    """Probability of a split at least this uneven if each question could as well have gone the other way.

    For right and wrong answers this is McNemar's test in its exact form; both sides; 1 when no question differs.
    """
    n, fewer = ahead + behind, min(ahead, behind)
    steps = np.log(np.arange(n, n - fewer, -1)) - np.log(np.arange(1, fewer + 1))
    logs = np.concatenate([[0.0], np.cumsum(steps)]) - n * math.log(2)
    return min(1.0, 2 * float(np.exp(logs).sum()))


def normal_test(difference: float, stderr: float) -> float:
    """Probability of a difference at least this large, either way, if there is none and it is normally distributed."""
    if stderr == 0:
        return 1.0 if difference == 0 else 0.0
    return math.erfc(abs(difference) / stderr / math.sqrt(2))


def holm(values: Sequence[float | None]) -> list[float | None]:
    """Holm's adjusted p-values: the chance of one or more false alarms among all of them; None stays None."""
    order = sorted((at for at, value in enumerate(values) if value is not None), key=lambda at: values[at] or 0.0)
    adjusted: list[float | None] = [None] * len(values)
    largest = 0.0
    for place, at in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - place) * (values[at] or 0.0)))
        adjusted[at] = largest
    return adjusted
