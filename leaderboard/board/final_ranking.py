"""The final ranking of a competition: what each participant chose, the best of it, and the change of rank."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from leaderboard.benchmarks import Benchmark
from leaderboard.board.table import Board
from leaderboard.board.view import View
from leaderboard.columns import CHANGE

EVERY_ROW = View(hide=())


def final_rows(
    public: pd.DataFrame,
    private: pd.DataFrame,
    benchmark: Benchmark,
    people: Sequence[str],
    chosen: Mapping[str, Sequence[str]],
) -> pd.DataFrame:
    """One row of `private` for each participant, with how many places they gained from the public to the private board.

    `public` and `private` hold the same rows with scores of either part; `people` says for whom each of them counts.
    The best private score among the chosen rows counts; without a choice, among as many of the best public ones.
    """
    private = private.reset_index(drop=True)
    standing = pd.DataFrame(
        {
            "person": [name.casefold() for name in people],
            "request": list(private["request_id"]),
            "public": _ranks(public, benchmark),
            "private": _ranks(private, benchmark),
        }
    )
    rules = benchmark.competition
    most = (rules.final_submissions if rules else None) or 1
    wanted = {name.casefold(): list(ids)[:most] for name, ids in chosen.items()}
    rows = [_counted(own, wanted.get(str(name), []), most) for name, own in standing.groupby("person", sort=False)]
    best = sorted(int(own.index[int(own["private"].fillna(float("inf")).argmin())]) for own in rows)
    final = standing.loc[best]
    first_public = standing.groupby("person")["public"].min()
    before = final["person"].map(first_public.rank(method="min"))
    after = final["private"].rank(method="min")
    change = (before - after).astype("Int64")
    return private.assign(**{CHANGE: change.reindex(private.index)}).loc[best].reset_index(drop=True)


def _counted(own: pd.DataFrame, wanted: Sequence[str], most: int) -> pd.DataFrame:
    """The rows of a participant that count."""
    chosen = own[own["request"].isin(wanted)]
    return chosen if len(chosen) else own.sort_values("public", kind="stable").head(most)


def _ranks(frame: pd.DataFrame, benchmark: Benchmark) -> list[float]:
    """The rank of every row, in the order of the table; NaN for those without a score."""
    return list(map(float, Board(frame, benchmark).select(EVERY_ROW).rank))
