"""What organisers decided about rows of the board: reviews and baselines together, as the board shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from leaderboard import FileStore
from leaderboard.competitions.baselines import BaselineFile
from leaderboard.competitions.decided import DecisionFiles
from leaderboard.competitions.reviews import Review, ReviewFile


class Standing(NamedTuple):
    """What organisers decided about a row."""

    review: Review | None = None
    """None where nobody looked at it."""
    is_baseline: bool = False


class Standings:
    """The standings of every benchmark. Safe for threads and processes."""

    def __init__(self, store: FileStore) -> None:
        self._reviews = DecisionFiles(store, "reviews", ReviewFile)
        self._baselines = DecisionFiles(store, "baselines", BaselineFile)

    def paths(self, benchmark_id: str) -> tuple[str, str]:
        """The files of a benchmark that this is made from."""
        return self._reviews.path(benchmark_id), self._baselines.path(benchmark_id)

    def of(self, benchmark_id: str) -> Mapping[str, Standing]:
        """Id of the request -> what was decided about it. Raises Unreadable."""
        reviews = self._reviews.read(benchmark_id).reviews
        baselines = self._baselines.read(benchmark_id).baselines
        return {each: Standing(reviews.get(each), each in baselines) for each in {*reviews, *baselines}}
