"""Which rows of a competition's board organisers look at by hand, and what they decided about them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from leaderboard.board.table import Board
from leaderboard.board.view import View
from leaderboard.competitions.standings import Standing

FIRST = 10
"""Rows that organisers are shown where a competition does not say how many they review."""


class RowToReview(NamedTuple):
    """A row of the board, as organisers see it."""

    request_id: str
    model: str
    track: str
    rank: int | None
    average: float | None
    standing: Standing


def rows_to_review(board: Board, standings: Mapping[str, Standing]) -> list[RowToReview]:
    """The first rows of each phase, as many as the competition reviews, and all about which something was decided.

    In the board's order. A refused row has no rank: the next one comes in its place.
    """
    rules = board.benchmark.competition
    first = rules.reviewed or FIRST if rules else FIRST
    selection = board.select(View(hide=()))
    ids = board.frame["request_id"].astype(str).to_numpy(dtype=object)
    decided = np.isin(ids, list(standings))
    with np.errstate(invalid="ignore"):
        wanted = decided | (selection.rank <= first)
    return [
        RowToReview(
            request_id=str(ids[at]),
            model=str(board.names[at]),
            track=str(board.texts["track"][at] or ""),
            rank=None if np.isnan(selection.rank[at]) else int(selection.rank[at]),
            average=None if np.isnan(selection.average[at]) else float(selection.average[at]),
            standing=standings.get(str(ids[at]), Standing()),
        )
        for at in selection.rows
        if wanted[at]
    ]
