"""The harness's samples beside a result file (`samples_{task}_{time}.jsonl`), as details of ours."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from leaderboard.benchmarks import Benchmark
from leaderboard.errors import Unreadable
from leaderboard.importer.sources import MAX_BYTES
from leaderboard.results.details import details_of_many

SAMPLES_NAME = re.compile(r"samples_(?P<task>.+)_(?P<stamp>\d{4}-\d{2}-\d{2}T[\d.-]+)\.jsonl?")
NO_METRICS = {"doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "filter", "metrics"}
"""What a sample says beside its metrics, where it does not name these, as those of 2024 do not."""
MAX_LINE = 16 << 20
"""Characters of one sample."""

SamplesOf = dict[str, dict[str, str]]
"""Path of a result file -> task -> path of its samples."""


def samples_of(paths: Iterable[str]) -> SamplesOf:
    """The samples among `paths`, by the result files to which their names say that they belong."""
    by_result: SamplesOf = {}
    for path in paths:
        folder, slash, name = path.rpartition("/")
        if match := SAMPLES_NAME.fullmatch(name):
            by_result.setdefault(f"{folder}{slash}results_{match['stamp']}.json", {})[match["task"]] = path
    return by_result


def is_samples(path: str) -> bool:
    """Whether the name is that of the harness's samples."""
    return path.rpartition("/")[2].startswith("samples_")


def may_be_shown(benchmark: Benchmark, task: str, aggregated: Mapping[str, Any]) -> bool:
    """Whether details of the task are published here: not of hidden questions, nor where the benchmark shows none."""
    groups = aggregated.get("group_subtasks")
    above = {task}
    if isinstance(groups, dict):
        for _ in groups:  # one level of groups each time
            above |= {group for group, members in groups.items() if isinstance(members, list) and above & set(members)}
    hidden = {name for column in benchmark.columns if column.private for name in column.run}
    hidden |= {part.task for column in benchmark.columns if column.private for part in column.parts}
    return benchmark.details != "none" and not hidden & above


def read_samples(path: str, file: Path) -> bytes:
    """The details file of the samples in `file`, which is read in pieces. Raises Unreadable."""
    try:
        return details_of_many(lambda: _samples(file))
    except (ValueError, TypeError, OverflowError, OSError, RecursionError) as error:
        raise Unreadable(path, f"it does not hold the harness's samples ({error})") from error


def _samples(file: Path) -> Iterator[Mapping[str, Any]]:
    for sample in _written(file):
        if not isinstance(sample, dict):
            raise ValueError("a sample is no object")
        yield sample if "metrics" in sample else sample | {"metrics": list(_metrics(sample))}


def _written(file: Path) -> Iterator[Any]:
    """A line for each sample; one list of all in files of early 2024, which is read as a whole."""
    with file.open(encoding="utf-8") as lines:
        if lines.read(1) == "[" and file.stat().st_size <= MAX_BYTES:
            lines.seek(0)
            yield from json.load(lines)
            return
        lines.seek(0)
        while line := lines.readline(MAX_LINE):
            if line.strip():
                yield json.loads(line)


def _metrics(sample: Mapping[str, Any]) -> Iterator[str]:
    for name, value in sample.items():
        if name not in NO_METRICS and not name.endswith("_hash") and isinstance(value, bool | int | float | list):
            yield name
