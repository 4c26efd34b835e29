"""The boards of competitions: the public one while they last, exact scores at their end, then the private board.

Nothing that is kept back is read before its time, whoever asks.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

import pandas as pd

from leaderboard.benchmarks import Benchmark
from leaderboard.board.boards import ContentsSource
from leaderboard.board.final_ranking import final_rows
from leaderboard.columns import AVERAGE, MODEL, SCORE_ENDINGS
from leaderboard.errors import NotFound, Unreadable
from leaderboard.results.private_results import PrivateResults
from leaderboard.results.private_scores import PrivateScores, Scores, read_private_scores

log = logging.getLogger(__name__)
BASELINE = "baseline"
"""Column of the contents table that marks the organisers' own rows."""


class Stage(StrEnum):
    """What a competition's board shows."""

    PUBLIC = "public"
    """What was published."""
    EXACT = "exact"
    """The same scores, not rounded."""
    FINAL = "final"
    """Scores of the private part, one row for each participant."""


class Decided(NamedTuple):
    """What organisers and participants have decided, as far as boards depend on it."""

    opened: Callable[[Benchmark, datetime], bool]
    """Whether everybody may see the private board."""
    chosen: Callable[[str], Mapping[str, Sequence[str]]]
    """Benchmark id -> participant -> ids of the requests that they chose."""
    participant: Callable[[str, str], str]
    """Benchmark id and sender -> the person or team for whom the sender's submissions count."""


def opened_by_time(benchmark: Benchmark, at: datetime) -> bool:
    """Whether the time has come at which the private board opens."""
    split = benchmark.competition.split if benchmark.competition else None
    return split is not None and split.opens is not None and at >= split.opens


UNDECIDED = Decided(opened_by_time, lambda benchmark_id: {}, lambda benchmark_id, sender: sender)
"""Nobody has decided anything: the private board opens at its time, and everybody takes part alone."""


class CompetitionBoards:
    """Contents tables as boards show them. Safe for threads."""

    def __init__(
        self,
        published: ContentsSource,
        benchmarks: Mapping[str, Benchmark],
        results: PrivateResults,
        clock: Callable[[], datetime],
        decided: Decided = UNDECIDED,
    ) -> None:
        """`published`: what was published. `benchmarks`: as everybody knows them."""
        self._source = published
        self._benchmarks = benchmarks
        self._results = results
        self._clock = clock
        self._decided = decided

    def stage(self, benchmark_id: str) -> Stage:
        """What the board shows now. Raises Unreadable."""
        benchmark, now = self._benchmarks[benchmark_id], self._clock()
        rules = benchmark.competition
        if rules is None or (rules.ends is not None and now < rules.ends):
            return Stage.PUBLIC
        if rules.split is not None and self._decided.opened(benchmark, now):
            return Stage.FINAL
        rounds = rules.published_decimals is not None and rules.ends is not None
        return Stage.EXACT if rounds else Stage.PUBLIC

    def version(self, benchmark_id: str) -> str:
        """A text that changes whenever `frame` does. Raises NotFound, Unreadable."""
        published = self._source.version(benchmark_id)
        stage = self.stage(benchmark_id)
        if stage is Stage.PUBLIC:
            return published
        inputs: list[object] = [stage]
        if stage is Stage.FINAL:
            senders = sorted(set(self._source.frame(benchmark_id)["sender"].dropna()))
            inputs += [(name, self._decided.participant(benchmark_id, name)) for name in senders]
            inputs += sorted(self._decided.chosen(benchmark_id).items())
        return f"{published}-{hashlib.sha256(repr(inputs).encode()).hexdigest()[:12]}"

    def frame(self, benchmark_id: str) -> pd.DataFrame:
        """The contents table as the board shows it now. Raises NotFound, Unreadable."""
        published, benchmark = self._source.frame(benchmark_id), self._benchmarks[benchmark_id]
        stage = self.stage(benchmark_id)
        if stage is Stage.PUBLIC or published.empty:
            return published
        kept = [self._kept(benchmark, *run) for run in zip(published["request_id"], published["attempt"], strict=True)]
        exact = with_scores(published, benchmark, [each.exact if each else None for each in kept], keep=True)
        if stage is Stage.EXACT:
            return exact
        private = [each.private if each else None for each in kept]
        people = self._participants(benchmark_id, published)
        scored = with_scores(published, benchmark, private, keep=False)
        return final_rows(exact, scored, benchmark, people, self._decided.chosen(benchmark_id))

    def published(self, benchmark_id: str) -> tuple[pd.DataFrame, str] | None:
        """What was published last, where the board shows that, and its version. Raises NotFound, Unreadable."""
        return self._source.published(benchmark_id) if self.stage(benchmark_id) is Stage.PUBLIC else None

    def _participants(self, benchmark_id: str, frame: pd.DataFrame) -> list[str]:
        """For whom each row counts; rows of baselines and of nobody known for themselves."""
        baselines = frame[BASELINE] if BASELINE in frame else [False] * len(frame)
        rows = zip(frame["sender"].fillna(""), baselines, frame[MODEL], frame["request_id"], strict=True)
        names = {name: self._decided.participant(benchmark_id, name) for name in set(frame["sender"].dropna())}
        return [
            names[sender] if sender and not is_baseline else f"{name} {request}"
            for sender, is_baseline, name, request in rows
        ]

    def private_scores(self, benchmark_id: str, request_id: str, attempt: int) -> Scores | None:
        """Scores of a result's private part; None before they are shown, and where there are none."""
        benchmark = self._benchmarks[benchmark_id]
        if self.stage(benchmark_id) is not Stage.FINAL:
            return None
        kept = self._kept(benchmark, request_id, attempt)
        return kept.private if kept else None

    def _kept(self, benchmark: Benchmark, request_id: str, attempt: int) -> PrivateScores | None:
        """What a result keeps back; None where that is lost, or was measured by another version of the benchmark."""
        try:
            kept = read_private_scores(self._results, request_id, int(attempt))
        except NotFound:
            return None
        except (Unreadable, OSError):
            log.exception("The private scores of request %s cannot be read.", request_id)
            return None
        return kept if kept.benchmark_version == benchmark.version else None


def with_scores(frame: pd.DataFrame, benchmark: Benchmark, scores: Sequence[Scores | None], keep: bool) -> pd.DataFrame:
    """The table with other scores, one for each row; rows without any keep theirs (`keep`) or have none."""
    raw, stderr, n = SCORE_ENDINGS
    changed = frame.copy()
    replaced = pd.Series([not keep or each is not None for each in scores], index=frame.index)

    def put(name: str, values: list[float | None] | list[int | None], dtype: str) -> None:
        column = pd.Series(values, index=frame.index, dtype=dtype)
        changed[name] = frame[name].where(~replaced, column).astype(frame[name].dtype)

    put(AVERAGE, [each.average if each else None for each in scores], "Float64")
    for column in benchmark.columns:
        own = [each.columns.get(column.key) if each else None for each in scores]
        put(column.title + raw, [score.raw if score else None for score in own], "Float64")
        put(column.title, [score.normalised if score else None for score in own], "Float64")
        put(column.title + stderr, [score.stderr if score else None for score in own], "Float64")
        put(column.title + n, [score.n if score else None for score in own], "Int64")
    return changed
