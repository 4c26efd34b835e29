"""Reading benchmarks from YAML files: each whole, or refused with the line of every problem."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from leaderboard.benchmarks.agreement import disagreements
from leaderboard.benchmarks.schema import Benchmark
from leaderboard.benchmarks.task_checks import file_problems
from leaderboard.benchmarks.yaml_lines import read_model
from leaderboard.errors import BadBenchmark, NotFound


def load_benchmark(path: Path) -> Benchmark:
    """The benchmark that a YAML file describes. Raises BadBenchmark with every problem of the file."""
    benchmark, problems = _read(path)
    if benchmark is None or problems:
        raise BadBenchmark(problems)
    return benchmark


def load_benchmarks(folder: Path, ids: Sequence[str] = ()) -> dict[str, Benchmark]:
    """The benchmarks of a folder by id: those named in `ids`, in that order, or all of them by name, `v2` before `v10`.

    Raises BadBenchmark with every problem of every file that was asked for.
    """
    files = {path.stem: path for path in sorted(folder.glob("*.yaml"), key=lambda path: natural(path.stem))}
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
            benchmark, own_problems = _read(files[name])
            problems += own_problems
            if benchmark is not None:
                benchmarks[name] = benchmark
    if problems:
        raise BadBenchmark(problems)
    return benchmarks


def natural(name: str) -> list[tuple[bool, int, str]]:
    """A key by which names are ordered as people do: `v2` before `v10`."""
    return [(not part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in re.split(r"(\d+)", name)]


def as_shown(benchmarks: Mapping[str, Benchmark]) -> dict[str, Benchmark]:
    """The benchmarks as everybody may know them: without their hidden columns."""
    return {name: benchmark.shown() for name, benchmark in benchmarks.items()}


def choose_benchmark(benchmarks: Mapping[str, Benchmark], benchmark_id: str) -> Benchmark:
    """The benchmark of that id; the first one for an empty id. Raises NotFound, naming the known ones."""
    if not benchmark_id:
        return next(iter(benchmarks.values()))
    if benchmark_id not in benchmarks:
        known = ", ".join(benchmarks)
        raise NotFound(f"There is no benchmark {benchmark_id!r} here. The benchmarks of this board are: {known}.")
    return benchmarks[benchmark_id]


def _read(path: Path) -> tuple[Benchmark | None, list[str]]:
    benchmark, document, problems = read_model(path, Benchmark)
    if benchmark is not None:
        benchmark = benchmark.model_copy(update={"folder": path.resolve().parent})
        disagreeing = [
            (document.line(position), sentence) for position, sentence in disagreements(benchmark, path.stem)
        ]
        problems = sorted({*problems, *disagreeing})
    lines = [f"{path}:{line}: {sentence}" for line, sentence in problems]
    if benchmark is not None and benchmark.harness.include_path:
        lines += file_problems(path.parent / benchmark.harness.include_path)
    return benchmark, lines
