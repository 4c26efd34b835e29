"""A folder becomes a package: a zip with a manifest, the same bytes for the same files."""

from __future__ import annotations

import hashlib
import platform
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from leaderboard import __version__
from leaderboard.archives import list_archive
from leaderboard.benchmarks.challenge import CodeRules
from leaderboard.errors import BadArchive, NotPackaged
from leaderboard.packaging import requirements
from leaderboard.packaging.archive import Part, arriving, write_zip
from leaderboard.packaging.challenge import Challenge
from leaderboard.packaging.collecting import Collected, LeftOut, collect
from leaderboard.packaging.contents import file_problems, package_limits
from leaderboard.packaging.manifest import FILE, Manifest, ManifestFile, Versions
from leaderboard.packaging.requirements import Frozen
from leaderboard.records.artifact import digest_of
from leaderboard.settings import source_date


@dataclass(frozen=True)
class Built:
    """A package."""

    path: Path
    """The zip."""
    sha256: str
    bytes: int
    """Size of the zip."""
    manifest: Manifest
    left_out: list[LeftOut]

    @property
    def files(self) -> list[ManifestFile]:
        """What ships beside the manifest."""
        return self.manifest.files


def build(folder: Path, into: Path, challenge: Challenge) -> Built:
    """Write the package of `folder` to the file `into`; the kit's own folder stands for its `submission` folder.

    Its times are SOURCE_DATE_EPOCH. Nothing of the folder is changed, and what was at `into` stays where no package is
    made. Raises NotPackaged with every problem, BadSettings, OSError.
    """
    rules = challenge.benchmark.code or CodeRules()
    folder = packed_folder(folder, challenge)
    created = source_date()
    limits = package_limits(rules)
    collected = collect(folder, _top(folder, challenge), into.parent.resolve() / into.name, limits)
    problems = list(collected.problems)
    frozen = _frozen(folder, collected, rules, challenge, problems)
    parts = [Part(folder, name) for name in collected.files if not _replaced(name, frozen)]
    if frozen is not None:
        parts.append(Part(folder, requirements.FILE, frozen.content))
    manifest = _manifest(parts, challenge, rules, created)
    problems += _problems(manifest, into.name, challenge, rules, collected)
    if problems:
        raise NotPackaged(problems)
    with arriving(into) as (place, file):
        _write(file, parts, manifest)
        _check_archive(place, rules, challenge)
        digest, size = digest_of(place), place.stat().st_size
    left_out = [*collected.left_out, *_frozen_away(collected, frozen)]
    return Built(into, digest, size, manifest, sorted(left_out, key=lambda each: each.path))


def preview(folder: Path, challenge: Challenge) -> Built:
    """What `build` would ship and leave out; the file at its `path` is not kept.

    Raises NotPackaged with every problem, BadSettings, OSError.
    """
    with tempfile.TemporaryDirectory(prefix="podium-preview-") as place:
        return build(folder, Path(place) / f"{challenge.benchmark.id}.zip", challenge)


def packed_folder(folder: Path, challenge: Challenge) -> Path:
    """The folder that is packed. Raises NotPackaged."""
    if challenge.described.kind != "code":
        raise NotPackaged(
            [
                f"{challenge.benchmark.title} takes a file of predictions, which needs no package. Submit the file as "
                "it is."
            ]
        )
    place = folder.resolve()
    place = challenge.submission.resolve() if place == challenge.folder else place
    if not place.is_dir():
        raise NotPackaged([f"{place} is no folder. Name the folder with the files of your submission."])
    return place


def _top(folder: Path, challenge: Challenge) -> Path:
    """The folder whose ignore files are the first that count."""
    return challenge.folder if folder.is_relative_to(challenge.folder) else folder


def _frozen(
    folder: Path, collected: Collected, rules: CodeRules, challenge: Challenge, problems: list[str]
) -> Frozen | None:
    """The requirements.txt that ships; what stands in its way is added to `problems`."""
    named = [name for name in (*requirements.LOCKS, requirements.FILE) if name in collected.files]
    if named and not rules.requirements:
        problems.append(
            f"{challenge.benchmark.title} takes no requirements of packages, and there is {' and '.join(named)}. "
            "Name it in .podiumignore."
        )
        return None
    try:
        return requirements.freeze(folder, collected.files, platform.python_version())
    except NotPackaged as error:
        problems += error.lines
        return None


def _replaced(name: str, frozen: Frozen | None) -> bool:
    """Whether the frozen requirements stand for a file."""
    return frozen is not None and name in (*requirements.LOCKS, requirements.FILE)


def _frozen_away(collected: Collected, frozen: Frozen | None) -> list[LeftOut]:
    """The lock files, for which the frozen requirements stand."""
    names = [name for name in collected.files if _replaced(name, frozen) and name != requirements.FILE]
    return [LeftOut(name, f"its versions are in {requirements.FILE}") for name in names]


def _manifest(parts: list[Part], challenge: Challenge, rules: CodeRules, created: datetime) -> Manifest:
    return Manifest(
        benchmark=challenge.benchmark.id,
        entry=rules.entry if challenge.benchmark.code else "",
        versions=Versions(podium=__version__, python=platform.python_version()),
        created=created,
        files=sorted(map(_listed, parts), key=lambda file: file.path),
    )


def _listed(part: Part) -> ManifestFile:
    """A file's line in the manifest. Raises OSError."""
    digest, size = hashlib.sha256(), 0
    for chunk in part.chunks():
        digest.update(chunk)
        size += len(chunk)
    return ManifestFile(path=part.name, bytes=size, sha256=digest.hexdigest())


def _problems(
    manifest: Manifest, filename: str, challenge: Challenge, rules: CodeRules, collected: Collected
) -> Iterator[str]:
    """What the server would say of the files' names. Bundles say themselves what they take."""
    if challenge.benchmark.bundle is not None:
        return
    names = [file.path for file in manifest.files]
    secret = next((each for each in collected.left_out if each.path == rules.entry), None)
    if secret is not None:
        yield f"{rules.entry} does not ship because {secret.reason}, and it is the file that is imported. Change that."
        return
    for problem in file_problems(names, filename, rules, challenge.benchmark):
        yield f"{problem.message} {problem.fix}"


def _check_archive(file: Path, rules: CodeRules, challenge: Challenge) -> None:
    """Raises NotPackaged with every limit that it exceeds."""
    lines = []
    if (size := file.stat().st_size) > rules.max_bytes:
        lines.append(
            f"The package has {size:,} bytes; {challenge.benchmark.title} takes at most {rules.max_bytes:,}. Name what "
            "is not needed in .podiumignore."
        )
    try:
        list_archive(file, package_limits(rules), unwrap=True)
    except BadArchive as error:
        lines += error.lines
    if lines:
        raise NotPackaged(lines)


def _write(file: BinaryIO, parts: list[Part], manifest: Manifest) -> None:
    """Write the zip. Raises NotPackaged when a file has changed since it was listed, OSError."""
    content = (manifest.model_dump_json(indent=2) + "\n").encode()
    written = write_zip(file, [*parts, Part(Path(), FILE, content)], manifest.created)
    changed = [each.path for each in manifest.files if written[each.path] != each.sha256]
    if changed:
        raise NotPackaged([f"{name} was changed while it was packed. Pack it again." for name in changed])
