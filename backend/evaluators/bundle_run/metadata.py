"""The `metadata.yaml` of a program, and its command with the paths that the placeholders stand for."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path

from leaderboard.benchmarks.yaml_lines import Document
from leaderboard.errors import Unreadable

NAMES = ("metadata.yaml", "metadata")
MOST_BYTES = 64 * 1024
PLACEHOLDER = re.compile(
    r"\$(input_data|ingestion_program|submission_program|predictions|program|input|output|hidden|shared|tmp)"
)
INGESTION: Mapping[str, str] = {
    "input": "/app/input_data",
    "input_data": "/app/input_data",
    "output": "/app/output",
    "tmp": "/app/output",
    "predictions": "/app/output",
    "program": "/app/program",
    "ingestion_program": "/app/program",
    "submission_program": "/app/ingested_program",
    "hidden": "/app/input/ref",
    "shared": "/app/shared",
}
"""What each placeholder stands for in the ingestion."""
SCORING: Mapping[str, str] = {**INGESTION, "input": "/app/input", "predictions": "/app/input/res"}
"""What each placeholder stands for in the scoring program."""
INGESTION_DURING_SCORING: Mapping[str, str] = {
    **SCORING,
    "program": "/app/ingestion_program",
    "ingestion_program": "/app/ingestion_program",
}
"""What each placeholder stands for in an ingestion that runs beside the scoring program."""
OWN_COMMAND: Mapping[str, str] = {**INGESTION, "submission_program": "/app/program"}
"""What each placeholder stands for in the command of a submission itself."""


def command_of(folder: Path) -> str | None:
    """The `command` that the metadata of the program in `folder` names; None without metadata or without a command.

    Raises Unreadable.
    """
    file = next((folder / name for name in NAMES if (folder / name).is_file()), None)
    if file is None:
        return None
    if file.is_symlink() or file.stat().st_size > MOST_BYTES:
        raise Unreadable(file.name, f"it has to be a plain file of at most {MOST_BYTES:,} bytes")
    document = Document(file.read_bytes().decode(errors="replace"))
    if document.problems:
        line, sentence = document.problems[0]
        raise Unreadable(file.name, f"line {line}: {sentence}")
    command = document.value.get("command") if isinstance(document.value, dict) else None
    if command is not None and not isinstance(command, str):
        raise Unreadable(file.name, "`command` has to be a text")
    return command.strip() or None if command else None


def words(command: str, places: Mapping[str, str]) -> list[str]:
    """The command's words, split as a shell would split them; nothing else of a shell is done.

    Raises Unreadable for an open quote and for a command without words.
    """
    try:
        parts = shlex.split(PLACEHOLDER.sub(lambda match: places[match[1]], command))
    except ValueError as error:
        raise Unreadable("metadata.yaml", f"`command` cannot be split into words ({error})") from error
    if not parts:
        raise Unreadable("metadata.yaml", "`command` is empty")
    return parts
