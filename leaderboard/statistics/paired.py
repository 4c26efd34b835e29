"""Is a difference more than chance? Pure functions; docs/statistics.md has the formulas and their sources.

SciPy loads `scipy.stats` at its first use (48 MB and about a second), so the service starts without it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import scipy

Floats = np.ndarray[tuple[int], np.dtype[np.float64]]


class SharedQuestions(NamedTuple):
    """Two evaluations compared on the questions that both answered."""

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


def compare_questions(first: Floats, second: Floats) -> SharedQuestions:
    """Compare scores question by question; both arrays are in the same order of questions and without NaN."""
    n = len(first)
    if n == 0:
        return SharedQuestions(0, math.nan, math.nan, None, 0, 0, False)
    differences = second - first
    scores = np.concatenate([first, second])
    return SharedQuestions(
        n=n,
        first=float(first.mean()),
        second=float(second.mean()),
        stderr=float(scipy.stats.sem(differences)) if n > 1 else None,
        ahead=int((differences > 0).sum()),
        behind=int((differences < 0).sum()),
        binary=bool(np.isin(scores, (0.0, 1.0)).all()),
    )


def sign_test(ahead: int, behind: int) -> float:
    """Probability of a split at least this uneven if each question could as well have gone the other way.

    For right and wrong answers this is McNemar's test in its exact form; both sides; 1 when no question differs.
    """
    differing = ahead + behind
    return float(scipy.stats.binomtest(ahead, differing, 0.5).pvalue) if differing else 1.0


def normal_test(difference: float, stderr: float) -> float:
    """Probability of a difference at least this large, either way, if there is none and it is normally distributed."""
    if stderr == 0:
        return 1.0 if difference == 0 else 0.0
    return float(2 * scipy.stats.norm.sf(abs(difference) / stderr))


def holm(values: Sequence[float | None]) -> list[float | None]:
    """Holm's adjusted p-values: the chance of one or more false alarms among all of them; None stays None.

    The same as `statsmodels.stats.multitest.multipletests(values, method="holm")`, with which a test compares it. That
    function collects garbage at every call, which stops the whole service for about 0.1 s. SciPy has no Holm.
    """
    known = np.array([value for value in values if value is not None], dtype=float)
    order = np.argsort(known)
    adjusted = np.empty_like(known)
    adjusted[order] = np.maximum.accumulate(known[order] * np.arange(len(known), 0, -1)).clip(max=1)
    rest = iter(adjusted.tolist())
    return [None if value is None else next(rest) for value in values]
