"""Which rows of the labels are public, which are private, and which a submission is scored on.

Neither what column says of a row nor any label leaves this room in words, but for how many rows say something else.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from leaderboard.benchmarks import Benchmark
from leaderboard.benchmarks.challenge import CodeRules
from leaderboard.benchmarks.competition import CompetitionRules
from leaderboard.errors import Unreadable
from leaderboard.predictions.labels import Labels, read_labels
from leaderboard.predictions.reader import BETWEEN
from leaderboard.predictions.sample import Positions, draw

PUBLIC, PRIVATE = "public", "private"


class Parts(NamedTuple):
    """What the labels say of each row, in their order."""

    ids: Sequence[str]
    public: Sequence[bool]
    """Whether its score is shown while the competition lasts."""
    strata: Sequence[str]

    def private(self) -> Positions:
        """The rows of the private part."""
        return [at for at, shown in enumerate(self.public) if not shown]

    def scored(self, rules: CompetitionRules | None, seed: str, left_out: Collection[int] = ()) -> Positions:
        """The public rows that a submission is scored on: those of its sample, or all; none of `left_out`.

        Raises ValueError where there are fewer than the sample needs.
        """
        rows = [at for at, shown in enumerate(self.public) if shown and at not in left_out]
        if rules is None or rules.hidden_sample is None:
            return rows
        ids, strata = [self.ids[at] for at in rows], [self.strata[at] for at in rows]
        return [rows[place] for place in draw(seed, ids, strata, rules.hidden_sample.size)]


def part_columns(rules: CompetitionRules | None) -> list[str]:
    """The columns of the labels that say which rows are scored for whom."""
    if rules is None:
        return []
    names = [rules.split.column if rules.split else "", rules.hidden_sample.strata if rules.hidden_sample else ""]
    return list(dict.fromkeys(name for name in names if name))


def parts_of(
    rules: CompetitionRules | None, file: str, ids: Sequence[str], columns: dict[str, Sequence[str | None]]
) -> Parts:
    """The parts that the columns of `file` make. Raises Unreadable where a row is in neither part."""
    public: Sequence[bool] = [True] * len(ids)
    if rules is not None and rules.split is not None:
        said = [(value or "").strip() for value in columns[rules.split.column]]
        others = sum(value not in (PUBLIC, PRIVATE) for value in said)
        if others:
            where = f"the column {rules.split.column}"
            raise Unreadable(file, f"{where} says neither `public` nor `private` in {others:,} of {len(said):,} rows")
        public = [value == PUBLIC for value in said]
        if all(public) or not any(public):
            missing = PRIVATE if all(public) else PUBLIC
            raise Unreadable(file, f"the column {rules.split.column} says `{missing}` of no row")
    strata: Sequence[str] = [""] * len(ids)
    if rules is not None and rules.hidden_sample is not None and rules.hidden_sample.strata:
        strata = [value or "" for value in columns[rules.hidden_sample.strata]]
    return Parts(ids, public, strata)


def parts_of_labels(benchmark: Benchmark, labels: Labels) -> Parts:
    """The parts of a file of predictions, whose labels were read with `part_columns`. Raises Unreadable."""
    rules = benchmark.predictions
    assert rules is not None and rules.labels is not None
    texts: dict[str, Sequence[str | None]] = {
        name: labels.columns[name].to_pylist() for name in part_columns(benchmark.competition)
    }
    return parts_of(benchmark.competition, rules.labels.file, labels.ids.to_pylist(), texts)


def rows_of(labels: Labels, positions: Positions) -> Labels:
    """Some rows of labels."""
    chosen = pa.array(positions, pa.int64())
    return Labels(labels.ids.take(chosen), {name: values.take(chosen) for name, values in labels.columns.items()})


def read_parts(benchmark: Benchmark, kind: str, private: Path) -> Parts:
    """The parts of the labels of predictions or code, in the file's order. Raises Unreadable."""
    if kind == "predictions" and benchmark.predictions is not None:
        labels = read_labels(benchmark.predictions, private, part_columns(benchmark.competition))
        return parts_of_labels(benchmark, labels)
    assert benchmark.code is not None
    return _parts_of_code(benchmark.code, benchmark.competition, private)


def unusable_parts(benchmark: Benchmark, private: Path) -> Iterator[str]:
    """Why the labels do not make the parts that a competition needs, a sentence for each kind."""
    rules = benchmark.competition
    if rules is None or (rules.split is None and rules.hidden_sample is None):
        return
    for kind in benchmark.kinds:
        try:
            public = sum(read_parts(benchmark, kind, private).public)
        except Unreadable as error:
            yield f"The labels {error}."
            continue
        revealed = benchmark.code.label_budget if kind == "code" and benchmark.code else 0
        size = rules.hidden_sample.size if rules.hidden_sample else 0
        if size + revealed > public:
            yield (
                f"`competition.hidden_sample.size` is {size:,}, {revealed:,} labels may be revealed, and only "
                f"{public:,} rows of the labels are public. Make the sample smaller."
            )


def code_id(values: Sequence[str]) -> str:
    """One text for the id columns of a row."""
    return BETWEEN.join(values)


def _parts_of_code(rules: CodeRules, competition: CompetitionRules | None, private: Path) -> Parts:
    place, columns = private / rules.labels, part_columns(competition)
    try:
        if place.is_dir():
            if columns:
                raise Unreadable(rules.labels, f"it is a folder, and has no column {columns[0]}: make it a CSV file")
            ids = sorted(file.stem for file in place.glob("*.npy"))
            return parts_of(competition, rules.labels, ids, {})
        with place.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.DictReader(lines)
            wanted = [*rules.id, *columns]
            if missing := [name for name in wanted if name not in (reader.fieldnames or ())]:
                raise Unreadable(rules.labels, f"it has no column {', '.join(missing)}")
            rows = list(reader)
    except OSError as error:
        raise Unreadable(rules.labels, error.strerror or "it cannot be opened") from error
    except (ValueError, csv.Error) as error:
        raise Unreadable(rules.labels, f"it is not CSV in UTF-8 ({type(error).__name__})") from error
    ids = [code_id([row[name] or "" for name in rules.id]) for row in rows]
    return parts_of(competition, rules.labels, ids, {name: [row[name] for row in rows] for name in columns})
