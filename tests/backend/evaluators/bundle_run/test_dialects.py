"""Bundles in each dialect, added as an organiser adds them, then run."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path

import pytest

from backend.evaluators import EVALUATORS, evaluator_name, load_evaluator
from backend.workdir import JobOptions, Workdir
from leaderboard.bundles import add_bundle, read_bundle
from leaderboard.records import Artifact, ArtifactRequest
from tests.leaderboard.bundles.bundles import DIALECTS, write


@pytest.mark.parametrize("dialect", DIALECTS)
def test_bundles_of_each_dialect_run(dialect: str, tmp_path: Path) -> None:
    source = write(tmp_path / "source", DIALECTS[dialect])
    (tmp_path / "scratch").mkdir()
    reading = read_bundle(source, tmp_path / "scratch")
    benchmark = add_bundle(reading, "flowers", tmp_path / "benchmarks", tmp_path / "private")
    for track, kind in ((track, kind) for track in benchmark.tracks for kind in benchmark.kinds):
        workdir = Workdir(tmp_path / f"{track}-{kind}")
        workdir.path.mkdir()
        with zipfile.ZipFile(workdir.artifact, "w") as archive:
            archive.writestr("model.py" if kind == "code" else "answers.csv", "0\n1\n")
        digest = hashlib.sha256(workdir.artifact.read_bytes()).hexdigest()
        request = ArtifactRequest(
            kind=kind, id="0123456789abcdef", benchmark="flowers", track=track, sender="ada", model="ada/first",
            revision=digest, attempts=1, artifact=Artifact(sha256=digest, bytes=1, filename="first.zip"),
        )  # fmt: skip
        options = JobOptions(evaluator=evaluator_name(EVALUATORS[kind]), private=tmp_path / "private")
        workdir.prepare(options, request, benchmark)
        load_evaluator(options.evaluator).run(workdir.path)
        block = json.loads((workdir.out / "results.json").read_bytes())["podium"]
        scores = {column.score: block["scores"][column.key]["raw"] for column in benchmark.shown().columns}
        assert scores["accuracy"] == 0.5 and block["average"] is not None, (dialect, track, kind)
