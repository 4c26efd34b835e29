"""Starting kits in folders, as an organiser would publish them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from leaderboard.benchmarks import Benchmark
from leaderboard.packaging.challenge import FILE, Challenge, read_challenge
from tests.backend.evaluators.code.packages import (
    GOOD_ESTIMATOR,
    GOOD_MODEL,
    item_benchmark,
    pair_benchmark,
    write_items,
    write_pairs,
)

PREDICTIONS = {
    "id": ["id"],
    "columns": [{"name": "p", "type": "number", "range": [0, 1]}],
    "labels": {"file": "labels.csv"},
    "metrics": {"loss": {"metric": "log_loss", "prediction": "p", "label": "answer"}},
}


def pair_kit(folder: Path, **rules: Any) -> Challenge:
    """A kit for code that trains and predicts."""
    challenge = kit(folder, pair_benchmark(**rules), "code", {"submission/model.py": GOOD_MODEL})
    write_pairs(challenge.data)
    return challenge


def item_kit(folder: Path, **rules: Any) -> Challenge:
    """A kit for code that is asked for each item."""
    challenge = kit(folder, item_benchmark(**rules), "code", {"submission/estimator.py": GOOD_ESTIMATOR})
    write_items(challenge.data)
    return challenge


def predictions_kit(folder: Path, **described: Any) -> Challenge:
    """A kit for files of predictions; its labels are public."""
    benchmark = Benchmark.model_validate(
        {
            "id": "answers", "version": "1", "title": "Answers", "description": "", "kinds": ["predictions"],
            "columns": [{"key": "loss", "title": "Loss", "score": "loss", "higher_is_better": False}],
            "predictions": PREDICTIONS,
        }
    )  # fmt: skip
    files = {
        "submission/predictions.csv": "id,p\na,0.9\nb,0.2\nc,0.5\n",
        "data/labels.csv": "id,answer\na,1\nb,0\nc,1\n",
    }
    return kit(folder, benchmark, "predictions", files, submission="submission/predictions.csv", **described)


def kit(folder: Path, benchmark: Benchmark, kind: str, files: dict[str, str], **described: Any) -> Challenge:
    """A kit with these files."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    document = {"kind": kind, **described, "benchmark": benchmark.model_dump(mode="json", exclude_defaults=True)}
    (folder / FILE).write_text(yaml.safe_dump(document, sort_keys=False))
    return read_challenge(folder / FILE)
