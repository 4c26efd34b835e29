"""The `challenge.yaml` of a starting kit: everything that a participant's machine has to know of a benchmark."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

from leaderboard.benchmarks import Benchmark
from leaderboard.benchmarks.agreement import disagreements
from leaderboard.benchmarks.challenge import RelativePath
from leaderboard.benchmarks.yaml_lines import read_model
from leaderboard.errors import BadBenchmark, NotFound

FILE = "challenge.yaml"


class ChallengeFile(BaseModel):
    """What `challenge.yaml` says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1] = 1
    """Version of these fields."""
    kind: Literal["predictions", "code"]
    """Kind of the submissions that the kit is for; the benchmark takes it."""
    data: RelativePath = "data"
    """Folder of the kit with public data. Paths of the rules lead here, as on the server to the private folder."""
    submission: RelativePath = "submission"
    """The template: for code a folder, for predictions a file. It is valid as it is."""
    public_labels: RelativePath | None = None
    """For predictions: a file in `data` with the labels of some of the ids, on which the local score is computed. None:
    the file that the rules name, where it has labels."""
    benchmark: Benchmark
    """The benchmark's YAML as it is published."""


class Challenge(NamedTuple):
    """A kit on this machine."""

    folder: Path
    """Where its challenge.yaml lies."""
    described: ChallengeFile

    @property
    def benchmark(self) -> Benchmark:
        """The benchmark that the kit is for."""
        return self.described.benchmark

    @property
    def data(self) -> Path:
        """Folder of the public data. It may not exist."""
        return self.folder / self.described.data

    @property
    def submission(self) -> Path:
        """The template, or what the participant has made of it."""
        return self.folder / self.described.submission


def find_challenge(place: Path) -> Challenge:
    """The kit that the file or folder `place` lies in: its own folder, or the nearest above it with a challenge.yaml.

    Raises NotFound, BadBenchmark with every problem of the file.
    """
    start = place.resolve()
    for folder in (start, *start.parents):
        if (folder / FILE).is_file():
            return read_challenge(folder / FILE)
    raise NotFound(
        f"There is no {FILE} in {place} or in a folder above it. Fetch the starting kit of the challenge with "
        "`podium init BENCHMARK`, or name the kit's folder with --kit."
    )


def read_challenge(file: Path) -> Challenge:
    """The kit with this challenge.yaml. Raises BadBenchmark with every problem."""
    described, document, problems = read_model(file, ChallengeFile)
    if described is not None:
        benchmark = described.benchmark
        if described.kind not in benchmark.kinds:
            problems.append(
                (document.line(("kind",)), f"{benchmark.id} takes no submissions of the kind {described.kind}.")
            )
        problems += [
            (document.line(("benchmark", *position)), sentence)
            for position, sentence in disagreements(benchmark, benchmark.id)
        ]
    if described is None or problems:
        raise BadBenchmark([f"{file}:{line}: {sentence}" for line, sentence in problems])
    return Challenge(file.resolve().parent, described)
