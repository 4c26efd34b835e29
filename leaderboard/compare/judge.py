"""Each task's difference between two evaluations, and whether it is real. docs/statistics.md explains every choice."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

from leaderboard.benchmarks import Benchmark, Column, Part
from leaderboard.benchmarks.scale import pooled_scale
from leaderboard.compare.runs import Run
from leaderboard.records import Score
from leaderboard.statistics.paired import SharedQuestions, holm, normal_test, sign_test
from leaderboard.statistics.scores import Measured, measured_part

ALPHA = 0.05
"""A difference is called real when its adjusted p-value is below this."""
FEW = 25
"""With fewer questions that differ than this the normal distribution is no guide; the sign test judges."""
AGREE = 0.5
"""Largest distance, in standard errors of the score, of the examples' mean from the published score."""

Lookup = Callable[[Part], SharedQuestions | None]
"""Part -> what the shared questions say; None without details of both."""


class Verdict(StrEnum):
    """What is said of a difference: the second evaluation is ... the first one."""

    AHEAD = "ahead"
    BEHIND = "behind"
    CHANCE = "chance"
    SAME = "same"
    """Not one shared question has another score."""
    UNKNOWN = "unknown"
    """A score or every error is missing."""


class Test(StrEnum):
    """How a difference was judged."""

    __test__ = False  # not a test of pytest's

    SIGN = "sign"
    """Exact sign test over the questions that differ: McNemar's for right and wrong."""
    PAIRED = "paired"
    """Difference over the standard error of the differences question by question."""
    UNPAIRED = "unpaired"
    """Difference over both scores' own standard errors, as if the questions had been others."""
    NONE = "none"


@dataclass(frozen=True)
class Judged:
    """The difference of one task, in points: the second evaluation's score less the first one's."""

    key: str
    """The column's; `average` for the average."""
    difference: float | None = None
    """Of the scores as the board has them; None when one is missing."""
    uncut: float | None = None
    """The same without the cut at chance; this is what is judged."""
    stderr: float | None = None
    """Standard error of `uncut`."""
    test: Test = Test.NONE
    p: float | None = None
    """Of this task on its own."""
    adjusted: float | None = None
    """After Holm's correction over the tasks of the comparison; for the average the same as `p`."""
    n: int | None = None
    """Questions compared one by one; None where they were not."""
    ahead: int | None = None
    """Of those: on how many the second one scored more."""
    behind: int | None = None
    """Of those: on how many it scored less."""
    binary: bool = False
    """Whether those scores are right or wrong."""
    note: str = ""
    """What a reader should know of how it was judged."""
    verdict: Verdict = Verdict.UNKNOWN

    @property
    def real(self) -> bool:
        """Whether it is more than chance."""
        return self.verdict in (Verdict.AHEAD, Verdict.BEHIND)


class _WeightedPart(NamedTuple):
    """One part's share of a column's difference."""

    points: float
    """Points of the column for one unit of the part's raw score; negative where lower is better."""
    difference: float
    """Raw."""
    stderr: float | None
    shared: SharedQuestions | None


def judge(benchmark: Benchmark, first: Run, second: Run, lookup: Lookup) -> tuple[Judged, list[Judged]]:
    """The average's difference and each column's, in the benchmark's order."""
    columns = [_column(column, first, second, lookup) for column in benchmark.columns]
    adjusted = holm([column.p for column in columns])
    columns = [_with_verdict(replace(column, adjusted=p)) for column, p in zip(columns, adjusted, strict=True)]
    average = _average([column for column in columns if benchmark.column(column.key).in_average], first, second)
    return _with_verdict(replace(average, adjusted=average.p)), columns


