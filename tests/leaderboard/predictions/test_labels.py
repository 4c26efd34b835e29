"""Labels are read in every format, and what is wrong with them is said to the organiser without a value of them."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from leaderboard.benchmarks.challenge import LabelsFile, PredictionsRules
from leaderboard.errors import Unreadable
from leaderboard.predictions.labels import read_labels
from tests.leaderboard.predictions.reference import RULES

TEXTS = {"csv": "y,id,more\n1,a,\n0.5,b,\n,c,\n", "jsonl": '{"y": 1, "id": "a"}\n{"y": 0.5, "id": "b"}\n{"id": "c"}\n'}


def rules(name: str) -> PredictionsRules:
    return RULES.model_copy(update={"labels": LabelsFile(file=name)})


def test_formats_give_the_same(tmp_path: Path) -> None:
    for form, text in TEXTS.items():
        (tmp_path / f"labels.{form}").write_text(text)
    pq.write_table(pa.table({"id": ["a", "b", "c"], "y": [1, 0.5, None]}), tmp_path / "labels.parquet")
    for form in ("csv", "jsonl", "parquet"):
        labels = read_labels(rules(f"labels.{form}"), tmp_path)
        assert labels.ids.to_pylist() == ["a", "b", "c"]
        assert labels.columns["y"].to_pylist() == ["1", "0.5", None]


def test_booleans_and_integers_become_text(tmp_path: Path) -> None:
    (tmp_path / "labels.jsonl").write_text('{"id": 7, "y": true}\n{"id": 8, "y": false}\n')
    labels = read_labels(rules("labels.jsonl"), tmp_path)
    assert (labels.ids.to_pylist(), labels.columns["y"].to_pylist()) == (["7", "8"], ["true", "false"])


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("labels.csv", b"id,y\n", "it has no rows"),
        ("labels.csv", b"", "it has no rows"),
        ("labels.csv", b"id\na\n", "it has no column y"),
        ("labels.csv", b"id,y,y\n", "it has the column y twice"),
        ("labels.csv", b"id,y\na,secret\na,secret\n", "an id is empty or is there twice"),
        ("labels.csv", b"id,y\n,secret\n", "an id is empty or is there twice"),
        ("labels.csv", b"id,y\na,secret\nb\nc,secret,secret\n", "line 3 is malformed; line 4 is malformed"),
        ("labels.csv", b"id,y\na,secret\xff\n", "line 2 is not UTF-8"),
        ("labels.jsonl", b'{"id": "a", "y": "secret}\n', "line 1 is malformed"),
        ("labels.parquet", b"secret", "it is not a Parquet file"),
        ("missing.csv", None, "No such file or directory"),
    ],
)
def test_what_is_wrong_is_said_without_a_label(name: str, content: bytes | None, reason: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(Unreadable) as raised:
        read_labels(rules(name), tmp_path)
    assert str(raised.value) == f"{name} cannot be read: {reason}"
    assert "secret" not in str(raised.value)
