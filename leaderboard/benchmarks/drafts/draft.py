"""A benchmark that is not in its folder yet: its files, checked before they are put there."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from leaderboard.benchmarks.load import load_benchmark
from leaderboard.benchmarks.schema import Benchmark
from leaderboard.errors import BadBenchmark, WrongUse

NOT_IN_ID = re.compile(r"[^a-z0-9]+")
MOST_ID = 32
MOST_TITLE = 40


@dataclass(frozen=True)
class Named:
    """What an organiser calls a benchmark."""

    id: str
    title: str = ""
    """Empty: made from the id."""
    description: str = ""
    """Empty: made from what is asked."""


@dataclass(frozen=True)
class Draft:
    """The files of a new benchmark."""

    id: str
    files: Mapping[str, str]
    """Path below the folder of the benchmarks -> content."""
    tasks: str = ""
    """Folder of task definitions that is there already, as the benchmark names it; empty for none."""

    without_choices: tuple[str, ...] = ()
    """Tasks of multiple choice whose definitions do not tell how many choices there are."""

    @property
    def main(self) -> str:
        """The path of the benchmark's own file."""
        return f"{self.id}.yaml"

    @contextmanager
    def staged(self, benchmarks: Path) -> Iterator[Benchmark]:
        """The benchmark in a folder of its own for as long as the block lasts, as it will be in `benchmarks`.

        Raises BadBenchmark with every problem, in the names that its files will have.
        """
        with tempfile.TemporaryDirectory(prefix="podium-benchmark-") as folder:
            place = Path(folder).resolve()
            self._write(place)
            if self.tasks and not Path(self.tasks).is_absolute():
                (place / self.tasks).parent.mkdir(parents=True, exist_ok=True)
                (place / self.tasks).symlink_to((benchmarks / self.tasks).resolve(), target_is_directory=True)
            try:
                benchmark = load_benchmark(place / self.main)
            except BadBenchmark as error:
                raise BadBenchmark([line.replace(str(place), str(benchmarks)) for line in error.lines]) from error
            # A job sees the folder itself and not the link to it.
            harness = benchmark.harness.model_copy(update={"include_path": str(benchmark.include_path or "")})
            yield benchmark.model_copy(update={"harness": harness})

    def refuse_overwriting(self, benchmarks: Path) -> None:
        """Raises WrongUse where one of the files is there already."""
        there = [str(benchmarks / name) for name in self.files if (benchmarks / name).exists()]
        if there:
            raise WrongUse(
                f"There is already {', '.join(there)}. Choose another --id, or write over what is there with --replace."
            )

    def put(self, benchmarks: Path) -> list[Path]:
        """Write the files into the folder of the benchmarks; their paths, the benchmark's own first. Raises OSError."""
        self._write(benchmarks)
        return [benchmarks / name for name in sorted(self.files, key=lambda name: (name != self.main, name))]

    def _write(self, folder: Path) -> None:
        """The benchmark's own file last: a board that starts meanwhile finds it whole or not at all."""
        for name in sorted(self.files, key=lambda name: name == self.main):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self.files[name], encoding="utf-8")


def benchmark_id(name: str) -> str:
    """An id made from the name of a file or task."""
    return NOT_IN_ID.sub("-", name.lower()).strip("-")[:MOST_ID].strip("-")


def column_key(name: str) -> str:
    """A column's key made from a name."""
    return NOT_IN_ID.sub("_", name.lower()).strip("_")[:MOST_ID].strip("_")


def title_of(name: str) -> str:
    """A title made from the name of a file, task or benchmark."""
    words = re.sub(r"[^A-Za-z0-9]+", " ", name).strip()
    return (words[:1].upper() + words[1:])[:MOST_TITLE].strip()


def quoted(text: str) -> str:
    """A text as YAML, in one line."""
    return json.dumps(text, ensure_ascii=False)
