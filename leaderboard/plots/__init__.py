"""What the plots show, as tables: pure functions of a board. The drawings are in `leaderboard.plots.figures`.

Flagged rows are left out. Scores are points, as the board has them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal
from weakref import WeakKeyDictionary

import numpy as np
import pandas as pd

from leaderboard.board.filters import Floats
from leaderboard.board.table import Board
from leaderboard.board.text_column import Positions

Name = Literal["progress", "size", "spread", "correlation"]
When = Literal["submitted", "uploaded"]
"""When the checkpoint was submitted to the board, or put on the Hub."""
ALL_TYPES = "any type"
LEFT_OUT = "flagged"
_KEPT: WeakKeyDictionary[Board, dict[tuple[str, str, str], pd.DataFrame]] = WeakKeyDictionary()
QUANTILES = {"p5": 0.05, "p25": 0.25, "median": 0.5, "p75": 0.75, "p95": 0.95}


def scores_of(board: Board, key: str) -> Floats:
    """Points of every row: of the column `key`, or the average. Raises KeyError for another name."""
    return board.average(board.keys) if key == "average" else board.normalised[key]


def title_of(board: Board, key: str) -> str:
    """Heading of `key`. Raises KeyError."""
    return "Average" if key == "average" else board.benchmark.column(key).title


def shown(board: Board, key: str) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """True for the rows that have a score and are not left out."""
    return np.asarray(~board.of_kind(LEFT_OUT) & ~np.isnan(scores_of(board, key)), dtype=bool)


def progress(board: Board, key: str = "average", when: When = "submitted") -> pd.DataFrame:
    """The records: `type` (each one, and any), `date` (YYYY-MM-DD), `score`, `model`, `id`, by type and date.

    A row is a checkpoint that was better than all of its type before it; rows without a date are left out.
    """
    keep = shown(board, key) & board.texts[when].known
    at = np.flatnonzero(keep)
    days, dates = pd.factorize(pd.Series(board.texts[when][at], dtype=str).str[:10], sort=True)
    scores, kinds = scores_of(board, key)[at], board.texts["type"][at]
    records_by_type = []
    for kind in (ALL_TYPES, *sorted(set(filter(None, kinds)))):
        own = np.arange(len(at)) if kind == ALL_TYPES else np.flatnonzero(kinds == kind)
        record = own[records(days[own], scores[own])]
        lines = pd.DataFrame(
            {
                "type": kind,
                "date": np.asarray(dates, dtype=object)[days[record]],
                "score": scores[record],
                "model": board.names[at[record]],
                "id": board.ids.of(at[record]),
            }
        )
        records_by_type.append(lines.sort_values(["date", "model"]).drop_duplicates("date"))
    return pd.concat(records_by_type, ignore_index=True)


def records(days: Positions, scores: Floats) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """True for the best of a day that is above every score of an earlier day; equal ones all count."""
    if not len(days):
        return np.zeros(0, dtype=bool)
    best = np.full(int(days.max()) + 1, -np.inf)
    np.maximum.at(best, days, scores)
    before = np.concatenate([[-np.inf], np.maximum.accumulate(best)[:-1]])
    return np.asarray((scores == best[days]) & (best > before)[days], dtype=bool)


def size(board: Board, key: str = "average") -> pd.DataFrame:
    """Every checkpoint of known size: `model`, `id`, `type`, `params` (billions), `score`, `front`; by size."""
    params, scores = board.numbers["params"], scores_of(board, key)
    at = np.flatnonzero(shown(board, key) & (params > 0))
    at = at[np.lexsort((-scores[at], params[at]))]
    return pd.DataFrame(
        {
            "model": board.names[at],
            "id": board.ids.of(at),
            "type": board.texts["type"][at],
            "params": params[at],
            "score": scores[at],
            "front": pareto(params[at], scores[at]),
        }
    )


def pareto(costs: Floats, scores: Floats) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """True where no other point costs at most as much and scores at least as much, one of the two strictly."""
    if not len(costs):
        return np.zeros(0, dtype=bool)
    order = np.lexsort((-scores, costs))
    cost, score = costs[order], scores[order]
    before = np.concatenate([[-np.inf], np.maximum.accumulate(score)[:-1]])
    new = np.concatenate([[True], (cost[1:] != cost[:-1]) | (score[1:] != score[:-1])])
    twins = np.cumsum(new) - 1
    front = np.zeros(len(costs), dtype=bool)
    front[order] = (score > before)[new][twins]
    return front


def spread(board: Board) -> pd.DataFrame:
    """Each task's distribution: `task`, `title`, `n`, `lowest`, the QUANTILES, `highest`."""
    keep = ~board.of_kind(LEFT_OUT)
    lines = []
    for key in ("average", *board.keys):
        values = scores_of(board, key)[keep]
        values = values[~np.isnan(values)]
        if not len(values):
            continue
        quantiles = np.quantile(values, list(QUANTILES.values()))
        lines.append(
            {"task": key, "title": title_of(board, key), "n": len(values), "lowest": values.min()}
            | dict(zip(QUANTILES, quantiles, strict=True))
            | {"highest": values.max()}
        )
    return pd.DataFrame(lines, columns=["task", "title", "n", "lowest", *QUANTILES, "highest"])


def correlation(board: Board) -> pd.DataFrame:
    """Every two tasks: `first`, `second`, `correlation` (Spearman's, of ranks), `n` rows that have both scores.

    The correlation is missing with fewer than three rows, and where all have the same score.
    """
    keep = ~board.of_kind(LEFT_OUT)
    wide = pd.DataFrame({key: board.normalised[key][keep] for key in board.keys})
    matrix = wide.corr(method="spearman", min_periods=3)
    known = wide.notna().to_numpy(dtype=int)
    together = known.T @ known
    lines = [
        {"first": first, "second": second, "correlation": matrix.at[first, second], "n": int(together[at, place])}
        for at, first in enumerate(board.keys)
        for place, second in enumerate(board.keys)
    ]
    return pd.DataFrame(lines, columns=["first", "second", "correlation", "n"])


def table(board: Board, name: Name, key: str = "average", when: When = "submitted") -> pd.DataFrame:
    """What the plot `name` shows, for its table and its export; made once for a board. Not to be changed."""
    kept = _KEPT.setdefault(board, {})
    key_of_table = (name, key, when)
    if key_of_table not in kept:
        kept[key_of_table] = _table(board, name, key, when)
    return kept[key_of_table]


def _table(board: Board, name: Name, key: str, when: When) -> pd.DataFrame:
    if name == "progress":
        return progress(board, key, when)
    if name == "size":
        return size(board, key)
    return spread(board) if name == "spread" else correlation(board)


def chosen(board: Board, ids: Sequence[str]) -> list[int]:
    """Positions of those rows that the board has, in the given order."""
    return board.ids.positions(dict.fromkeys(ids))
