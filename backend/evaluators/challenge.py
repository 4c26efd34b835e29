"""What evaluations of challenges have in common: scores by key become the result of the request.

What a competition keeps back goes into files that are not published; everything published is rounded here.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel

from backend import sandbox
from backend.evaluators.block import result_block
from backend.workdir import Workdir
from leaderboard import __version__
from leaderboard.benchmarks import Benchmark
from leaderboard.records import Provenance, Score
from leaderboard.records.artifact import digest_of
from leaderboard.results.private_results import HIDDEN_SCORES, PRIVATE_SCORES
from leaderboard.results.private_scores import DrawnSample, PrivateScores, Scores
from leaderboard.statistics.scores import Measured, challenge_scores

SHOWN_DIGITS = 16
"""Of digests in results."""


class KeptBack(NamedTuple):
    """What a competition does not publish of a run."""

    private: Mapping[str, Measured] | None = None
    """Scores of the private part, by their keys."""
    sample: DrawnSample | None = None
    """How the examples of the public part were drawn."""
    labels_sha256: str = ""


def write_scores(
    workdir: Workdir,
    measured: Mapping[str, Measured],
    made: Provenance,
    details: Mapping[str, bytes] | None = None,
    kept_back: KeptBack | None = None,
) -> None:
    """Write results.json, in the harness's shape, and the details (a Parquet file a task) of a challenge's run.

    `measured`: by the keys that the benchmark's columns name with `score`; other keys are left out. The scores of
    hidden columns, and what a competition keeps back, go into files of their own, which are not published.
    """
    request, benchmark = workdir.request(), workdir.benchmark()
    published = _rounded(benchmark, measured)
    scores, average = challenge_scores(benchmark, published)
    shown = benchmark.shown()
    _write_hidden(workdir, benchmark, measured)
    if kept_back is not None or published is not measured:
        _write_kept_back(workdir, benchmark, measured, kept_back or KeptBack())
    made.sandbox = made.sandbox or list(sandbox.entered())
    visible = {column.key: scores[column.key] for column in shown.columns}
    block = result_block(request, benchmark, visible, average, made)
    known = {column.score for column in shown.columns}
    raw = {key: value.raw for key, value in published.items() if key in known}
    results = {"results": {benchmark.id: raw}, "podium": block.model_dump(mode="json")}
    workdir.write_results(json.dumps(results, indent=2, ensure_ascii=False).encode(), dict(details or {}))


def scoring_version(workdir: Workdir, rules: BaseModel, fields: set[str], labels: Path) -> dict[str, str]:
    """What provenance says under `scoring` where Podium scores: the metrics, the labels, and its own version.

    `fields` of `rules` decide the scores. Raises OSError.
    """
    metrics = hashlib.sha256(rules.model_dump_json(include=fields).encode()).hexdigest()
    return {"metrics": metrics[:SHOWN_DIGITS], "labels": _keyed(workdir, [labels]), "podium": __version__}


def program_version(workdir: Workdir, folders: Sequence[tuple[Path, Path | None]]) -> dict[str, str]:
    """What provenance says under `scoring` where programs score: of each task the program and its labels.

    Raises OSError.
    """
    programs = "\n".join(digest_of_data(program) for program, _ in folders)
    labels = [reference for _, reference in folders if reference is not None]
    return {
        "program": hashlib.sha256(programs.encode()).hexdigest()[:SHOWN_DIGITS],
        "labels": _keyed(workdir, labels),
        "podium": __version__,
    }


def _keyed(workdir: Workdir, labels: Sequence[Path]) -> str:
    """A digest of labels that confirms no guess of them."""
    whole = "\n".join(digest_of_data(place) for place in labels)
    key = bytes.fromhex(workdir.options().digest_key)
    return hmac.new(key, whole.encode(), hashlib.sha256).hexdigest()[:SHOWN_DIGITS]


def digest_of_data(place: Path) -> str:
    """SHA-256 of a file, or of the names and contents of a folder's files. Raises OSError."""
    if place.is_file():
        return digest_of(place)
    whole = hashlib.sha256()
    for file in sorted(file for file in place.rglob("*") if file.is_file()):
        whole.update(f"{digest_of(file)} {file.relative_to(place).as_posix()}\n".encode())
    return whole.hexdigest()


def _rounded(benchmark: Benchmark, measured: Mapping[str, Measured]) -> Mapping[str, Measured]:
    """What may be published of the scores: rounded ones without their errors, where the competition says so."""
    decimals = benchmark.competition.published_decimals if benchmark.competition else None
    if decimals is None:
        return measured
    return {key: Measured(round(value.raw, decimals), None, value.n) for key, value in measured.items()}


def _write_kept_back(
    workdir: Workdir, benchmark: Benchmark, measured: Mapping[str, Measured], kept_back: KeptBack
) -> None:
    """Write what the competition keeps back where it is not published."""

    def whole(given: Mapping[str, Measured]) -> Scores:
        columns, average = challenge_scores(benchmark, given)
        return Scores(columns=columns, average=average)

    kept = PrivateScores(
        benchmark_version=benchmark.version,
        exact=whole(measured),
        private=None if kept_back.private is None else whole(kept_back.private),
        sample=kept_back.sample,
        labels_sha256=kept_back.labels_sha256,
    )
    workdir.write_private(PRIVATE_SCORES, (kept.model_dump_json(indent=2) + "\n").encode())


def _write_hidden(workdir: Workdir, benchmark: Benchmark, measured: Mapping[str, Measured]) -> None:
    """Write the scores of hidden columns where they are not published."""
    scores: Mapping[str, Score] = challenge_scores(benchmark, measured)[0]
    hidden = {
        column.key: {"title": column.title, "score": scores[column.key].model_dump(mode="json")}
        for column in benchmark.columns
        if column.hidden
    }
    if hidden:
        workdir.write_private(HIDDEN_SCORES, json.dumps(hidden, indent=2, ensure_ascii=False).encode())
