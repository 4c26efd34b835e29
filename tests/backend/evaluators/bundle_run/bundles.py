"""Small bundles for tests, as folders, and work folders with a submission to one of them."""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backend.evaluators import EVALUATORS, evaluator_name
from backend.workdir import JobOptions, Workdir
from leaderboard.benchmarks import Benchmark
from leaderboard.records import Artifact, ArtifactRequest, Status

LABELS = "1\n0\n1\n1\n"
INGEST = """
import os, sys
sys.path.insert(0, "/app/ingested_program")
from model import predict
items = open("/app/input_data/items.txt").read().split()
with open("/app/output/answers.txt", "w") as out:
    for item in items:
        print(predict(item), file=out)
"""
SCORE = """
import json, sys
answers = open(sys.argv[1] + "/res/answers.txt").read().split()
labels = open(sys.argv[1] + "/ref/labels.txt").read().split()
right = sum(a == b for a, b in zip(answers, labels)) / len(labels)
json.dump({"accuracy": right, "secret": right / 2, "unused": 9}, open(sys.argv[2] + "/scores.json", "w"))
open(sys.argv[2] + "/detailed_results.html", "w").write(f"<h1>Right: {right}</h1>")
"""
GOOD = "def predict(item):\n    return int(item) % 2\n"


@dataclass
class MadeBundle:
    """A bundle's files and what its benchmark says."""

    root: Path
    rules: dict[str, Any] = field(default_factory=dict)
    benchmark: dict[str, Any] = field(default_factory=dict)

    def put(self, path: str, text: str) -> None:
        file = self.root / "bundle" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def task(self, **changes: Any) -> dict[str, Any]:
        return {
            "index": 0, "name": "Parity", "scoring_program": "scoring", "reference_data": "reference",
            "ingestion_program": "ingestion", "input_data": "input",
        } | changes  # fmt: skip

    def made(self) -> Benchmark:
        phase = {"track": "open", "name": "Main", "tasks": [0], "wall_seconds": 60}
        rules = {
            "folder": "bundle", "tasks": [self.task()], "phases": [phase],
            "settings": {"enable_detailed_results": True},
        } | self.rules  # fmt: skip
        rules["phases"] = [phase | given for given in rules["phases"]]
        columns = [
            {"key": "accuracy", "title": "Accuracy", "score": "accuracy"},
            {"key": "secret", "title": "Privatewert", "score": "secret", "hidden": True, "in_average": False},
        ]
        return Benchmark.model_validate(
            {
                "id": "parity",
                "version": "1",
                "title": "Parity",
                "description": "Odd or even.",
                "columns": columns,
                "kinds": ["code", "predictions"],
                "code": {"memory_gb": 1},
                "predictions": {},
                "bundle": rules,
            }
            | self.benchmark
        )


def parity(root: Path) -> MadeBundle:
    """A bundle whose ingestion asks `model.predict` of a submission for the parity of numbers."""
    bundle = MadeBundle(root)
    bundle.put("ingestion/metadata.yaml", "command: python $ingestion_program/ingest.py $input $output\n")
    bundle.put("ingestion/ingest.py", INGEST)
    bundle.put("scoring/metadata.yaml", "command: python3 $program/score.py $input $output\n")
    bundle.put("scoring/score.py", SCORE)
    bundle.put("input/items.txt", "3\n4\n5\n7\n")
    bundle.put("reference/labels.txt", LABELS)
    return bundle


def job(bundle: MadeBundle, files: dict[str, str], kind: str = "code", place: str = "job") -> Workdir:
    """The work folder of a submission with these files, as the scheduler makes it and the staging fills it."""
    workdir = Workdir(bundle.root / place)
    workdir.path.mkdir()
    with zipfile.ZipFile(workdir.artifact, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    digest = hashlib.sha256(workdir.artifact.read_bytes()).hexdigest()
    size = workdir.artifact.stat().st_size
    request = ArtifactRequest(
        kind=kind, id="0123456789abcdef", benchmark="parity", sender="ada", model="ada/first", revision=digest,
        status=Status.RUNNING, attempts=1, job_start_time="2026-11-22T05:00:00Z",
        artifact=Artifact(sha256=digest, bytes=size, filename="first.zip"),
    )  # fmt: skip
    options = JobOptions(evaluator=evaluator_name(EVALUATORS[kind]), private=bundle.root)
    workdir.prepare(options, request, bundle.made())
    return workdir


def scores_of(workdir: Workdir) -> dict[str, float]:
    """Published raw scores by column."""
    results = json.loads((workdir.out / "results.json").read_bytes())
    return {key: score["raw"] for key, score in results["podium"]["scores"].items()}
