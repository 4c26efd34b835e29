"""`podium bundle add`, `check` and `export`: competition bundles become benchmarks, and benchmarks bundles."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leaderboard.cli.programs import require
from leaderboard.errors import BadBenchmark

if TYPE_CHECKING:
    from leaderboard.benchmarks import Benchmark
    from leaderboard.bundles import BundleReading

app = typer.Typer(help="Competition bundles of Codabench, BenchGen and CodaLab.", rich_markup_mode=None)
Source = Annotated[Path, typer.Argument(help="A zip or folder with a competition.yaml.")]


@app.command("add")
def add(
    source: Source,
    benchmark_id: Annotated[str, typer.Option("--id", help="Id of the benchmark; empty: made from the title.")] = "",
    replace: Annotated[
        bool, typer.Option("--replace", help="Put it in the place of the bundle of that id that is there.")
    ] = False,
    without_solutions: Annotated[
        bool, typer.Option("--without-solutions", help="Add it without running its sample solutions first.")
    ] = False,
) -> None:
    """Make a benchmark of a bundle: its YAML in the folder of the benchmarks, its files in the private folder."""
    require("bundle add", "board")
    from leaderboard.artifacts.places import keep_private_data, private_data
    from leaderboard.bundles import add_bundle
    from leaderboard.settings import load_settings

    settings = load_settings()
    with _reading(source) as reading:
        if reading.bundle is None:
            raise BadBenchmark([str(finding) for finding in reading.findings.errors])
        chosen = benchmark_id or re.sub(r"[^a-z0-9]+", "-", reading.bundle.title.lower()).strip("-")[:64]
        if not without_solutions:
            _run_solutions(reading, chosen)
        private = private_data(settings, chosen)
        benchmark = add_bundle(reading, chosen, settings.benchmarks_dir, private, replace=replace)
    keep_private_data(settings, chosen)
    assert benchmark.bundle is not None
    tasks, phases = len(benchmark.bundle.tasks), len(benchmark.bundle.phases)
    typer.echo(f"✓ {settings.benchmarks_dir / chosen}.yaml: {phases:,} phases, {tasks:,} tasks")
    typer.echo(f"✓ {private / benchmark.bundle.folder}: its files")
    typer.echo("Next: podium serve")


@app.command("check")
def check(source: Source) -> None:
    """Tell everything that is wrong with a bundle; change nothing."""
    with _reading(source) as reading:
        if reading.bundle is None:
            raise BadBenchmark([str(finding) for finding in reading.findings.errors])
        bundle = reading.bundle
    typer.echo(f"{source} is a bundle of {bundle.dialect}: {bundle.title}")


@app.command("export")
def export(
    benchmark_id: Annotated[str, typer.Argument(metavar="ID", help="Id of a benchmark that was made from a bundle.")],
    into: Annotated[Path | None, typer.Option("--to", help="The zip to write; by default ID.zip here.")] = None,
) -> None:
    """Write a benchmark that was made from a bundle as a bundle again. It holds the reference data: keep it private."""
    require("bundle export", "board")
    from leaderboard.artifacts.places import private_data
    from leaderboard.benchmarks import choose_benchmark, load_benchmarks
    from leaderboard.bundles import export_bundle
    from leaderboard.settings import load_settings

    settings = load_settings()
    benchmark = choose_benchmark(load_benchmarks(settings.benchmarks_dir), benchmark_id)
    place = into or Path(f"{benchmark_id}.zip")
    export_bundle(benchmark, private_data(settings, benchmark_id), place)
    typer.echo(f"{place} holds {place.stat().st_size:,} bytes.")


def _run_solutions(reading: BundleReading, benchmark_id: str) -> None:
    """Run the sample solutions. Raises BadBenchmark with every one that has no score."""
    from leaderboard.bundles.trial import try_solutions

    def run(benchmark: Benchmark, private: Path) -> list[str]:
        problems: list[str] = import_module("backend.commands.bundle_solutions").run(benchmark, private)
        return problems

    try:
        try_solutions(reading, benchmark_id, run)
    except BadBenchmark as error:
        advice = "Nothing was added. Fix them, or add it with --without-solutions."
        raise BadBenchmark([*error.lines, advice]) from error


@contextmanager
def _reading(source: Path) -> Iterator[BundleReading]:
    """The bundle with its files; warnings are told at once."""
    from leaderboard.bundles import read_bundle

    with tempfile.TemporaryDirectory(prefix="podium-bundle-") as scratch:
        reading = read_bundle(source, Path(scratch))
        for finding in reading.findings.warnings:
            typer.echo(f"! {finding}", err=True)
        yield reading
