"""Which submissions of a person count on the board of a competition bundle (its `submission_rule`)."""

from __future__ import annotations

import pandas as pd

from leaderboard.benchmarks import Benchmark
from leaderboard.columns import MODEL

TIME, TRACK = "result_time", "track"
ONE_EACH = ("Force_Last", "Force_Best")


def counted(frame: pd.DataFrame, benchmark: Benchmark) -> pd.DataFrame:
    """The rows of the contents table that the board shows.

    `Force_Last` keeps each person's last row in each phase, `Force_Best` the best one by the board's order; the other
    rules keep all. As on Codabench, but that no row has to be put on the board by hand.
    """
    rule = benchmark.bundle.submission_rule if benchmark.bundle else ""
    if rule not in ONE_EACH or frame.empty:
        return frame
    frame = frame.reset_index(drop=True)
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
    return frame.loc[sorted(ordered.index[first])]
