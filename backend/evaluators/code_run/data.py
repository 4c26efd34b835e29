"""The benchmark's data for packages: what their programs read, and the labels that stay on our side."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from backend.evaluators.code_run.answers import Answer
from backend.failures import JobFailed
from backend.sandbox.programs import Mount
from leaderboard.benchmarks.challenge import CodeRules
from leaderboard.records import Fault

TRAIN, TEST = "/data/train", "/data/test"
csv.field_size_limit(1 << 24)


class Item(NamedTuple):
    """What a package is asked about, and the right answer, which stays here."""

    id: str
    read: Callable[[], Any]
    """Gives what it is, or raises JobFailed: all items together may be larger than memory."""
    label: Answer


class Pairs(NamedTuple):
    """The rows that `predict` is asked for."""

    ids: list[dict[str, str]]
    labels: list[float | str]
    """Of each."""

    def keys(self) -> list[tuple[str, ...]]:
        """The ids of each row as a tuple."""
        return [tuple(row.values()) for row in self.ids]


def mounts(rules: CodeRules, private: Path) -> tuple[Mount, ...]:
    """The folders that programs read. Raises JobFailed."""
    folders = [(rules.train, TRAIN)] + ([(rules.test, TEST)] if rules.interface == "train-predict" else [])
    found = [(private / name, target) for name, target in folders if name is not None]
    labels = (private / rules.labels).resolve()
    for folder, _ in found:
        if not folder.is_dir():
            raise trouble(f"{folder.name} is not there")
        if labels.is_relative_to(folder.resolve()) or folder.resolve().is_relative_to(labels):
            raise trouble("its labels lie in a folder that submitted code reads")
    return tuple(Mount(folder, target) for folder, target in found)


def read_pairs(rules: CodeRules, private: Path) -> Pairs:
    """The rows to predict, with their labels. Raises JobFailed."""
    with _readable():
        assert rules.test is not None
        rows = list(_rows(private / rules.test / rules.pairs, rules.id))
        labels = _labels(rules, private / rules.labels)
        ids = [{name: row[name] for name in rules.id} for row in rows]
        values = [labels[tuple(row.values())] for row in ids]
    pairs = Pairs(ids, [value for value in values if not isinstance(value, np.ndarray)])
    if len(set(pairs.keys())) < len(ids):
        raise trouble("a pair is there more than once")
    return pairs


def read_items(rules: CodeRules, private: Path) -> list[Item]:
    """The items, in the order of their file or of their names. Raises JobFailed."""
    with _readable():
        assert rules.items is not None
        place = private / rules.items
        found = list(_files(place) if place.is_dir() else _lines(place, rules.id[0]))
        labels = _labels(rules, private / rules.labels)
        return [Item(name, read, labels[(name,)]) for name, read in found]


def _files(folder: Path) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Each file of a folder, read when it is its turn."""
    for file in sorted(folder.iterdir()):
        yield file.stem, partial(_file, file)


def _file(file: Path) -> Any:
    """An array, a dictionary of arrays, what JSON says, or bytes. Raises JobFailed."""
    with _readable():
        match file.suffix:
            case ".npy":
                return np.load(file, allow_pickle=False)
            case ".npz":
                with np.load(file, allow_pickle=False) as arrays:
                    return dict(arrays)
            case ".json":
                return json.loads(file.read_bytes())
            case _:
                return file.read_bytes()


def _lines(file: Path, id_: str) -> Iterator[tuple[str, Callable[[], Any]]]:
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            if line.strip():
                yield str(json.loads(line)[id_]), partial(json.loads, line)


def _labels(rules: CodeRules, place: Path) -> dict[tuple[str, ...], Answer]:
    """Ids -> the right answer. Texts that are all numbers are numbers."""
    if place.is_dir():
        return {(file.stem,): np.load(file, allow_pickle=False) for file in place.glob("*.npy")}
    rows = list(_rows(place, [*rules.id, rules.label]))
    numbers = _numbers([row[rules.label] for row in rows])
    values: Sequence[Answer] = numbers or [row[rules.label] for row in rows]
    return {tuple(row[name] for name in rules.id): value for row, value in zip(rows, values, strict=True)}


def _numbers(texts: Sequence[str]) -> list[float]:
    """The texts as numbers; empty when one of them is none."""
    try:
        numbers = [float(text) for text in texts]
    except ValueError:
        return []
    return numbers if all(map(math.isfinite, numbers)) else []


def _rows(file: Path, columns: Sequence[str]) -> Iterator[dict[str, str]]:
    with file.open(encoding="utf-8-sig", newline="") as lines:
        reader = csv.DictReader(lines)
        if missing := [name for name in columns if name not in (reader.fieldnames or ())]:
            raise ValueError(f"{file.name} has no column {missing[0]}")
        yield from reader


@contextmanager
def _readable() -> Iterator[None]:
    """What goes wrong with the organiser's files is our side's. Raises JobFailed."""
    try:
        yield
    except KeyError as error:
        raise trouble("a row or an item has no label, or lacks its id") from error
    except (OSError, ValueError, csv.Error) as error:
        raise trouble(f"a file cannot be read ({type(error).__name__})") from error


def trouble(what: str) -> JobFailed:
    """The organiser's data cannot be used."""
    return JobFailed(
        "benchmark_data",
        f"The benchmark's data could not be used on our side: {what}. Nothing is wrong with the submission.",
        Fault.INFRASTRUCTURE,
    )
