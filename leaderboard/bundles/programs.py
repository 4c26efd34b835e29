"""What a bundle's programs need and give: a command that starts them, and scores for the columns."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from leaderboard.benchmarks.bundle_rules import BundleTask
from leaderboard.bundles.document import read_document
from leaderboard.bundles.fields import Fields
from leaderboard.bundles.files import walk
from leaderboard.bundles.parts import METADATA, MISSING, ColumnFields, answers_in_input

EXAMPLE = "`command: python3 $program/score.py $input $output`"
MAX_TEXT_BYTES = 1_000_000
"""A file above it is data."""
MAX_PROGRAM_BYTES = 20_000_000
"""The texts of a program above it are not searched."""


def program(fields: Fields, key: str) -> str | None:
    """Path of a program: a folder or zip whose metadata says its command."""
    path = fields.folder(key)
    if path is None:
        return None
    folder = program_folder(fields.content_of(path))
    metadata = next((folder / name for name in METADATA if (folder / name).is_file()), None)
    if metadata is None:
        fields.error(f"{path!r} has no metadata.yaml. Add one that starts the program, such as {EXAMPLE}.", key)
        return path
    document = read_document(metadata)
    file = f"{path}/{metadata.relative_to(fields.content_of(path)).as_posix()}"
    fields.findings.lines(file, document)
    command = document.value.get("command") if isinstance(document.value, dict) else None
    if not (isinstance(command, str) and command.strip()) and not document.errors:
        sentence = f"It is missing. Write how the program is started, such as {EXAMPLE}."
        fields.findings.error(file, document.line(("command",)), "command", sentence)
    return path


def task(fields: Fields, index: int, name: str, during_scoring: str) -> BundleTask:
    """A task with its programs and data. `during_scoring`: the field that lets the ingestion run beside the scoring."""
    made = BundleTask(
        index=index,
        name=name,
        description=fields.text("description"),
        scoring_program=program(fields, "scoring_program") or MISSING,
        reference_data=fields.folder("reference_data"),
        ingestion_program=program(fields, "ingestion_program"),
        input_data=fields.folder("input_data"),
        ingestion_only_during_scoring=fields.flag(during_scoring, False),
    )
    answers_in_input(fields, made.reference_data, made.input_data)
    return made


def program_folder(content: Path) -> Path:
    """Where a program's files lie: `content`, or the one folder in it that holds the metadata."""
    inside = [path for path in walk(content) if path.parent == content]
    if len(inside) == 1 and any((inside[0] / name).is_file() for name in METADATA):
        return inside[0]
    return content


def unprovided(columns: ColumnFields, programs: Iterable[Path]) -> None:
    """Warn of columns whose key no scoring program has in its text, where all of it is text."""
    texts = [text for folder in set(programs) for text in _texts(folder)]
    if not texts or any("\0" in text for text in texts):
        return
    for fields, column in columns:
        if column.computation is None and not any(column.key in text for text in texts):
            fields.warning(
                f"No scoring program names {column.key!r}. The column stays empty unless a program writes that key "
                "into scores.json.",
                *(("key",) if "key" in fields else ()),
            )


def _texts(folder: Path) -> list[str]:
    """Texts of a program's files; none where there is too much of them."""
    files = [path for path in walk(folder) if path.is_file() and path.name not in METADATA]
    small = [path for path in files if path.stat().st_size <= MAX_TEXT_BYTES]
    if sum(path.stat().st_size for path in small) > MAX_PROGRAM_BYTES:
        return []
    return [path.read_bytes().decode(errors="replace") for path in small]
