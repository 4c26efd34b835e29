"""The labels of a benchmark: expected ids and what is right for each. No value of a label leaves this room in words."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as types

from leaderboard.benchmarks import Benchmark
from leaderboard.benchmarks.challenge import LabelsFile, PredictionsRules
from leaderboard.errors import Unreadable
from leaderboard.predictions.findings import Finding, Findings
from leaderboard.predictions.reader import joined_ids
from leaderboard.predictions.sources import chunks
from leaderboard.predictions.tables import Wanted
from leaderboard.predictions.values import Raw, arrow, as_text

WORDS = {
    "columns_missing": "it has no column {text}",
    "columns_duplicate": "it has the column {text} twice",
    "file_empty": "it has no rows",
    "file_encoding": "line {line} is not UTF-8",
    "not_parquet": "it is not a Parquet file",
    "rows_malformed": "line {line} is malformed",
}
"""Code of a finding -> what an organiser reads of it. None tells a label."""


class Labels(NamedTuple):
    """Expected ids and their labels."""

    ids: pa.Array
    """Text; of several columns joined as the reader joins them."""
    columns: dict[str, pa.Array]
    """The columns that metrics name, as text, in the same order."""


def label_columns(rules: PredictionsRules) -> list[str]:
    """The columns of the labels that metrics name."""
    metrics = rules.metrics.values()
    return list(dict.fromkeys(name for metric in metrics for name in (metric.label, metric.group) if name))


def read_labels(rules: PredictionsRules, private: Path, columns: list[str] | None = None) -> Labels:
    """The ids, and the columns that metrics name or only `columns`. Raises Unreadable, which names no label."""
    assert rules.labels is not None
    wanted = Wanted([*rules.id, *(label_columns(rules) if columns is None else columns)], only=False)
    parts: dict[str, list[pa.Array]] = {name: [] for name in wanted.required}
    findings = Findings()
    try:
        for chunk in chunks(private / rules.labels.file, _form(rules.labels), wanted, findings):
            for name in chunk.columns:
                parts[name].append(_text(chunk.columns[name]))
    except OSError as error:
        raise Unreadable(rules.labels.file, error.strerror or "it cannot be opened") from error
    _refuse(rules.labels, findings.all())
    if not parts[rules.id[0]]:
        raise Unreadable(rules.labels.file, "it has no rows")
    whole = {name: pa.concat_arrays(arrays) for name, arrays in parts.items()}
    ids = joined_ids([whole[name] for name in rules.id])
    if ids.null_count or pc.count_distinct(ids).as_py() != len(ids):
        raise Unreadable(rules.labels.file, "an id is empty or is there twice")
    return Labels(ids, whole)


def missing_columns(benchmark: Benchmark, private: Path) -> str:
    """Why files of predictions cannot be checked with the labels that are there, a sentence; empty when they can.

    Reads only the beginning of the file.
    """
    rules = benchmark.predictions
    if rules is None or rules.labels is None:
        return ""
    findings = Findings()
    wanted = Wanted([*rules.id, *label_columns(rules)], only=False)
    try:
        next(chunks(private / rules.labels.file, _form(rules.labels), wanted, findings), None)
        _refuse(rules.labels, findings.all())
    except OSError as error:
        return f"The labels {rules.labels.file} cannot be read: {error.strerror}."
    except Unreadable as error:
        return f"The labels {error}."
    return ""


def _form(labels: LabelsFile) -> str:
    return labels.file.rpartition(".")[2]


def _refuse(labels: LabelsFile, findings: list[Finding]) -> None:
    """Raise Unreadable when something is wrong, with all of it."""
    reasons = [
        WORDS[finding.code].format(text=example.text, line=example.line)
        for finding in findings
        for example in finding.examples
    ]
    if reasons:
        raise Unreadable(labels.file, "; ".join(reasons))


def _text(raw: Raw) -> pa.Array:
    """Values of labels as text: numbers as Arrow writes them, nothing as null."""
    if isinstance(raw, list):
        return pa.array([_word(value) for value in raw], pa.string())
    array, _ = arrow(raw, "string")
    text = as_text(array)
    if text is None:
        numeric = types.is_floating(array.type) or types.is_decimal(array.type)
        text = array.cast(pa.string()) if numeric else pa.nulls(len(array), pa.string())
    return pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)


def _word(value: object) -> str | None:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, str | int | float) and value != "" else None
