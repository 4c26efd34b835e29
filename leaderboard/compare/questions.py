"""Scores question by question, from the details of several evaluations joined on what was asked."""

from __future__ import annotations

import functools
import threading
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeVar

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from leaderboard.benchmarks import Benchmark, Part
from leaderboard.compare.runs import Run
from leaderboard.errors import NotFound, Unreadable
from leaderboard.results.details import Details
from leaderboard.results.results import Results
from leaderboard.statistics.paired import SharedQuestions, compare_questions

KEPT = 512
"""Tasks of evaluations whose scores stay in memory; a result file never changes, so they are never out of date."""
Which = Literal["disagree", "all", "wrong"]
"""Examples on which the evaluations' scores differ; all; those that none of them has right."""
CLOSE = 1e-9
"""Scores nearer than this are the same."""

T = TypeVar("T")


class AskedQuestion(NamedTuple):
    """One question, as several evaluations answered it."""

    scores: list[float]
    """In the order of the evaluations."""
    rows: list[dict[str, Any]]
    """Of the details, in the same order."""


@dataclass(frozen=True)
class QuestionPage:
    """One page of questions."""

    total: int
    """Questions that fit, on all pages."""
    compared: int
    """Questions of the task that all evaluations answered."""
    asked: list[AskedQuestion]


class Questions:
    """Reads details for comparing, only the columns that are needed, and remembers scores. Safe for threads."""

    def __init__(self, results: Results) -> None:
        self._results = results
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, pd.DataFrame | None] = OrderedDict()

    def shared(self, first: Run, second: Run, part: Part) -> SharedQuestions | None:
        """What the questions of `part` that both answered say; None without details of both."""
        left, right = (self._scores(run, part.task, tuple(part.metrics)) for run in (first, second))
        if left is None or right is None:
            return None
        both = pd.concat([left["score"], right["score"]], axis=1, join="inner").dropna().to_numpy(dtype=float)
        return compare_questions(both[:, 0], both[:, 1])

    def tasks(self, benchmark: Benchmark, runs: Sequence[Run]) -> list[str]:
        """Tasks of which every run has details, those that count first; none of a column with hidden questions."""
        if not runs or any(run.path is None for run in runs):
            return []
        common = set.intersection(*(set(self._results.tasks_at(run.path)) for run in runs if run.path))
        hidden = {task for column in benchmark.columns if column.private
                  for task in [*column.run, *(part.task for part in column.parts)]}  # fmt: skip
        counted = [part.task for column in benchmark.columns for part in column.parts]
        return [task for task in dict.fromkeys([*counted, *sorted(common)]) if task in common - hidden]

    def find(
        self, runs: Sequence[Run], task: str, metrics: Sequence[str], which: Which, text: str, offset: int, limit: int
    ) -> QuestionPage:
        """A page of the questions of `task` that all runs answered. Raises NotFound, Unreadable."""
        details = [self._results.details_at(run.path or "", task) for run in runs]
        tables = [_table(table, tuple(metrics)) for table in details]
        joined = pd.concat(tables, axis=1, join="inner", keys=range(len(runs)))
        scores, places = (
            pd.DataFrame({at: joined[at, name] for at in range(len(runs))}) for name in ("score", "place")
        )
        keep = _which(scores, which)
        if text:
            hits = [places[at].isin(table.positions(text=text)) for at, table in enumerate(details)]
            keep &= functools.reduce(lambda a, b: a | b, hits)
        chosen = joined.index[keep.to_numpy(dtype=bool)]
        page = chosen[offset : offset + limit]
        rows = [table.at([int(place) for place in places.loc[page, at]]) for at, table in enumerate(details)]
        questions = [
            AskedQuestion([float(score) for score in scores.loc[key]], [answers[line] for answers in rows])
            for line, key in enumerate(page)
        ]
        return QuestionPage(len(chosen), len(joined), questions)

    def _scores(self, run: Run, task: str, metrics: tuple[str, ...]) -> pd.DataFrame | None:
        if run.path is None:
            return None
        key = (run.path, task, metrics)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        try:
            table = _table(self._results.details_at(run.path, task), metrics)[["score"]]
        except (NotFound, Unreadable):
            return None
        with self._lock:
            self._kept[key] = table
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return table


def metrics_of(benchmark: Benchmark, task: str) -> list[str]:
    """The metrics that make the task's score on the board; none for a task that does not count."""
    parts = (part for column in benchmark.columns for part in column.parts if part.task == task)
    return next((list(part.metrics) for part in parts), [])


def _table(details: Details, metrics: Sequence[str]) -> pd.DataFrame:
    """Question -> its score, the mean of its metrics, and its place in the details. Raises NotFound.

    A question is known by its number and the hash of its content. Without `metrics` the deciding one is taken.
    """
    chosen = [metric.partition(",")[::2] for metric in metrics] or [(name, "") for name in details.metrics[:1]]
    try:
        table = details.columns(["doc_id", "doc_hash", "filter", *dict.fromkeys(name for name, _ in chosen)])
    except KeyError as missing:
        raise NotFound(f"The details have no metric {missing}.") from None
    places = pa.array(range(table.num_rows))
    question = pc.binary_join_element_wise(
        pc.cast(table["doc_id"], pa.string()), pc.fill_null(table["doc_hash"], ""), ":"
    )
    rows = pd.DataFrame(
        {"asked": question.to_pandas(), "place": places.to_pandas(), "filter": table["filter"].to_pandas()}
    )
    columns = []
    for name, filter_ in chosen:
        values = rows.assign(score=table[name].to_pandas())
        values = values[values["filter"] == filter_] if filter_ else values
        columns.append(values.drop_duplicates("asked").set_index("asked")[["score", "place"]])
    scores = (
        pd.concat([scores_of_metric["score"] for scores_of_metric in columns], axis=1, join="inner").mean(
            axis=1, skipna=False
        )
        if columns
        else pd.Series(dtype=float)
    )
    return pd.DataFrame({"score": scores, "place": columns[0]["place"].reindex(scores.index)})


def _which(scores: pd.DataFrame, which: Which) -> pd.Series:
    if which == "disagree":
        return (scores.max(axis=1) - scores.min(axis=1)) > CLOSE
    if which == "wrong":
        return scores.max(axis=1) < 1 - CLOSE
    return pd.Series(True, index=scores.index)
