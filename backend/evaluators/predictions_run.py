"""Scores a file of predictions: read by the reader that the submission was checked with, scored by declared metrics."""

from __future__ import annotations

import importlib.metadata
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from backend.evaluators.challenge import KeptBack, digest_of_data, scoring_version, write_scores
from backend.evaluators.sampling import drawn_sample
from backend.failures import JobFailed
from backend.workdir import JobOptions, Workdir
from leaderboard import __version__
from leaderboard.benchmarks import Benchmark
from leaderboard.benchmarks.challenge import PredictionsRules
from leaderboard.errors import Unreadable
from leaderboard.predictions.labels import Labels, label_columns, read_labels
from leaderboard.predictions.parts import part_columns, parts_of_labels, rows_of
from leaderboard.predictions.reader import id_text
from leaderboard.predictions.sample import Positions
from leaderboard.predictions.scoring import Scored, scores
from leaderboard.predictions.submitted import read_submitted
from leaderboard.records import ArtifactRequest, Fault, Provenance
from leaderboard.results.details import details_table

PACKAGES = ("scikit-learn", "scipy", "numpy", "pyarrow")
DETAILS_ROWS = 20_000
"""Examples that public details show, the first ones of the labels."""


def evaluate(path: Path) -> None:
    """Score the file in the work folder `path`, and write results.json and details/. Raises JobFailed, OSError."""
    began = time.monotonic()
    workdir = Workdir(path)
    request, benchmark = workdir.request(), workdir.benchmark()
    assert isinstance(request, ArtifactRequest) and benchmark.predictions is not None
    rules = benchmark.predictions
    private = _private(workdir.options())
    try:
        labels = read_labels(rules, private, [*label_columns(rules), *part_columns(benchmark.competition)])
        predictions = _predictions(workdir, request, rules, labels)
        scored, kept_back = _scored(workdir, benchmark, predictions, labels)
    except Unreadable as error:  # its words are the organiser's own: a file, columns, lines
        raise JobFailed("benchmark_data", f"The benchmark's labels: {error}.", Fault.INFRASTRUCTURE) from None
    _refuse_undefined(benchmark, scored)
    assert rules.labels is not None
    made = Provenance(
        packages={**{name: importlib.metadata.version(name) for name in PACKAGES}, "podium": __version__},
        wall_seconds=round(time.monotonic() - began, 3),
        scoring=scoring_version(workdir, rules, {"metrics", "columns"}, private / rules.labels.file),
    )
    shown = {column.score for column in benchmark.columns if not column.hidden and not column.private}
    public = {key: each for key, each in scored.items() if key in shown}
    details = {benchmark.id: _details(public, predictions, labels)} if rules.details == "public" else {}
    write_scores(workdir, {key: each.measured for key, each in scored.items()}, made, details, kept_back)


def _private(options: JobOptions) -> Path:
    if options.private is None:
        raise JobFailed("benchmark_data", "The worker has no folder of private data.", Fault.INFRASTRUCTURE)
    return options.private


def _predictions(
    workdir: Workdir, request: ArtifactRequest, rules: PredictionsRules, labels: Labels
) -> Mapping[str, pa.Array]:
    """The values in the order of the labels."""
    reading = read_submitted(workdir.artifact, request.artifact.filename, rules, labels.ids, workdir.scratch)
    if reading.findings:
        raise JobFailed(
            "predictions_refused",
            "The file does not hold what the benchmark expects now, although it did when it was submitted. "
            "Submit it again to read every problem.",
        )
    return reading.columns


def _scored(
    workdir: Workdir, benchmark: Benchmark, predictions: Mapping[str, pa.Array], labels: Labels
) -> tuple[Mapping[str, Scored], KeptBack | None]:
    """Scores of the public part by key, and what is kept back. Raises Unreadable, JobFailed."""
    rules, competition = benchmark.predictions, benchmark.competition
    assert rules is not None and rules.labels is not None
    if competition is None or (competition.split is None and competition.hidden_sample is None):
        return dict(scores(rules, predictions, labels)), None

    def of(positions: Positions) -> Mapping[str, Scored]:
        chosen = {name: values.take(pa.array(positions, pa.int64())) for name, values in predictions.items()}
        try:
            return dict(scores(rules, chosen, rows_of(labels, positions)))
        except Unreadable:  # its reason would tell something of the labels in this part
            sentence = "The benchmark's labels: a part or a sample of them cannot be scored, its labels are too few or "
            raise JobFailed("benchmark_data", sentence + "all alike.", Fault.INFRASTRUCTURE) from None

    parts = parts_of_labels(benchmark, labels)
    positions, sample = drawn_sample(workdir, parts)
    private = None if competition.split is None else of(parts.private())
    digest = digest_of_data(_private(workdir.options()) / rules.labels.file)
    kept = None if private is None else {key: each.measured for key, each in private.items()}
    return of(positions), KeptBack(kept, sample, digest)


def _refuse_undefined(benchmark: Benchmark, scored: Mapping[str, Scored]) -> None:
    """Raise JobFailed when the score of a column is no number."""
    undefined = [
        column.title
        for column in benchmark.columns
        if column.score in scored and not math.isfinite(scored[column.score].measured.raw)
    ]
    if undefined:
        raise JobFailed(
            "score_undefined",
            f"{', '.join(undefined)} cannot be computed for this file: a correlation, for example, needs values that "
            "are not all equal. Submit a file with other values.",
        )


def _details(scored: Mapping[str, Scored], predictions: Mapping[str, pa.Array], labels: Labels) -> bytes:
    """A row for each of the first examples: predictions, and of the metrics in `scored` the labels and its scores."""
    number = min(len(labels.ids), DETAILS_ROWS)
    shown = {name: values[:number].to_pylist() for name, values in predictions.items()}
    known = {
        name: labels.columns[name][:number].to_pylist()
        for name in dict.fromkeys(score.metric.label for score in scored.values())
    }
    each = {key: score.each for key, score in scored.items() if score.each is not None and score.metric.group == ""}

    def row(at: int) -> dict[str, Any]:
        return {
            "doc_id": at,
            "doc": {"id": id_text(labels.ids[at].as_py())},
            "target": {name: values[at] for name, values in known.items()},
            "resps": {name: values[at] for name, values in shown.items()},
            "metrics": list(each),
            **{key: float(values[at]) for key, values in each.items()},
        }

    return details_table([row(at) for at in range(number)])
