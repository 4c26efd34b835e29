"""What is in a package, and what is wrong with it: read, never run. The server and `podium validate` both ask this."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from leaderboard.archives import ArchiveLimits, open_archive
from leaderboard.benchmarks import Benchmark
from leaderboard.benchmarks.challenge import CodeRules
from leaderboard.errors import BadArchive
from leaderboard.packaging import requirements
from leaderboard.packaging.manifest import manifest_problems
from leaderboard.packaging.problems import PACKAGE
from leaderboard.packaging.sources import source_problems
from leaderboard.records import Problem

MOST_SHOWN = 20
"""Problems of a sort."""


class Contents(NamedTuple):
    """What is in a package."""

    files: list[str]
    """Below the folder that it was unpacked into; none where it cannot be unpacked."""
    problems: list[Problem]


def package_limits(rules: CodeRules) -> ArchiveLimits:
    """How much a package may hold."""
    return ArchiveLimits(
        entries=rules.max_files, file_bytes=rules.max_unpacked_bytes, total_bytes=rules.max_unpacked_bytes
    )


def look_inside(file: Path, filename: str, folder: Path, rules: CodeRules, benchmark: Benchmark) -> Contents:
    """Unpack a package into `folder`, which is not there yet, and look for every problem. Raises OSError."""
    try:
        files = [entry.path for entry in open_archive(file, folder, package_limits(rules), unwrap=True)]
    except BadArchive as error:
        lines = error.lines[:MOST_SHOWN]
        problems = [PACKAGE.problem_with("code_archive", {"reason": line}, filename=filename) for line in lines]
        return Contents([], problems)
    return Contents(
        files,
        [
            *file_problems(files, filename, rules, benchmark),
            *manifest_problems(folder, files, filename, benchmark),
            *source_problems(folder, files, rules),
        ],
    )


def file_problems(files: Sequence[str], filename: str, rules: CodeRules, benchmark: Benchmark) -> Iterator[Problem]:
    """What the names of a package's files tell."""
    if rules.entry not in files:
        nested = [file for file in files if PurePosixPath(file).name == rules.entry]
        if nested:
            place = min(nested, key=len)
            yield PACKAGE.problem("code_entry_nested", filename=filename, file=rules.entry, place=place)
        else:
            yield PACKAGE.problem("code_entry_missing", filename=filename, file=rules.entry)
    if requirements.FILE in files and not rules.requirements:
        yield PACKAGE.problem("code_requirements_not_taken", benchmark=benchmark.title)
    refused = [file for file in files if file.lower().endswith(tuple(rules.refused_files))]
    for file in refused[:MOST_SHOWN]:
        yield PACKAGE.problem("code_file_refused", file=file)
