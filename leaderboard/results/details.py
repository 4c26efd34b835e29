"""Details: one Parquet file for each task of an evaluation, a row for each example.

Values whose shape differs from task to task are JSON text (doc, target, arguments, resps, filtered_resps), so that the
files of all tasks have the same columns; the metrics of the task follow, one column of numbers each.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from numbers import Real
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

JSON_COLUMNS = ("doc", "target", "arguments", "resps", "filtered_resps")
HASHES = ("doc_hash", "prompt_hash", "target_hash")
SEARCHED = ("doc", "target", "arguments", "resps")
METRICS_KEY = b"podium.metrics"
"""Schema metadata: names of the metric columns, the one that says right or wrong first, as a JSON list."""
DECIDING = ("acc_norm", "exact_match", "prompt_level_strict_acc", "acc")
"""Metrics that say whether an answer is right, the first that a task has counts."""
ROW_GROUP = 500
ADDRESS = re.compile(r" at 0x[0-9a-f]+")
"""Where an object lay in memory: no two runs have the same."""


def plain(value: Any) -> Any:
    """`value` as JSON can hold it: numbers of numpy, tuples, enums, types and functions included; NaN becomes None."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, Mapping):
        return {plain(str(key)): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, Real):
        number = float(value)
        return number if math.isfinite(number) else None
    if callable(value) and hasattr(value, "__qualname__"):
        return f"{value.__module__}.{value.__qualname__}"
    return plain(ADDRESS.sub("", str(value)))


def details_table(samples: Sequence[Mapping[str, Any]]) -> bytes:
    """A Parquet file (zstd) of one task's logged samples, as lm-eval makes them."""
    sink = pa.BufferOutputStream()
    pq.write_table(_table(samples, _metric_names(samples)), sink, compression="zstd", row_group_size=ROW_GROUP)
    return bytes(sink.getvalue())


def details_of_many(read: Callable[[], Iterator[Mapping[str, Any]]]) -> bytes:
    """As `details_table`, of samples that are not all in memory: `read` goes through them, and is called twice."""
    metrics, samples = _metric_names(read()), read()
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(sink, _table([], metrics).schema, compression="zstd") as writer:
        while group := list(islice(samples, ROW_GROUP)):
            writer.write_table(_table(group, metrics))
    return bytes(sink.getvalue())


def _table(samples: Sequence[Mapping[str, Any]], metrics: Sequence[str]) -> pa.Table:
    columns: dict[str, pa.Array] = {"doc_id": pa.array([sample.get("doc_id") for sample in samples], pa.int64())}
    for name in JSON_COLUMNS:
        columns[name] = pa.array([_json(sample.get(name)) for sample in samples], pa.string())
    for name in ("filter", *HASHES):
        columns[name] = pa.array([plain(sample.get(name)) for sample in samples], pa.string())
    for name in metrics:
        columns[name] = pa.array([_number(sample.get(name)) for sample in samples], pa.float64())
    return pa.table(columns).replace_schema_metadata({METRICS_KEY: json.dumps(metrics).encode()})


