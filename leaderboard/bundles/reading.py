"""From a zip or folder to a bundle, with everything that is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from leaderboard.archives import open_archive
from leaderboard.benchmarks.yaml_lines import place_text
from leaderboard.bundles.document import read_document
from leaderboard.bundles.fields import Fields
from leaderboard.bundles.files import LIMITS, NAMES, BundleFiles, walk
from leaderboard.bundles.finding import Findings
from leaderboard.bundles.model import Bundle, Dialect
from leaderboard.bundles.v1 import read_v1
from leaderboard.bundles.v2 import read_v2
from leaderboard.errors import BadArchive, NotFound


@dataclass(frozen=True)
class BundleReading:
    """What a zip or folder holds."""

    bundle: Bundle | None
    """None where there are errors."""
    findings: Findings
    """Errors and warnings."""
    files: BundleFiles
    """Its files; they are there as long as the scratch folder is."""


def read_bundle(source: Path, scratch: Path) -> BundleReading:
    """Read a bundle, unpacking into the empty folder `scratch`. Raises NotFound, OSError."""
    if not source.exists():
        raise NotFound(f"There is no file or folder {source}.")
    findings = Findings()
    root = _root(source, scratch / "bundle", findings)
    inside = scratch / "inside"
    inside.mkdir()
    files = BundleFiles(root, inside)
    names = [name for name in NAMES if (root / name).is_file()]
    if not names:
        if not findings.errors:
            findings.error(NAMES[0], 1, "", "There is no competition.yaml at the root, nor in one folder around all.")
        return BundleReading(None, findings, files)
    document = read_document(root / names[0])
    findings.lines(names[0], document)
    if not document.errors and not isinstance(document.value, dict):
        findings.error(names[0], 1, "", "The file has no fields. Write a title, tasks, phases and a leaderboard.")
    bundle = None if findings.errors else _read(Fields(names[0], document, findings, files))
    for place, name in document.misspelt():
        sentence = f"It is not read. Is it `{name}`?"
        findings.warning(names[0], document.line(place), place_text(place), sentence)
    return BundleReading(None if findings.errors else bundle, findings, files)


def _read(top: Fields) -> Bundle:
    """By what the file is like: the old dialect has a mapping of phases, only Codabench has a version."""
    if isinstance(top.value.get("phases"), dict):
        return read_v1(top)
    dialect: Dialect = "codabench" if "version" in top or "leaderboards" in top else "benchgen"
    return read_v2(top, dialect)


def _root(source: Path, into: Path, findings: Findings) -> Path:
    """The folder of the bundle's YAML file: the folder given or unpacked, or the only folder in it."""
    root = source
    if not source.is_dir():
        root = into
        try:
            open_archive(source, into, LIMITS)
        except BadArchive as error:
            for sentence in error.lines:
                findings.error(source.name, 1, "", sentence)
            into.mkdir()
    inside = [path for path in walk(root) if path.parent == root]
    wrapped = len(inside) == 1 and inside[0].is_dir() and not inside[0].is_symlink()
    return inside[0] if wrapped else root
