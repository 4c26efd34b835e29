"""A folder of code becomes a package, and what is submitted is checked here first (`leaderboard.packaging`)."""

from __future__ import annotations

import dataclasses
from importlib import import_module
from pathlib import Path
from typing import Any

from leaderboard.cli.client.sources import Source, Wanted, name_from
from leaderboard.errors import NotAccepted, NotFound

CHALLENGE = "challenge.yaml"


def benchmark_near(place: Path) -> str:
    """Id of the benchmark whose starting kit `place` lies in; empty where it lies in none. Raises BadBenchmark."""
    challenge = _challenge(place)
    return str(challenge.benchmark.id) if challenge else ""


def packed(folder: Path, into: Path, wanted: Wanted) -> Source:
    """The package of a folder of code, made in the folder `into`. Raises NotFound without a kit, PodiumError."""
    challenge = _challenge(folder)
    if challenge is None:
        raise NotFound(
            f"{folder} lies in no starting kit (there is no {CHALLENGE} in it or above it). Fetch the kit with "
            "`podium init BENCHMARK`, or submit a zip that you have made."
        )
    name = wanted.name or name_from(folder if folder.resolve() != challenge.submission.resolve() else challenge.folder)
    built = import_module("leaderboard.packaging.package").build(folder, into / f"{name}.zip", challenge)
    return Source(
        kind="code",
        fields={"name": name, "description": wanted.description},
        file=built.path,
        ships=[(file.path, file.bytes) for file in built.files],
        left_out=[f"{left.path}: {left.reason}" for left in built.left_out if left.secret],
    )


def validated(source: Source) -> Source:
    """The source with its local scores, where it lies in a kit. Raises NotAccepted with every problem."""
    challenge = _challenge(source.file) if source.file else None
    if challenge is None:
        return source
    validation: Any = import_module("leaderboard.packaging.validate").validate(source.file, challenge)
    if not validation.valid:
        raise NotAccepted(validation.problems)
    keys = {column.score or column.key: column.key for column in challenge.benchmark.columns}
    scores = {keys[name]: score for name, score in validation.scores.items() if name in keys}
    return dataclasses.replace(source, local_scores=scores)


def _challenge(place: Path) -> Any:
    """The kit that `place` lies in, or None. Raises BadBenchmark."""
    start = place.resolve()
    if not any((folder / CHALLENGE).is_file() for folder in (start, *start.parents)):
        return None
    return import_module("leaderboard.packaging.challenge").find_challenge(place)
