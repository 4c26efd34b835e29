"""Small packages of code, benchmarks for them, and jobs that run them in real bubblewrap."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from backend.evaluators.code_run import evaluate
from backend.workdir import JobOptions, Workdir
from leaderboard.benchmarks import Benchmark, Column
from leaderboard.records import Artifact, CodeRequest

GOOD_ESTIMATOR = """
import numpy as np

class Estimator:
    def setup(self, context):
        self.factor = 2.0

    def predict(self, item):
        return self.factor * item["x"]
"""
GOOD_MODEL = """
import csv

def train(train_dir):
    global mean
    with open(train_dir + "/train.csv") as file:
        values = [float(row["label"]) for row in csv.DictReader(file)]
    mean = sum(values) / len(values)

def predict(train_dir, test_dir, labeled_pairs):
    with open(test_dir + "/test_pairs.csv") as file:
        rows = list(csv.DictReader(file))
    return [{"model_id": row["model_id"], "item_id": row["item_id"], "p": mean} for row in rows]
"""
PAIRS = 40


def zipped(files: dict[str, str | bytes]) -> bytes:
    """A zip of these files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def item_benchmark(**rules: Any) -> Benchmark:
    """Items `{"id": ..., "x": ...}` whose right answer is twice `x`."""
    names = {"interface": "item", "entry": "estimator.py", "items": "items.jsonl", "metrics": {"score": "mse"}}
    return benchmark(**names | rules)


def pair_benchmark(**rules: Any) -> Benchmark:
    """Pairs of a model and an item, as in the AIMS competition."""
    names = {
        "id": ["model_id", "item_id"], "prediction": "p", "prediction_range": [0, 1], "train": "train", "test": "test",
        "metrics": {"score": "log_loss", "auc": "roc_auc"},
    }  # fmt: skip
    return benchmark(**names | rules)


def benchmark(**rules: Any) -> Benchmark:
    """A benchmark with a column for each metric."""
    columns = [Column(key=key, title=key.upper(), score=key, higher_is_better=key == "auc") for key in rules["metrics"]]
    return Benchmark.model_validate(
        {
            "id": "code", "version": "1", "title": "Code", "description": "", "kinds": ["code"],
            "columns": [column.model_dump() for column in columns],
            "code": {"wall_seconds": 60, "memory_gb": 0.5, **rules},
        }
    )  # fmt: skip


def write_items(private: Path, count: int = 12) -> None:
    """Items, and labels beside them."""
    private.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps({"id": f"i{number}", "x": float(number)}) for number in range(count)]
    (private / "items.jsonl").write_text("\n".join(lines))
    rows = [f"i{number},{2.0 * number}" for number in range(count)]
    (private / "labels.csv").write_text("\n".join(["id,label", *rows]))


def write_arrays(private: Path, shape: tuple[int, ...], count: int) -> None:
    """Items that are arrays, and labels that are arrays."""
    for folder in ("items", "labels"):
        (private / folder).mkdir(parents=True)
    for number in range(count):
        array = np.full(shape, float(number))
        np.save(private / "items" / f"{number:04}.npy", array)
        np.save(private / "labels" / f"{number:04}.npy", 2 * array)


def write_pairs(private: Path) -> None:
    """Folders `train` and `test`, and labels beside them: half of them are 1."""
    for folder in ("train", "test"):
        (private / folder).mkdir(parents=True)
    (private / "train" / "train.csv").write_text("label\n1\n0\n1\n0\n")
    ids = [(f"m{number % 4}", f"q{number // 4}") for number in range(PAIRS)]
    (private / "test" / "test_pairs.csv").write_text("model_id,item_id\n" + "".join(f"{a},{b}\n" for a, b in ids))
    labels = [f"{a},{b},{number % 2}\n" for number, (a, b) in enumerate(ids)]
    (private / "labels.csv").write_text("model_id,item_id,label\n" + "".join(labels))


def prepared(folder: Path, package: bytes, rules: Benchmark, private: Path) -> Workdir:
    """The work folder of a job that runs `package`."""
    request = CodeRequest(
        kind="code", model="ada/mine", revision="0" * 64, id="f" * 16, benchmark="code", attempts=1,
        artifact=Artifact(sha256="0" * 64, bytes=len(package), filename="mine.zip"),
        job_start_time="2026-01-01T00:00:00Z",
    )  # fmt: skip
    workdir = Workdir(folder / f"{request.id}-1")
    options = JobOptions(evaluator="backend.evaluators.code:CodeEvaluator", private=private)
    workdir.prepare(options, request, rules)
    workdir.artifact.write_bytes(package)
    return workdir


def ran(folder: Path, files: dict[str, str | bytes], rules: Benchmark) -> dict[str, Any]:
    """The block of the result of a package, over the private data in `folder`. Raises JobFailed."""
    workdir = prepared(folder / "jobs", zipped(files), rules, folder / "private")
    evaluate(workdir.path)
    block: dict[str, Any] = workdir.results()["podium"]
    return block
