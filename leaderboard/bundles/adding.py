"""A bundle made into a benchmark: its files in the benchmark's private folder, then its YAML file; all or nothing."""

from __future__ import annotations

import fcntl
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import yaml

from leaderboard.benchmarks import Benchmark, load_benchmark
from leaderboard.benchmarks.agreement import BENCHMARK_ID
from leaderboard.benchmarks.bundle_rules import BundleRules
from leaderboard.bundles.convert import benchmark_of
from leaderboard.bundles.files import BundleFiles, walk
from leaderboard.bundles.layout import Copy, Layout
from leaderboard.bundles.model import Bundle
from leaderboard.bundles.packing import Packer, copy_file, copy_folder, digest
from leaderboard.bundles.programs import program_folder
from leaderboard.bundles.reading import BundleReading
from leaderboard.errors import BadBenchmark

ARRIVING = ".arriving-"
FOLDER = "bundle-"
OWN_FOLDER = re.compile(r"bundle-[0-9a-f]{16}")
HEADER = """\
# Made by `podium bundle add` from a competition bundle. Change the bundle and add it again with --replace.
"""


def add_bundle(
    reading: BundleReading, benchmark_id: str, benchmarks: Path, private: Path, replace: bool = False
) -> Benchmark:
    """Write `benchmarks/ID.yaml` and the bundle's files below `private`, the benchmark's private folder.

    With `replace` a benchmark that was made from a bundle gives way. Raises BadBenchmark where the bundle has errors or
    the id is taken or not allowed, OSError; then nothing has changed.
    """
    if reading.bundle is None:
        raise BadBenchmark([str(finding) for finding in reading.findings.errors])
    place = _place(benchmark_id, benchmarks)
    with _locked(private):
        _may_be_written(place, replace)
        arriving = private / f"{ARRIVING}{secrets.token_hex(8)}"
        try:
            (arriving / "yaml").mkdir(parents=True)
            benchmark = _prepared(reading.bundle, reading.files, benchmark_id, arriving)
            _publish(benchmark, arriving, place, private)
        finally:
            shutil.rmtree(arriving, ignore_errors=True)
    return benchmark


def _place(benchmark_id: str, benchmarks: Path) -> Path:
    if not BENCHMARK_ID.fullmatch(benchmark_id) or ".." in benchmark_id:
        raise BadBenchmark(
            [f"{benchmark_id!r} is no id. It may have small letters, digits, `.`, `_` and `-`, at most 64."]
        )
    return benchmarks / f"{benchmark_id}.yaml"


def _may_be_written(place: Path, replace: bool) -> None:
    """Raises BadBenchmark where another benchmark would be lost."""
    if not place.exists():
        return
    if load_benchmark(place).bundle is None:
        raise BadBenchmark([f"{place}: This benchmark was not made from a bundle. Choose another id."])
    if not replace:
        raise BadBenchmark(
            [f"{place}: There is a benchmark {place.stem!r}. Use --replace to put this one in its place."]
        )


def _prepared(bundle: Bundle, files: BundleFiles, benchmark_id: str, arriving: Path) -> Benchmark:
    """The benchmark, its files in `arriving/files`, its YAML in `arriving/yaml`, as it is when it is read."""
    layout = Layout(lambda path: (files.root / path).is_dir())
    rules = layout.arrange(bundle.rules)
    folder = arriving / "files"
    folder.mkdir()
    for copy in layout.copies:
        _copy(copy, files, folder)
    named = rules.model_copy(update={"folder": f"{FOLDER}{digest(walk(folder), folder)[:16]}"})
    benchmark = benchmark_of(bundle, named, benchmark_id, version="0")
    benchmark = benchmark.model_copy(update={"version": _version(benchmark, rules, folder)})
    text = yaml.safe_dump(
        benchmark.model_dump(mode="json", exclude_defaults=True), sort_keys=False, allow_unicode=True, width=120
    )
    written = arriving / "yaml" / f"{benchmark_id}.yaml"
    written.write_text(HEADER + text, encoding="utf-8")
    read = load_benchmark(written)
    if read.model_copy(update={"folder": benchmark.folder}) != benchmark:
        raise BadBenchmark([f"{written.name}: The benchmark is not the same when its file is read. Report this."])
    return benchmark


def _copy(copy: Copy, files: BundleFiles, folder: Path) -> None:
    source, target = files.root / copy.source, folder / copy.target
    if copy.form == "program":
        copy_folder(program_folder(files.content(copy.source)), target)
    elif copy.form == "folder":
        copy_folder(files.content(copy.source), target)
    elif copy.form == "packed" and source.is_dir():
        target.parent.mkdir(parents=True, exist_ok=True)
        with Packer(target) as packer:
            packer.folder(source)
    else:
        copy_file(source, target)


def _version(benchmark: Benchmark, rules: BundleRules, folder: Path) -> str:
    """Another one whenever the programs, the data or what the columns show have changed."""
    scored = {
        "image": rules.docker_image,
        "tasks": [task.model_dump(exclude={"name", "description"}) for task in rules.tasks],
        "computed": [computed.model_dump() for computed in benchmark.bundle.computed] if benchmark.bundle else [],
        "columns": [(column.score, column.higher_is_better, column.in_average) for column in benchmark.columns],
    }
    return digest(walk(folder / "tasks"), folder, json.dumps(scored, sort_keys=True))[:12]


def _publish(benchmark: Benchmark, arriving: Path, place: Path, private: Path) -> None:
    """Put files, then YAML in place; files of what was there before go last."""
    assert benchmark.bundle is not None
    folder = private / benchmark.bundle.folder
    beside = place.parent / f".{place.name}.{secrets.token_hex(8)}"
    new = not folder.exists()
    if new:
        (arriving / "files").rename(folder)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(arriving / "yaml" / place.name, beside)
        beside.replace(place)
    except OSError:
        with suppress(OSError):
            beside.unlink()
        if new:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    for other in private.iterdir():
        if other != folder and OWN_FOLDER.fullmatch(other.name):
            shutil.rmtree(other, ignore_errors=True)


@contextmanager
def _locked(private: Path) -> Iterator[None]:
    """One at a time for a benchmark; what an earlier one left when it was killed goes."""
    for folder in (*reversed(private.parents[:2]), private):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(private, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        for left in private.glob(f"{ARRIVING}*"):
            shutil.rmtree(left)
        yield
    finally:
        os.close(handle)
