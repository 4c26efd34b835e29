"""What a strict reader, written plainly in Python, finds in a CSV file of predictions: the whole file, row by row.

The rules are fixed: ids in `id`, a `number` from 0 to 1 in `p`, one of `yes` and `no` in `c`, which may be empty.
"""

from __future__ import annotations

import csv
import io
import re
from collections import defaultdict

from leaderboard.benchmarks.challenge import LabelsFile, PredictionColumn, PredictionMetric, PredictionsRules

RULES = PredictionsRules(
    columns=[
        PredictionColumn(name="p", type="number", range=(0, 1)),
        PredictionColumn(name="c", type="choice", choices=["yes", "no"], empty=True),
    ],
    labels=LabelsFile(file="labels.csv"),
    metrics={"loss": PredictionMetric(metric="log_loss", prediction="p", label="y")},
)
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
Found = dict[tuple[str, str], list[int | None]]
"""Code and column -> the line of each occurrence."""


def find(content: bytes, expected: list[str]) -> Found:
    """Every problem of the file, whose header is `id,p,c`."""
    found: Found = defaultdict(list)
    lines = content.split(b"\n")
    for number, line in enumerate(lines, 1):
        try:
            line.decode()
        except UnicodeDecodeError:
            found["file_encoding", ""].append(number)
    reader = csv.reader(io.StringIO(content.decode(errors="replace"), newline="\n"), strict=True)
    next(reader)
    first: dict[str, int] = {}
    rows = 0
    while True:
        begin = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            break
        except csv.Error:
            found["rows_malformed", ""].append(begin)
            continue
        if row and len(row) != 3:
            found["rows_malformed", ""].append(begin)
        elif row:
            rows += 1
            note_values(row, begin, found)
            note_id(row[0], begin, expected, first, found)
    if rows:
        found["ids_missing", ""] += [None for name in expected if name not in first]
    elif not any(found.values()):
        found["file_empty", ""].append(None)
    return {kind: places for kind, places in found.items() if places}


def note_values(row: list[str], line: int, found: Found) -> None:
    """What is wrong with `p` and `c` of a row."""
    _, p, c = row
    if not p:
        found["values_empty", "p"].append(line)
    elif p.lower().lstrip("+-") in ("nan", "inf", "infinity") and re.fullmatch(r"[+-]?\w+", p):
        found["values_not_finite", "p"].append(line)
    elif not NUMBER.fullmatch(p):
        found["values_wrong_type", "p"].append(line)
    elif float(p) in (float("inf"), float("-inf")):
        found["values_not_finite", "p"].append(line)
    elif not 0 <= float(p) <= 1:
        found["values_out_of_range", "p"].append(line)
    if c not in ("yes", "no", ""):
        found["values_unknown_choice", "c"].append(line)


def note_id(name: str, line: int, expected: list[str], first: dict[str, int], found: Found) -> None:
    """What is wrong with the id of a row."""
    if not name:
        found["values_empty", "id"].append(line)
    elif name not in expected:
        found["ids_unknown", ""].append(line)
    elif name in first:
        found["ids_duplicate", ""].append(line)
    else:
        first[name] = line
