"""The score of a file of predictions on a kit's public labels, by the functions that score it on the server."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import NamedTuple

import pyarrow.compute as pc

from leaderboard.errors import Unreadable
from leaderboard.packaging.challenge import Challenge
from leaderboard.packaging.problems import LOCAL
from leaderboard.predictions.labels import read_labels
from leaderboard.predictions.scoring import scores
from leaderboard.predictions.submitted import read_submitted
from leaderboard.records import Problem


class LocalScores(NamedTuple):
    """What a file scores here."""

    scores: dict[str, float]
    """By their keys; none where the kit has no labels."""
    problems: list[Problem]
    reason: str = ""
    """Why there are none, the end of a sentence."""


def local_scores(file: Path, challenge: Challenge) -> LocalScores:
    """The scores of a file in which nothing is wrong, on the rows whose labels the kit has. Raises OSError."""
    rules = challenge.benchmark.predictions
    assert rules is not None and rules.labels is not None
    labels_file = challenge.described.public_labels or rules.labels.file
    public_rules = rules.model_copy(update={"labels": rules.labels.model_copy(update={"file": labels_file})})
    try:
        expected = read_labels(rules, challenge.data, []).ids
        labels = read_labels(public_rules, challenge.data)
        with tempfile.TemporaryDirectory(prefix="podium-score-") as scratch:
            reading = read_submitted(file, file.name, rules, expected, Path(scratch))
        places = pc.index_in(labels.ids, value_set=expected)
        if places.null_count:
            raise Unreadable(labels_file, "it has an id that is none of the benchmark's")
        predictions = {name: values.take(places) for name, values in reading.columns.items()}
        scored = {key: each.measured.raw for key, each in scores(public_rules, predictions, labels)}
    except Unreadable as error:
        return LocalScores({}, [], str(error))
    ranked = {column.score: column.title for column in challenge.benchmark.columns}
    undefined = [title for key, title in ranked.items() if key in scored and not math.isfinite(scored[key])]
    problems = [LOCAL.problem("score_undefined", columns=", ".join(undefined))] if undefined else []
    return LocalScores({key: value for key, value in scored.items() if math.isfinite(value)}, problems)
