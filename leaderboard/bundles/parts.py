"""What the dialects have in common: pages, phases in time, columns, and what has to be unique among them."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

from leaderboard.benchmarks.bundle_rules import BundlePage, BundlePhase, BundleSettings, Operation
from leaderboard.bundles.fields import Fields
from leaderboard.bundles.files import walk
from leaderboard.bundles.model import BundleColumn

ROOT = "."
OPERATIONS: dict[str, Operation] = {operation: operation for operation in get_args(Operation)}
SORTING = {"desc": False, "asc": True}
MISSING = "missing"
"""Stands for what is needed and not there; an error says so."""
IMAGES = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".svg")
METADATA = ("metadata.yaml", "metadata")
"""Files of a program or data folder that describe it; the first one counts."""
MAX_KEY = 90
"""Characters of a column's key."""
MAX_PAGE_BYTES = 2_000_000
WALL_SECONDS = 600
MAX_PRECISION = 10

PhaseFields = Sequence[tuple[Fields, BundlePhase]]
ColumnFields = Sequence[tuple[Fields, BundleColumn]]


def settings(top: Fields) -> BundleSettings:
    """The flags of the site, all of the same name."""
    given: dict[str, bool | str] = {}
    for name, field in BundleSettings.model_fields.items():
        flag = isinstance(field.default, bool)
        given[name] = top.flag(name, field.default) if flag else top.text(name, field.default)
    return BundleSettings.model_validate(given)


def limits_and_hidden(fields: Fields) -> dict[str, Any]:
    """What the dialects say of a phase in the same words: how often one may submit, what participants do not see."""
    return {
        "max_submissions_per_day": fields.whole("max_submissions_per_day", 5),
        "max_submissions": fields.whole("max_submissions", 100),
        "hide_output": fields.flag("hide_output", False),
        "hide_prediction_output": fields.flag("hide_prediction_output", False),
        "hide_score_output": fields.flag("hide_score_output", False),
    }


def page(fields: Fields, key: str) -> str | None:
    """Path of a text that people read, in Markdown or HTML."""
    path = fields.file_at(key)
    if path is None:
        return None
    size = fields.place_of(path).stat().st_size
    if size > MAX_PAGE_BYTES:
        fields.error(f"{path!r} has {size:,} bytes, more than {MAX_PAGE_BYTES:,}. Shorten the page.", key)
        return None
    try:
        content = fields.place_of(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        fields.error(f"{path!r} is no text in UTF-8. Save it as UTF-8.", key)
        return None
    if not content.strip():
        fields.error(f"{path!r} is empty. Write something into it.", key)
    return path


def logo(fields: Fields, key: str) -> str | None:
    """Path of an image."""
    path = fields.file_at(key)
    if path is not None and not path.lower().endswith(IMAGES):
        fields.error(f"{path!r} is no image. Use one of: {', '.join(IMAGES)}.", key)
    return path


def pages(top: Fields) -> list[BundlePage]:
    """The list `pages`."""
    every = []
    for position, fields in enumerate(top.each("pages")):
        if "file" not in fields:
            fields.needed("file")
        elif (file := page(fields, "file")) is not None:
            every.append(BundlePage(title=fields.text("title") or f"Page {position + 1}", file=file))
    return every


def track(name: str, position: int, taken: Iterable[str]) -> str:
    """A track's key made from a phase's name, other than those that are taken."""
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower())[:24].strip("-") or f"phase-{position + 1}"
    return slug if slug not in taken else f"{slug}-{position + 1}"


def in_time(phases: PhaseFields, start: str, end: str) -> list[BundlePhase]:
    """The phases, one after the other. A phase without a start begins where the one before it ends.

    `start` and `end` are the names of their fields, for the sentences about them.
    """
    ordered: list[BundlePhase] = []
    for fields, phase in phases:
        if ordered and phase.start is None:
            phase = phase.model_copy(update={"start": ordered[-1].end})
        ordered.append(phase)
        if phase.start is not None and phase.end is not None and phase.end <= phase.start:
            fields.error(
                f"The phase {phase.name!r} ends at {in_utc(phase.end)}, which is not after its start at "
                f"{in_utc(phase.start)}. Correct one of them.",
                end,
            )
    for (fields, _), (following_fields, _), (phase, following) in zip(
        phases, phases[1:], pairwise(ordered), strict=False
    ):
        if phase.end is None:
            sentence = f"The phase {phase.name!r} has no end, and {following.name!r} comes after it. Write one."
            fields.error(sentence, end)
        elif following.start is not None and following.start < phase.end:
            following_fields.error(
                f"The phase {following.name!r} starts at {in_utc(following.start)}, before {phase.name!r} ends at "
                f"{in_utc(phase.end)}. Phases must not overlap.",
                start,
            )
    return ordered


