"""A folder becomes a package: a zip with a manifest, the same bytes for the same files."""

from __future__ import annotations

import hashlib
import platform
import secrets
import stat
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from leaderboard import __version__
from leaderboard.archives import list_archive
from leaderboard.benchmarks.challenge import CodeRules
from leaderboard.errors import BadArchive, NotPackaged
from leaderboard.packaging import requirements
from leaderboard.packaging.challenge import Challenge
from leaderboard.packaging.collecting import Collected, LeftOut, collect
from leaderboard.packaging.contents import file_problems, package_limits
from leaderboard.packaging.manifest import FILE, Manifest, ManifestFile, Versions, digest_of
from leaderboard.packaging.requirements import Frozen
from leaderboard.settings import source_date

CHUNK_BYTES = 1 << 20
ON_UNIX = 3
PLAIN_MODE, PROGRAM_MODE = 0o644, 0o755


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
    parts = [_Part(folder, name) for name in collected.files if not _replaced(name, frozen)]
    if frozen is not None:
        parts.append(_Part(folder, requirements.FILE, frozen.content))
    manifest = _manifest(parts, challenge, rules, created)
    problems += _problems(manifest, into.name, challenge, rules, collected)
    if problems:
        raise NotPackaged(problems)
    with _arriving(into) as (place, file):
        _write(file, parts, manifest, created)
        file.flush()
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


@dataclass(frozen=True)
class _Part:
    """A file that ships."""

    folder: Path
    name: str
    content: bytes | None = None
    """Of a file that is made; None for one that lies in the folder."""

    @property
    def mode(self) -> int:
        """Whether its owner may run it is all that is kept."""
        if self.content is not None or not (self.folder / self.name).stat().st_mode & stat.S_IXUSR:
            return PLAIN_MODE
        return PROGRAM_MODE

    def listed(self) -> ManifestFile:
        """Its line in the manifest. Raises OSError."""
        if self.content is not None:
            digest = hashlib.sha256(self.content).hexdigest()
            return ManifestFile(path=self.name, bytes=len(self.content), sha256=digest)
        file = self.folder / self.name
        return ManifestFile(path=self.name, bytes=file.stat().st_size, sha256=digest_of(file))

    def chunks(self) -> Iterator[bytes]:
        """Its content. Raises OSError."""
        if self.content is not None:
            yield self.content
            return
        with (self.folder / self.name).open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk


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


def _manifest(parts: list[_Part], challenge: Challenge, rules: CodeRules, created: datetime) -> Manifest:
    return Manifest(
        benchmark=challenge.benchmark.id,
        entry=rules.entry if challenge.benchmark.code else "",
        versions=Versions(podium=__version__, python=platform.python_version()),
        created=created,
        files=sorted((part.listed() for part in parts), key=lambda file: file.path),
    )


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


def _write(file: BinaryIO, parts: list[_Part], manifest: Manifest, created: datetime) -> None:
    """Write the zip. Raises NotPackaged when a file has changed since it was listed, OSError."""
    listed = {each.path: each for each in manifest.files}
    content = (manifest.model_dump_json(indent=2) + "\n").encode()
    every = [*parts, _Part(Path(), FILE, content)]
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for part in sorted(every, key=lambda part: part.name):
            digest = hashlib.sha256()
            with archive.open(_info(part, created), "w", force_zip64=True) as entry:
                for chunk in part.chunks():
                    digest.update(chunk)
                    entry.write(chunk)
            if part.name in listed and digest.hexdigest() != listed[part.name].sha256:
                raise NotPackaged([f"{part.name} was changed while it was packed. Pack it again."])


def _info(part: _Part, created: datetime) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(part.name, created.timetuple()[:6])
    info.create_system = ON_UNIX
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = (stat.S_IFREG | part.mode) << 16
    return info


@contextmanager
def _arriving(into: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """A file beside `into` that becomes it in the end, or vanishes."""
    beside = into.parent / f".{into.name}.{secrets.token_hex(8)}"
    try:
        with beside.open("xb") as file:
            yield beside, file
        beside.replace(into)
    finally:
        beside.unlink(missing_ok=True)
