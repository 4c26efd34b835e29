"""`manifest.json`: what a package holds, written into it when it is made."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, NonNegativeInt, ValidationError

from leaderboard.benchmarks import Benchmark
from leaderboard.packaging.problems import PACKAGE
from leaderboard.records import Problem
from leaderboard.records.artifact import Sha256, digest_of

FILE = "manifest.json"
FORMAT = "podium-package"
MOST_BYTES = 20_000_000
MOST_SHOWN = 20
"""Files that differ."""


class ManifestFile(BaseModel):
    """A file of the package."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: Annotated[str, Field(min_length=1, max_length=300)]
    """Below the package's root, its parts separated by `/`."""
    bytes: NonNegativeInt
    sha256: Sha256


class Versions(BaseModel):
    """What made the package."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    podium: str
    python: str


class Manifest(BaseModel):
    """Everything in the package but the manifest itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal["podium-package"] = "podium-package"
    """By which a manifest.json is known to be this."""
    schema_version: Literal[1] = 1
    kind: Literal["code"] = "code"
    benchmark: str
    """Id of the benchmark that it is made for."""
    entry: str
    """The file that is imported; empty where the benchmark names none."""
    versions: Versions
    created: AwareDatetime
    """From SOURCE_DATE_EPOCH, else the first moment of 1980: the same files always make the same package."""
    files: list[ManifestFile]
    """Sorted by path."""


def manifest_problems(folder: Path, files: Sequence[str], filename: str, benchmark: Benchmark) -> Iterator[Problem]:
    """Where a package in `folder` differs from its manifest. A manifest.json that `podium package` did not write is a
    file like any other.

    Raises OSError.
    """
    if FILE not in files:
        return
    if (folder / FILE).stat().st_size > MOST_BYTES:
        yield PACKAGE.problem("code_manifest_unreadable", place=f"more than {MOST_BYTES:,} bytes")
        return
    content = (folder / FILE).read_bytes()
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        return
    try:
        manifest = Manifest.model_validate(document)
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"]))
        yield PACKAGE.problem("code_manifest_unreadable", place=where)
        return
    if manifest.benchmark != benchmark.id:
        yield PACKAGE.problem("code_manifest_benchmark", made_for=manifest.benchmark, benchmark=benchmark.title)
    differing = list(_differing(folder, files, manifest))
    for file, how in differing[:MOST_SHOWN]:
        yield PACKAGE.problem_with("code_manifest_differs", {"how": how}, filename=filename, file=file)


def _differing(folder: Path, files: Sequence[str], manifest: Manifest) -> Iterator[tuple[str, str]]:
    """Each file that is not as the manifest says, and how."""
    here = set(files) - {FILE}
    listed = {file.path: file for file in manifest.files}
    for path in sorted(here | listed.keys()):
        if path not in listed:
            yield path, "is in the package and not in its manifest"
        elif path not in here:
            yield path, "is in the manifest and not in the package"
        elif (folder / path).stat().st_size != listed[path].bytes or digest_of(folder / path) != listed[path].sha256:
            yield path, "has another content than when the package was made"
