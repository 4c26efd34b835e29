"""Reading benchmarks from YAML files: each whole, or refused with the line of every problem."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from leaderboard.benchmarks.agreement import disagreements
from leaderboard.benchmarks.schema import Benchmark
from leaderboard.benchmarks.yaml_lines import read_model
from leaderboard.errors import BadBenchmark


def load_benchmark(path: Path) -> Benchmark:
    """The benchmark that a YAML file describes. Raises BadBenchmark with every problem of the file."""
    benchmark, problems = _read(path)
    if benchmark is None or problems:
        raise BadBenchmark(problems)
    return benchmark


def load_benchmarks(folder: Path, ids: Sequence[str] = ()) -> dict[str, Benchmark]:
    """The benchmarks of a folder by id: those named in `ids`, in that order, or all of them by name.

    Raises BadBenchmark with every problem of every file that was asked for.
    """
    files = {path.stem: path for path in sorted(folder.glob("*.yaml"))}
    problems = [
        f"{folder}: There is no benchmark {name}.yaml. There are: {', '.join(files) or 'none'}."
        for name in ids
        if name not in files
    ]
    if not files and not ids:
        problems.append(f"{folder}: There is no benchmark. Put one NAME.yaml there for each.")
    benchmarks: dict[str, Benchmark] = {}
    for name in ids or files:
        if name in files:
            benchmark, found = _read(files[name])
            problems += found
            if benchmark is not None:
                benchmarks[name] = benchmark
    if problems:
        raise BadBenchmark(problems)
    return benchmarks


def _read(path: Path) -> tuple[Benchmark | None, list[str]]:
    benchmark, document, problems = read_model(path, Benchmark)
    if benchmark is not None:
        benchmark = benchmark.model_copy(update={"folder": path.resolve().parent})
        said = [(document.line(place), sentence) for place, sentence in disagreements(benchmark, path.stem)]
        problems = sorted({*problems, *said})
    return benchmark, [f"{path}:{line}: {sentence}" for line, sentence in problems]