class Details:
    """One details file, read a piece at a time."""

    def __init__(self, content: bytes) -> None:
        """Raises ValueError when `content` is no details file."""
        try:
            self._file = pq.ParquetFile(pa.BufferReader(content))
            self.metrics = [str(name) for name in json.loads((self._file.schema_arrow.metadata or {})[METRICS_KEY])]
        except (pa.ArrowException, KeyError, ValueError) as error:
            raise ValueError(f"it is no Parquet file of details ({error})") from error

    def count(self, wrong_only: bool = False, text: str = "") -> int:
        """Number of examples that `rows` would go through."""
        if not wrong_only and not text:
            return int(self._file.metadata.num_rows)
        return len(self.positions(wrong_only, text))

    def positions(self, wrong_only: bool = False, text: str = "") -> list[int]:
        """Places in the file, from 0, of the examples that `rows` would go through."""
        matching: list[int] = []
        for group, places in self._matches(wrong_only, text):
            start = sum(self._file.metadata.row_group(before).num_rows for before in range(group))
            matching += [start + place for place in places]
        return matching

    def columns(self, names: Sequence[str]) -> pa.Table:
        """Only those columns of every example, as they are stored. Raises KeyError for a name that is not there."""
        if missing := [name for name in names if name not in self._file.schema_arrow.names]:
            raise KeyError(missing[0])
        return self._file.read(columns=list(names))

    def at(self, positions: Sequence[int]) -> list[dict[str, Any]]:
        """The examples at those places, in that order, as `rows` has them; reads only the row groups they are in."""
        matching: dict[int, dict[str, Any]] = {}
        start = 0
        for group in range(self._file.num_row_groups):
            size = self._file.metadata.row_group(group).num_rows
            wanted = sorted({place - start for place in positions if start <= place < start + size})
            if wanted:
                rows = self._file.read_row_group(group).take(wanted).to_pylist()
                matching |= {start + place: self._row(row) for place, row in zip(wanted, rows, strict=True)}
            start += size
        return [matching[place] for place in positions]

    def rows(self, offset: int, limit: int, wrong_only: bool = False, text: str = "") -> list[dict[str, Any]]:
        """At most `limit` examples from `offset` on: those that are wrong, those that contain `text` (any case).

        JSON columns come parsed; the metrics are under `metrics`, and `right` says whether the deciding one is 1 (None
        when there is none).
        """
        rows: list[dict[str, Any]] = []
        for group, matching in self._matches(wrong_only, text):
            wanted = matching[offset : offset + limit - len(rows)]
            offset = max(0, offset - len(matching))
            if wanted:
                rows += [self._row(row) for row in self._file.read_row_group(group).take(wanted).to_pylist()]
            if len(rows) >= limit:
                break
        return rows

    def _matches(self, wrong_only: bool, text: str) -> Iterator[tuple[int, list[int]]]:
        """Row groups in order, and which of their rows are asked for; reads only the columns that decide."""
        deciding = self.metrics[0] if self.metrics else None
        columns = [*(SEARCHED if text else ()), *([deciding] if wrong_only and deciding else ())]
        for group in range(self._file.num_row_groups):
            size = self._file.metadata.row_group(group).num_rows
            if wrong_only and deciding is None:
                continue
            table = self._file.read_row_group(group, columns=columns)
            keep = pa.array([True] * size, pa.bool_())
            if wrong_only:
                keep = pc.fill_null(pc.less(table[deciding], 1.0), False).combine_chunks()
            if text:
                keep = pc.and_(keep, _contains(table, text))
            yield group, pc.indices_nonzero(keep).to_pylist()

    def _row(self, row: dict[str, Any]) -> dict[str, Any]:
        metrics = {name: row.pop(name) for name in self.metrics}
        decided = metrics[self.metrics[0]] if self.metrics else None
        parsed = {name: json.loads(row[name]) if row[name] is not None else None for name in JSON_COLUMNS}
        return {**row, **parsed, "metrics": metrics, "right": None if decided is None else decided >= 1}


def _contains(table: pa.Table, text: str) -> pa.Array:
    """Rows in which one of the searched columns has `text`, written as JSON writes it."""
    pattern = json.dumps(plain(text), ensure_ascii=False)[1:-1]
    matching = pa.array([False] * table.num_rows, pa.bool_())
    for name in SEARCHED:
        hit = pc.match_substring(table[name], pattern, ignore_case=True).combine_chunks()
        matching = pc.or_(matching, pc.fill_null(hit, False))
    return matching


def _metric_names(samples: Iterable[Mapping[str, Any]]) -> list[str]:
    """Metrics of the samples in order of appearance, the deciding one first."""
    names = list(dict.fromkeys(str(name) for sample in samples for name in sample.get("metrics") or ()))
    deciding = next((name for name in DECIDING if name in names), None)
    return sorted(names, key=lambda name: name != deciding)


def _json(value: Any) -> str:
    return json.dumps(plain(value), ensure_ascii=False, allow_nan=False)


def _number(value: Any) -> float | None:
    """A metric of one example as a number; the mean of several (IFEval's instructions); None for anything else."""
    value = plain(value)
    if isinstance(value, list):
        numbers = [_number(item) for item in value]
        known = [number for number in numbers if number is not None]
        return sum(known) / len(known) if known and len(known) == len(numbers) else None
    return float(value) if isinstance(value, int | float) else None
