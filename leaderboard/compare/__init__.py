"""Comparing evaluations: their scores with what is chance and what is not, how they were run, and their answers.

`Comparisons` is what pages and API use; beneath it `statistics` and `judge` are pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from leaderboard.benchmarks import Benchmark
from leaderboard.board.boards import Boards
from leaderboard.compare.configuration import Setting, settings
from leaderboard.compare.judge import ALPHA, Judged, Test, Verdict, judge, sentence
from leaderboard.compare.questions import AskedQuestion, QuestionPage, Questions, Which, metrics_of
from leaderboard.compare.runs import FOUND, MOST, Run, choose, find, names_in, others, run_name
from leaderboard.results.results import Results

__all__ = [
    "ALPHA",
    "FOUND",
    "MOST",
    "Against",
    "AskedQuestion",
    "Comparison",
    "Comparisons",
    "Judged",
    "QuestionPage",
    "Questions",
    "Run",
    "Setting",
    "Test",
    "Verdict",
    "Which",
    "find",
    "labels_of",
    "names_in",
    "others",
    "run_name",
]


@dataclass(frozen=True)
class Against:
    """One evaluation against the first one."""

    run: Run
    average: Judged
    columns: list[Judged]
    sentence: str


@dataclass(frozen=True)
class Comparison:
    """What an address asks for."""

    benchmark: Benchmark
    runs: list[Run]
    labels: list[str]
    """A short name for each run that no other one has."""
    others: list[Against]
    """Every run but the first."""
    settings: list[Setting]
    missing: list[str]
    """A sentence for every name that could not be used."""


class Comparisons:
    """Compares evaluations of a board. Safe for threads."""

    def __init__(self, boards: Boards, results: Results) -> None:
        self._boards = boards
        self._results = results
        self.questions = Questions(results)

    def compare(self, benchmark_id: str, names: Sequence[str]) -> Comparison:
        """The evaluations of those names, each against the first. Raises NotFound for an unknown benchmark."""
        benchmark = self._boards.get(benchmark_id).board.benchmark
        chosen = choose(self._boards, self._results, benchmark_id, names)
        labels = labels_of(chosen.runs)
        titles = {column.key: column.title for column in benchmark.columns}
        others = []
        for run, label in zip(chosen.runs[1:], labels[1:], strict=True):
            first = chosen.runs[0]
            average, columns = judge(benchmark, first, run, partial(self.questions.shared, first, run))
            others.append(Against(run, average, columns, sentence(titles, labels[0], label, columns)))
        return Comparison(benchmark, chosen.runs, labels, others, settings(benchmark, chosen.runs), chosen.missing)

    def tasks(self, comparison: Comparison) -> list[str]:
        """Tasks whose examples can be read side by side."""
        return self.questions.tasks(comparison.benchmark, comparison.runs)

    def examples(
        self,
        comparison: Comparison,
        task: str,
        which: Which = "disagree",
        text: str = "",
        offset: int = 0,
        limit: int = 10,
    ) -> QuestionPage:
        """Some examples of a task side by side. Raises NotFound, Unreadable."""
        metrics = metrics_of(comparison.benchmark, task)
        return self.questions.find(comparison.runs, task, metrics, which, text, offset, limit)


def labels_of(runs: Sequence[Run]) -> list[str]:
    """The shortest of name, name with organisation, and these with what tells two evaluations apart."""
    makers = (
        lambda run: run.model.rpartition("/")[2],
        lambda run: run.model,
        lambda run: f"{run.model} {run.revision[:7]}",
        lambda run: f"{run.model} {run.revision[:7]} {run.precision}{' chat' if run.chat else ''}",
        lambda run: f"{run.model} {run.revision[:7]} {run.precision} {run.block.time if run.block else ''}".strip(),
    )
    for make in makers:
        labels = [make(run) for run in runs]
        if len(set(labels)) == len(labels):
            return labels
    return [f"{label} ({at})" for at, label in enumerate(labels, start=1)]
