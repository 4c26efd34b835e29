"""Files of predictions checked as at a submission, beside pandas reading the same file without checking anything."""

from __future__ import annotations

import multiprocessing
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from leaderboard.benchmarks.challenge import LabelsFile, PredictionColumn, PredictionMetric, PredictionsRules
from leaderboard.predictions.confined import check_file
from scripts.figures import Figure, Sections, at_most, reading


class Size(NamedTuple):
    """How much is measured."""

    rows: int
    forms: tuple[str, ...]
    """Formats that are measured."""
    limit_s: float | None
    limit_mb: float | None


FULL = Size(rows=1_000_000, forms=("csv", "jsonl", "parquet"), limit_s=5.0, limit_mb=1000.0)
TINY = Size(rows=2_000, forms=("jsonl",), limit_s=None, limit_mb=None)
CHOICES = ["yes", "no", "unknown"]
RULES = PredictionsRules(
    columns=[
        PredictionColumn(name="answer", type="choice", choices=CHOICES),
        PredictionColumn(name="probability", type="number", range=(0, 1)),
    ],
    labels=LabelsFile(file="labels.csv"),
    metrics={
        "accuracy": PredictionMetric(metric="accuracy", prediction="answer", label="answer"),
        "loss": PredictionMetric(metric="log_loss", prediction="probability", label="right"),
    },
)
WRITERS: dict[str, Callable[[pd.DataFrame, Path], None]] = {
    "csv": lambda table, file: table.to_csv(file, index=False),
    "jsonl": lambda table, file: table.to_json(file, orient="records", lines=True),
    "parquet": lambda table, file: table.to_parquet(file, index=False),
}
PANDAS = {"csv": "read_csv(FILE)", "jsonl": "read_json(FILE, lines=True)", "parquet": "read_parquet(FILE)"}
"""Format -> how the peer reads it."""


class Cost(NamedTuple):
    """What a call took."""

    seconds: float
    processor_seconds: float
    """Of the process that it started."""
    mb: float
    """Peak memory of that process."""
    findings: int = 0


def table_of(rows: int) -> pd.DataFrame:
    """Predictions in another order than the labels."""
    generator = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "id": [f"question-{number:07d}" for number in generator.permutation(rows)],
            "answer": generator.choice(CHOICES, rows),
            "probability": generator.random(rows),
        }
    )


def checked(file: Path, private: Path) -> Cost:
    """A check of the file, as the service makes it."""
    begin = time.perf_counter()
    report = check_file(file, file.name, RULES, private)
    return Cost(time.perf_counter() - begin, *of_children(), len(report.findings))


def read_by_pandas(file: Path, private: Path) -> Cost:
    """The file read by pandas in a process of its own; `private` is not needed."""
    del private
    code = f"import sys, pandas; pandas.{PANDAS[file.suffix[1:]].replace('FILE', 'sys.argv[1]')}"
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-c", code, file], check=True)
    return Cost(time.perf_counter() - begin, *of_children())


def of_children() -> tuple[float, float]:
    """Processor seconds and peak memory in MB of the only process that this one has started."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1000


def alone(call: Callable[[Path, Path], Cost], file: Path, private: Path) -> Cost:
    """The call in a process that has started no other one."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(call, file, private).result()


def figures(form: str, ours: Cost, peer: Cost, size: Size) -> list[Figure]:
    """The figures of one format."""
    return [
        at_most(f"{form}: time of a check", ours.seconds, "s", size.limit_s),
        at_most(f"{form}: peak memory of a check", ours.mb, "MB", size.limit_mb),
        reading(f"{form}: processor time of a check", ours.processor_seconds, "s"),
        reading(f"{form}: time, of pandas' reading", ours.seconds / peer.seconds, "x"),
        reading(f"{form}: peak memory, of pandas' reading", ours.mb / peer.mb, "x"),
    ]


def sections(size: Size) -> Sections:
    """Each format, and a CSV file in which every row is wrong in four ways."""
    table = table_of(size.rows)
    labels = table[["id", "answer"]].sort_values("id").assign(right=1)
    with tempfile.TemporaryDirectory() as folder:
        private = Path(folder)
        labels.to_csv(private / "labels.csv", index=False)
        for form in size.forms:
            file = private / f"predictions.{form}"
            WRITERS[form](table, file)
            ours = alone(checked, file, private)
            assert not ours.findings, "the file that is measured has to be a good one"
            yield f"{form}, {size.rows:,} rows", figures(form, ours, alone(read_by_pandas, file, private), size)
        file = private / "wrong.csv"
        table.assign(id="?" + table["id"], answer='"maybe"', probability=2).to_csv(file, index=False, quoting=0)
        ours = alone(checked, file, private)
        assert ours.findings == 4, "unknown ids, missing ids, other answers, numbers out of range"
        yield (
            f"csv with quotes and every row wrong, {size.rows:,} rows",
            figures("wrong csv", ours, alone(read_by_pandas, file, private), size),
        )