def in_utc(moment: datetime) -> str:
    """A moment, for people."""
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def precision(fields: Fields, key: str) -> int:
    """Digits after the point."""
    digits = fields.whole(key, 2)
    if digits > MAX_PRECISION:
        fields.warning(f"At most {MAX_PRECISION} digits are shown, not {digits}.", key)
    return min(digits, MAX_PRECISION)


def unique(each: Sequence[tuple[Fields, int | str]], what: str, key: str) -> None:
    """Note every one that has the same index or key as one before it; `what` are they, as in `tasks`."""
    counts = Counter(value for _, value in each)
    seen = set()
    for fields, value in each:
        if counts[value] > 1 and value in seen:
            fields.error(f"Two {what} have the {key} {value!r}. Give each its own.", key)
        seen.add(value)


def known_tasks(fields: Fields, indexes: Iterable[int], tasks: Iterable[int], key: str = "tasks") -> None:
    """Note every index that no task has."""
    known = sorted(set(tasks))
    for position, index in enumerate(indexes):
        if index not in known:
            listed = ", ".join(map(str, known)) or "none"
            fields.error(f"There is no task with the index {index}. The tasks' indexes: {listed}.", key, position)


def answers_in_input(fields: Fields, reference: str | None, given: str | None) -> None:
    """Warn of reference data that participants' code could read as input data."""
    if reference is None or given is None:
        return
    readable, hidden = _by_size(fields.content_of(given)), _by_size(fields.content_of(reference))
    same = list[str]()
    for size in sorted(readable.keys() & hidden.keys()):
        digests = {_digest(file) for file in readable[size]}
        same += [file.name for file in hidden[size] if _digest(file) in digests]
    if same:
        fields.warning(
            f"{', '.join(map(repr, same[:3]))} and a file of `input_data` are the same. Participants' code can read "
            "it: keep the answers out of the input data.",
            "reference_data",
        )


def _by_size(folder: Path) -> dict[int, list[Path]]:
    """The files with content below a folder, by their size in bytes."""
    files: dict[int, list[Path]] = {}
    for path in walk(folder):
        if path.is_file() and path.stat().st_size and path.name not in METADATA:
            files.setdefault(path.stat().st_size, []).append(path)
    return files


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def computations(columns: ColumnFields) -> None:
    """Note computations over columns that are not there, or over themselves."""
    by_index = {column.index: column for _, column in columns}
    for fields, column in columns:
        if column.computation is None:
            continue
        if not column.computation_indexes:
            fields.error("The column is computed from nothing. Write `computation_indexes`.", "computation")
        for index in column.computation_indexes:
            if index not in by_index:
                known = ", ".join(str(known) for known in sorted(by_index))
                sentence = f"There is no column with the index {index}. The columns' indexes: {known}."
                fields.error(sentence, "computation_indexes")
        if column.index in _behind(column, by_index):
            fields.error(
                f"The column {column.key!r} is computed from itself. Leave its own index out.", "computation_indexes"
            )


def shown_primary(board: Fields, columns: Sequence[BundleColumn], primary: int) -> int:
    """Index of the column that ranks: the first that everybody sees where the primary one is hidden."""
    hidden = {column.index for column in columns if column.hidden}
    if primary not in hidden:
        return primary
    shown = next((column for column in columns if not column.hidden), None)
    if shown is None:
        board.error("Every column is hidden. Show one: the board ranks by it.", "columns")
        return primary
    sentence = f"The column that ranks is hidden, and the rank would show it. The board ranks by {shown.key!r}."
    board.warning(sentence, "columns")
    return shown.index


def _behind(column: BundleColumn, by_index: dict[int, BundleColumn]) -> set[int]:
    """Indexes of all columns that a column is made from, in any number of steps."""
    behind: set[int] = set()
    ahead = list(column.computation_indexes)
    while ahead:
        index = ahead.pop()
        if index not in behind:
            behind.add(index)
            ahead += by_index[index].computation_indexes if index in by_index else []
    return behind
