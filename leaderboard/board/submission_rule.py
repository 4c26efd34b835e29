"""Which rows compete for a rank, and which of a person's count on the board of a competition bundle."""

from __future__ import annotations

import numpy as np
import pandas as pd

from leaderboard.benchmarks import Benchmark
from leaderboard.columns import BASELINE, MODEL, REVIEW
from leaderboard.competitions.reviews import ReviewState

TIME, TRACK = "result_time", "track"
ONE_EACH = ("Force_Last", "Force_Best")


def competing(frame: pd.DataFrame) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """True for the rows of the contents table that are ranked: no baselines, and none that a review refused."""
    ranked = np.full(len(frame), True)
    if BASELINE in frame:
        ranked &= ~frame[BASELINE].astype("boolean").fillna(False).to_numpy(dtype=bool)
    if REVIEW in frame:
        ranked &= ~(frame[REVIEW] == ReviewState.REFUSED.value).fillna(False).to_numpy(dtype=bool)
    return ranked


def counted(frame: pd.DataFrame, benchmark: Benchmark) -> pd.DataFrame:
    """The rows of the contents table that the board shows.

    `Force_Last` keeps each person's last row in each phase, `Force_Best` the best one by the board's order; the other
    rules keep all. As on Codabench, but that no row has to be put on the board by hand. Rows without a rank stay too.
    """
    rule = benchmark.bundle.submission_rule if benchmark.bundle else ""
    if rule not in ONE_EACH or frame.empty:
        return frame
    frame = frame.reset_index(drop=True)
    ranked = competing(frame)
    whole, frame = frame, frame[ranked]
    if rule == "Force_Last":
        ordered = frame.sort_values(TIME, ascending=False, kind="stable")
    else:
        columns = sorted(benchmark.columns, key=lambda column: not column.in_average)
        upwards = [column.counts_downwards for column in columns]
        ordered = frame.sort_values(
            [*(column.title for column in columns), TIME], ascending=[*upwards, True], na_position="last", kind="stable"
        )
    people = ordered[MODEL].str.partition("/")[0].str.casefold()
    first = ~pd.DataFrame({"who": people, "phase": ordered[TRACK].fillna("")}).duplicated()
    return whole.loc[sorted({*ordered.index[first], *np.flatnonzero(~ranked)})]
