"""What somebody uploaded, opened: the file itself or the one in its zip, and its format."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pyarrow as pa

from leaderboard.archives import ArchiveLimits, list_archive, open_archive
from leaderboard.benchmarks.challenge import Format, PredictionsRules
from leaderboard.errors import BadArchive
from leaderboard.predictions.findings import Findings
from leaderboard.predictions.reader import Reading, read_predictions

SIGNATURES = {b"PAR1": "parquet", b"PK\x03\x04": "zip", b"\x1f\x8b": "gzip"}
"""How files of other formats begin."""
ZIP = "zip"
JUNK_ENTRIES = 100
"""Entries of a zip beside its file, such as what macOS adds."""


def read_submitted(file: Path, filename: str, rules: PredictionsRules, expected: pa.Array, scratch: Path) -> Reading:
    """Read an upload that was called `filename`; a zip is unpacked below `scratch`. Raises OSError."""
    findings = Findings()
    form = _ending(filename)
    if form == ZIP and not _contradicted(file, ZIP, findings):
        file, form = _unzipped(file, rules, scratch / "unpacked", findings)
    if not findings.all() and form not in rules.formats:
        findings.add("format_not_taken")
    if not findings.all() and form in get_args(Format):
        _contradicted(file, form, findings)
    if findings.all():
        return Reading(findings.all(), {})
    return read_predictions(file, form, rules, expected)


def _ending(name: str) -> str:
    return name.rpartition(".")[2].lower()


def _unzipped(file: Path, rules: PredictionsRules, into: Path, findings: Findings) -> tuple[Path, str]:
    """The one file in a zip, and its format."""
    most = rules.max_unpacked_bytes
    limits = ArchiveLimits(entries=JUNK_ENTRIES, file_bytes=most, total_bytes=most)
    try:
        members = list_archive(file, limits)
        if len(members) != 1:
            for member in members:
                findings.add("zip_files", text=member.path)
            return file, ZIP
        open_archive(file, into, limits)
    except BadArchive as error:
        for line in error.lines:
            findings.add("zip_unusable", text=line)
        return file, ZIP
    return into / members[0].path, _ending(members[0].path)


def _contradicted(file: Path, form: str, findings: Findings) -> bool:
    """Note it when a file begins as one of another format than its name says; whether it does."""
    with file.open("rb") as content:
        begin = content.read(4)
    found = next((name for signature, name in SIGNATURES.items() if begin.startswith(signature)), None)
    if found is None or found == form:
        return False
    findings.add("format_not_as_named", text=found)
    return True
