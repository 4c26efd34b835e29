"""Competitions: which of the rows that a package answers count for whom, and the scores of each part."""

from __future__ import annotations

import csv
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from backend.evaluators.challenge import KeptBack, digest_of_data
from backend.evaluators.code_run.answers import Answer
from backend.evaluators.code_run.data import trouble
from backend.evaluators.code_run.report import Outcome
from backend.evaluators.code_run.scoring import measured
from backend.evaluators.sampling import drawn_sample
from backend.workdir import Workdir
from leaderboard.benchmarks.challenge import RANDOM_REVELATION, CodeRules
from leaderboard.errors import Unreadable
from leaderboard.predictions.parts import Parts, code_id, read_parts
from leaderboard.predictions.sample import Positions
from leaderboard.results.private_scores import DrawnSample
from leaderboard.statistics.scores import Measured


class Answered(Protocol):
    """Rows with the package's answers."""

    @property
    def rows(self) -> Sequence[int]: ...

    @property
    def labels(self) -> Sequence[Answer]: ...

    @property
    def answers(self) -> Sequence[Answer]: ...


@dataclass(frozen=True)
class Asked:
    """The rows that a benchmark has for packages, and which of them count."""

    workdir: Workdir
    parts: Parts
    unasked: Sequence[str]
    """Ids of public labels that are none of these rows."""
    revealed: Collection[int] = frozenset()
    """Rows whose labels the package was told."""

    def without(self, revealed: Sequence[int]) -> Asked:
        """The same after the labels of these rows were revealed."""
        return replace(self, revealed=frozenset(revealed))

    def to_ask(self) -> Positions:
        """The items that a package is asked about: those of its sample; all where some are private.

        Those that are asked about each time would be the private ones. Raises JobFailed.
        """
        counted, _ = self.counted()
        return list(range(len(self.parts.ids))) if self.parts.private() else counted

    def counted(self) -> tuple[Positions, DrawnSample | None]:
        """The public rows that count, and how they were drawn. Raises JobFailed."""
        return drawn_sample(self.workdir, self.parts, self.revealed, self.unasked)


def read_asked(workdir: Workdir, rules: CodeRules, private: Path, ids: Sequence[Sequence[str]]) -> Asked:
    """The rows with these ids, in their order. Raises JobFailed."""
    names, benchmark = [code_id(values) for values in ids], workdir.benchmark()
    if not _has_parts(workdir):
        return Asked(workdir, Parts(names, [True] * len(names), [""] * len(names)), [])
    try:
        known = read_parts(benchmark, "code", private)
        if benchmark.competition is not None and benchmark.competition.split is not None:
            _refuse_visible(rules, benchmark.competition.split.column, private)
    except Unreadable as error:  # its words are the organiser's own: a file and columns
        raise trouble(str(error)) from None
    places = {name: at for at, name in enumerate(known.ids)}
    if len(places) < len(known.ids):
        raise trouble("an id of the labels is there more than once")
    rows = [places[name] for name in names]
    parts = Parts(names, [known.public[at] for at in rows], [known.strata[at] for at in rows])
    there = set(names)
    unasked = [name for name, shown in zip(known.ids, known.public, strict=True) if shown and name not in there]
    return Asked(workdir, parts, unasked)


def parts_scores(
    workdir: Workdir, rules: CodeRules, private: Path, asked: Asked, outcome: Outcome
) -> tuple[Mapping[str, Measured], KeptBack | None]:
    """The scores of the public part by key, and what is kept back. Raises JobFailed."""
    again = outcome.at_random
    if not _has_parts(workdir):
        scores = measured(rules, outcome.labels, outcome.answers)
        return (scores | _at_random(measured(rules, again.labels, again.answers)) if again else scores), None
    public, private_scores, sample = _of_parts(rules, asked, outcome)
    if again is not None:
        told = frozenset(range(len(asked.parts.ids))) - frozenset(again.rows)
        beside, hidden_beside, _ = _of_parts(rules, replace(asked, revealed=told), again)
        public, private_scores = public | _at_random(beside), private_scores | _at_random(hidden_beside)
    return public, KeptBack(private_scores or None, sample, digest_of_data(private / rules.labels))


def _of_parts(
    rules: CodeRules, asked: Asked, scored: Answered
) -> tuple[dict[str, Measured], dict[str, Measured], DrawnSample | None]:
    """The scores of the rows that count, those of the private rows, and how the first were drawn. Raises JobFailed."""
    places = {row: at for at, row in enumerate(scored.rows)}

    def of(rows: Positions) -> dict[str, Measured]:
        chosen = [places[row] for row in rows]
        return measured(rules, [scored.labels[at] for at in chosen], [scored.answers[at] for at in chosen])

    counted, sample = asked.counted()
    hidden = asked.parts.private()
    return of(counted), of(hidden) if hidden else {}, sample


def _at_random(scores: Mapping[str, Measured]) -> dict[str, Measured]:
    """The same under the keys of scores with randomly revealed labels."""
    return {RANDOM_REVELATION + key: score for key, score in scores.items()}


def _has_parts(workdir: Workdir) -> bool:
    rules = workdir.benchmark().competition
    return rules is not None and (rules.split is not None or rules.hidden_sample is not None)


def _refuse_visible(rules: CodeRules, column: str, private: Path) -> None:
    """Raise Unreadable where what packages read says which labels are private."""
    files = sorted((private / rules.test).rglob("*.csv")) if rules.test else []
    for file in files:
        with file.open(encoding="utf-8-sig", errors="replace", newline="") as lines:
            if column in next(csv.reader(lines), []):
                raise Unreadable(file.name, f"packages read it, and it has the column {column}")
    items = private / rules.items if rules.items else None
    if items is not None and items.is_file():
        with items.open(encoding="utf-8") as lines:
            if any(column in json.loads(line) for line in lines if line.strip()):
                raise Unreadable(items.name, f"packages are asked about its items, and one has the key {column}")
