"""The local data files that a task definition names: where they are, and their first rows.

A relative path in `dataset_kwargs` is meant from the folder of the file that it is written in, as `include` and
`!function` are.
"""

from __future__ import annotations

import csv
import itertools
import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from leaderboard.benchmarks.harness_tasks import definition_files, definitions

FORMATS = frozenset({"arrow", "csv", "json", "pandas", "parquet", "text", "webdataset", "xml"})
"""Values of `dataset_path` that read files; every other one is a dataset of its own."""
WILDCARD = re.compile(r"[*?[]")
NO_SPLIT = "train"
"""The split of files that are named without one."""


def located(fields: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """A task's fields with absolute paths in the place of relative ones; `folder` is where they are written."""
    kwargs = fields.get("dataset_kwargs")
    if fields.get("dataset_path") not in FORMATS or not isinstance(kwargs, Mapping):
        return dict(fields)
    changed = dict(kwargs)
    base = folder
    if isinstance(kwargs.get("data_dir"), str) and "://" not in kwargs["data_dir"]:
        changed["data_dir"] = _absolute(kwargs["data_dir"], folder)
        base = Path(changed["data_dir"])
    if "data_files" in kwargs:
        changed["data_files"] = _each(kwargs["data_files"], base)
    return {**fields, "dataset_kwargs": changed}


def data_files(fields: Mapping[str, Any]) -> dict[str, list[str]]:
    """Split -> the files or patterns that a task's fields name for it; addresses are left out."""
    kwargs = fields.get("dataset_kwargs")
    if fields.get("dataset_path") not in FORMATS or not isinstance(kwargs, Mapping):
        return {}
    named = kwargs.get("data_files") or {}
    by_split = named if isinstance(named, Mapping) else {NO_SPLIT: named}
    listed = {str(split): files if isinstance(files, list) else [files] for split, files in by_split.items()}
    return {split: [str(file) for file in files if "://" not in str(file)] for split, files in listed.items()}


def files_of(fields: Mapping[str, Any]) -> list[Path]:
    """The local files that a task's fields, which are located, name and that exist, by name."""
    patterns = {pattern for patterns in data_files(fields).values() for pattern in patterns}
    return sorted({file for pattern in patterns for file in matching(pattern)})


def located_fields(path: Path) -> dict[str, Any]:
    """The fields of the definition `path` with those that it includes, and absolute paths of its data files."""
    merged: dict[str, Any] = {}
    folder = path.parent
    for file, fields in definition_files(path):
        merged |= fields
        folder = file.parent if "dataset_kwargs" in fields else folder
    return located(merged, folder)


def outside_places(folder: Path) -> list[Path]:
    """Where the tasks defined in `folder` and below read local data from elsewhere, links followed.

    They are files; of a pattern with wildcards also the folder that it is looked for in, which a job has to list.
    """
    paths = {path for definition in definitions(folder).values() if not definition.members for path in definition.paths}
    places: set[Path] = set()
    for fields in map(located_fields, paths):
        patterns = [pattern for patterns in data_files(fields).values() for pattern in patterns]
        places |= {fixed_folder(pattern) for pattern in patterns if WILDCARD.search(pattern)}
        places.update(files_of(fields))
    real = {place.resolve() for place in places if place.exists()}
    return sorted(place for place in real if not place.is_relative_to(folder.resolve()))


def fixed_folder(pattern: str) -> Path:
    """The folder that a pattern names before its first wildcard."""
    parts = Path(pattern).parts
    fixed = itertools.takewhile(lambda part: not WILDCARD.search(part), parts)
    return Path(*fixed)


def matching(pattern: str) -> list[Path]:
    """The files that an absolute path, or a pattern with wildcards, means."""
    if Path(pattern).is_file():
        return [Path(pattern)]
    return sorted(file for file in Path("/").glob(pattern.lstrip("/")) if file.is_file())


def first_rows(path: Path, most: int) -> list[dict[str, Any]] | None:
    """The first rows of a JSON Lines (`.jsonl`) or CSV file, at most so many; None for other formats.

    Raises OSError; ValueError, saying which line, for what is no row.
    """
    if path.suffix == ".jsonl":
        with path.open(encoding="utf-8-sig") as file:
            return list(itertools.islice(_objects(file), most))
    if path.suffix == ".csv":
        with path.open(encoding="utf-8-sig", newline="") as file:
            return list(itertools.islice(csv.DictReader(file), most))
    return None


def _objects(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise ValueError(f"line {number:,} is not JSON: {error}") from error
        if not isinstance(row, dict):
            raise ValueError(f"line {number:,} is {type(row).__name__}, not an object with named values")
        yield row


def _each(named: Any, base: Path) -> Any:
    """What `data_files` names, in the form in which it does: a path, a list, or either of each split."""
    if isinstance(named, Mapping):
        return {split: _each(files, base) for split, files in named.items()}
    if isinstance(named, list):
        return [_each(file, base) for file in named]
    return _absolute(named, base) if isinstance(named, str) and "://" not in named else named


def _absolute(path: str, base: Path) -> str:
    return os.path.normpath(base / path)
