"""What lies in a starting kit: a folder of code becomes a package, and it is checked and scored here first.

Uses `leaderboard.packaging`, which is imported only where there is a kit.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from leaderboard.cli.client.sources import Source, Wanted, name_from
from leaderboard.cli.output import Output
from leaderboard.errors import NotAccepted, NotFound

if TYPE_CHECKING:
    from leaderboard.packaging.challenge import Challenge

CHALLENGE = "challenge.yaml"


class Kit:
    """The starting kit that a file or folder lies in."""

    def __init__(self, challenge: Challenge) -> None:
        self._challenge = challenge

    @property
    def benchmark(self) -> str:
        """Id of its benchmark."""
        return self._challenge.benchmark.id

    def submission(self, place: Path) -> Path:
        """What is meant by `place`: the kit's own folder stands for its submission."""
        return self._challenge.submission if place.resolve() == self._challenge.folder.resolve() else place

    def packed(self, folder: Path, into: Path, wanted: Wanted) -> Source:
        """The package of a folder of code, made in the folder `into`. Raises PodiumError, OSError."""
        from leaderboard.packaging.package import build

        template = folder.resolve() == self._challenge.submission.resolve()
        name = wanted.name or name_from(self._challenge.folder if template else folder)
        built = build(folder, into / f"{name}.zip", self._challenge)
        return Source(
            kind="code",
            fields={"name": name, "description": wanted.description},
            file=built.path,
            ships=[(file.path, file.bytes) for file in built.files],
            left_out=[f"{left.path}: {left.reason}" for left in built.left_out if left.secret],
        )

    def validated(self, source: Source, out: Output) -> Source:
        """The source with its local scores. Raises NotAccepted with every problem, OSError."""
        from leaderboard.packaging.validate import validate

        assert source.file is not None  # what lies in a kit is a file by now
        validation = validate(source.file, self._challenge)
        if not validation.valid:
            raise NotAccepted(validation.problems)
        for missing in validation.unchecked:
            out.note(f"Not checked here: {missing.what}. {missing.why} {missing.fix}".strip())
        keys = {column.score or column.key: column.key for column in self._challenge.benchmark.columns}
        scores = {keys[name]: score for name, score in validation.scores.items() if name in keys}
        return dataclasses.replace(source, local_scores=scores)


def kit_of(place: Path) -> Kit | None:
    """The kit that `place` lies in; None where it lies in none. Raises BadBenchmark."""
    start = place.resolve()
    if not place.exists() or not any((folder / CHALLENGE).is_file() for folder in (start, *start.parents)):
        return None
    from leaderboard.packaging.challenge import find_challenge

    return Kit(find_challenge(place))


def no_kit(folder: Path) -> NotFound:
    """The error of a folder that cannot be packed."""
    return NotFound(
        f"{folder} lies in no starting kit (there is no {CHALLENGE} in it or above it). Fetch the kit with "
        "`podium init BENCHMARK`, or submit a zip that you have made."
    )