def _column(column: Column, first: Run, second: Run, lookup: Lookup) -> Judged:
    score, other = first.scores.get(column.key), second.scores.get(column.key)
    if score is None or other is None or score.normalised is None or other.normalised is None:
        return Judged(column.key, note="A score is missing.")
    difference = other.normalised - score.normalised
    parts = _weighted_parts(column, first, second, lookup)
    if parts is None:
        return _from_scores(column.key, difference, score, other)
    uncut = math.fsum(part.points * part.difference for part in parts)
    terms = [None if part.stderr is None else part.points * part.stderr for part in parts]
    known = [term for term in terms if term is not None]
    stderr = math.hypot(*known) if len(known) == len(terms) else None
    judged = Judged(column.key, difference, uncut, stderr, note=_cut_note(difference, uncut))
    questions = [part.shared for part in parts if part.shared]
    if len(questions) < len(parts):
        return _unpaired(judged, len(questions), len(parts))
    return _paired(judged, questions, pooled=len(parts) == 1 or column.combine == "weighted")


def _weighted_parts(column: Column, first: Run, second: Run, lookup: Lookup) -> list[_WeightedPart] | None:
    """The column's parts; None when it has none, or when a results file does not tell them all."""
    if not column.parts:
        return None
    share = column.range is None
    pairs = [
        (measured_part(part, first.harness, share), measured_part(part, second.harness, share)) for part in column.parts
    ]
    measured = [(part, other) for part, other in pairs if part is not None and other is not None]
    if len(measured) < len(column.parts):
        return None
    weights = _weights(column, measured)
    if weights is None:
        return None
    scales = [column.scale(part) for part in column.parts]
    if column.combine == "weighted":
        scales = [pooled_scale(scales, weights)] * len(scales)
    weighted = []
    for part, scale, weight, (measure, other) in zip(column.parts, scales, weights, measured, strict=True):
        shared = _usable(lookup(part), measure, other)
        stderr = shared.stderr if shared else _combined_error(measure.stderr, other.stderr)
        if shared is not None and not column.higher_is_better:
            shared = shared._replace(ahead=shared.behind, behind=shared.ahead)
        weighted.append(_WeightedPart(weight * scale.slope, other.raw - measure.raw, stderr, shared))
    return weighted


def _weights(column: Column, measured: Sequence[tuple[Measured, Measured]]) -> list[float] | None:
    if column.combine == "mean":
        return [1 / len(measured)] * len(measured)
    sizes = [(measure.n or 0) + (other.n or 0) for measure, other in measured]
    return [size / sum(sizes) for size in sizes] if all(sizes) else None


def _usable(shared: SharedQuestions | None, first: Measured, second: Measured) -> SharedQuestions | None:
    """`shared` if its questions are those that made the scores: all of them, with the mean that was published."""
    if (
        shared is None
        or shared.n < 2
        or any(measure.n is not None and measure.n != shared.n for measure in (first, second))
    ):
        return None
    for mean, measure in ((shared.first, first), (shared.second, second)):
        if abs(mean - measure.raw) > AGREE * (measure.stderr or 0.0) + 1e-6:
            return None
    return shared


def _paired(judged: Judged, questions: Sequence[SharedQuestions], pooled: bool) -> Judged:
    counted = replace(
        judged,
        n=sum(part.n for part in questions),
        ahead=sum(part.ahead for part in questions),
        behind=sum(part.behind for part in questions),
        binary=all(part.binary for part in questions),
    )
    return _by_questions(counted, exact=counted.binary and pooled)


def _by_questions(judged: Judged, exact: bool) -> Judged:
    """Judged by the questions that were compared one by one.

    Where subtasks weigh differently, more questions won may be fewer points: then the sign test says nothing.
    """
    ahead, behind = judged.ahead or 0, judged.behind or 0
    assert judged.uncut is not None and judged.stderr is not None
    if not exact and ahead + behind >= FEW:
        return replace(judged, test=Test.PAIRED, p=normal_test(judged.uncut, judged.stderr))
    agree = (ahead - behind) * judged.uncut > 0
    return replace(judged, test=Test.SIGN, p=sign_test(ahead, behind) if agree else 1.0)


def _unpaired(judged: Judged, paired: int, parts: int) -> Judged:
    reason = (
        "No question could be compared one by one" if not paired else f"Only {paired} of {parts} subtasks have details"
    )
    note = f"{judged.note} {reason}: judged by the scores’ own standard errors, which sees less.".strip()
    if judged.uncut is None or judged.stderr is None:
        return replace(judged, note=f"{judged.note} {reason}, and a standard error is unknown.".strip())
    return replace(judged, test=Test.UNPAIRED, p=_unpaired_p(judged.uncut, judged.stderr), note=note)


def _from_scores(key: str, difference: float, first: Score, second: Score) -> Judged:
    """Judged by the board's scores alone."""
    return _unpaired(Judged(key, difference, difference, _combined_error(first.stderr, second.stderr)), 0, 1)


def _average(columns: Sequence[Judged], first: Run, second: Run) -> Judged:
    """Of the columns that count, which ask different questions."""
    if first.average is None or second.average is None:
        return Judged("average", note="A score is missing.")
    difference = second.average - first.average
    uncut = [column.uncut for column in columns if column.uncut is not None]
    errors = [column.stderr for column in columns if column.stderr is not None]
    if len(uncut) < len(columns) or len(errors) < len(columns):
        return Judged("average", difference, difference, note="The standard error of a task is unknown.")
    mean, stderr = math.fsum(uncut) / len(columns), math.hypot(*errors) / len(columns)
    judged = Judged("average", difference, mean, stderr, note=_cut_note(difference, mean))
    paired = all(column.n is not None for column in columns)
    if not paired:
        note = f"{judged.note} Some tasks could not be compared question by question.".strip()
        return replace(judged, test=Test.UNPAIRED, p=_unpaired_p(mean, stderr), note=note)
    counted = replace(
        judged,
        n=sum(column.n or 0 for column in columns),
        ahead=sum(column.ahead or 0 for column in columns),
        behind=sum(column.behind or 0 for column in columns),
    )
    return _by_questions(counted, exact=False)


def _unpaired_p(difference: float, stderr: float) -> float | None:
    """None where an error of 0 says that nothing is known of the spread rather than that there is none."""
    return normal_test(difference, stderr) if stderr > 0 or difference == 0 else None


def _with_verdict(judged: Judged) -> Judged:
    if judged.adjusted is None or judged.difference is None or judged.uncut is None:
        verdict = Verdict.UNKNOWN
    elif judged.n is not None and judged.ahead == judged.behind == 0:
        verdict = Verdict.SAME
    elif judged.adjusted >= ALPHA or judged.difference * judged.uncut <= 0:
        verdict = Verdict.CHANCE
    else:
        verdict = Verdict.AHEAD if judged.difference > 0 else Verdict.BEHIND
    return replace(judged, verdict=verdict)


def _combined_error(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else math.hypot(first, second)


def _cut_note(difference: float, uncut: float) -> str:
    if abs(difference - uncut) < 0.005:
        return ""
    return f"Without the cut at chance the difference is {uncut:+.2f}; that is what is judged."


def sentence(titles: Mapping[str, str], first: str, second: str, columns: Sequence[Judged]) -> str:
    """What the comparison comes to, in words; `titles` are the columns' by key."""
    named = {verdict: [titles[column.key] for column in columns if column.verdict is verdict] for verdict in Verdict}
    total = len(columns)
    if len(named[Verdict.SAME]) == total:
        return f"There is no difference between {first} and {second}: every question has the same score."
    if len(named[Verdict.UNKNOWN]) == total:
        why = "in every task a score or its standard error is unknown"
        return f"Whether {first} and {second} differ cannot be judged: {why}."
    clauses = [
        f"{name} is ahead on {len(tasks)} of {total} tasks ({_listed(tasks)})"
        for name, tasks in ((second, named[Verdict.AHEAD]), (first, named[Verdict.BEHIND]))
        if tasks
    ]
    if not clauses:
        clauses = [f"No significant difference between {first} and {second} on any of {total} tasks"]
    if named[Verdict.CHANCE]:
        clauses.append(f"on {_listed(named[Verdict.CHANCE])} the difference is within chance")
    if named[Verdict.SAME]:
        clauses.append(f"on {_listed(named[Verdict.SAME])} every question has the same score")
    if named[Verdict.UNKNOWN]:
        clauses.append(f"{_listed(named[Verdict.UNKNOWN])} cannot be judged")
    return "; ".join(clauses) + "."


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
