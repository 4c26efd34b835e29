"""The starting kits of a board: folders that are packed when somebody asks for them, and files of bundles."""

from __future__ import annotations

import stat
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from leaderboard.archives.names import is_junk
from leaderboard.benchmarks import Benchmark
from leaderboard.errors import BadBenchmark, NotFound
from leaderboard.packaging.archive import Part, arriving, write_zip
from leaderboard.packaging.challenge import FILE, read_challenge
from leaderboard.records.artifact import digest_of

EPOCH = datetime(1980, 1, 1, tzinfo=UTC)
Fingerprint = tuple[tuple[str, int, int], ...]
"""Name, size and time of each file."""


class Kit(NamedTuple):
    """A starting kit as it is sent."""

    file: Path
    sha256: str


class Kits:
    """The kits of the benchmarks of a board."""

    def __init__(self, benchmarks: Mapping[str, Benchmark], private: Callable[[str], Path], folder: Path) -> None:
        """`private`: gives a benchmark's private folder. `folder`: where packed kits are kept; it need not exist."""
        self._benchmarks = benchmarks
        self._private = private
        self._folder = folder
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[Fingerprint, Kit]] = {}

    def kit(self, benchmark_id: str) -> Kit:
        """The kit of a benchmark as it is now. Raises NotFound, OSError."""
        benchmark = self._benchmarks[benchmark_id]
        with self._lock:
            file = bundle_kit(benchmark, self._private(benchmark_id))
            if file is not None:
                return self._unless_kept(benchmark_id, file.parent, [file.name], lambda: Kit(file, digest_of(file)))
            folder = kit_folder(benchmark)
            if folder is None:
                raise NotFound(f"{benchmark.title} has no starting kit. Its page says what is submitted.")
            names = list(_files(folder))
            return self._unless_kept(benchmark_id, folder, names, lambda: self._packed(benchmark_id, folder, names))

    def _unless_kept(self, benchmark_id: str, folder: Path, names: list[str], make: Callable[[], Kit]) -> Kit:
        """What was made before, unless a file has changed since."""
        stats = [(name, (folder / name).stat()) for name in names]
        fingerprint = tuple((name, found.st_size, found.st_mtime_ns) for name, found in stats)
        before, kit = self._kept.get(benchmark_id, (None, None))
        if kit is None or before != fingerprint or not kit.file.is_file():
            kit = make()
            self._kept[benchmark_id] = (fingerprint, kit)
        return kit

    def _packed(self, benchmark_id: str, folder: Path, names: list[str]) -> Kit:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        into = self._folder / f"{benchmark_id}.zip"
        with arriving(into) as (place, file):
            write_zip(file, [Part(folder, name) for name in names], EPOCH)
            digest = digest_of(place)
        return Kit(into, digest)


def kit_folder(benchmark: Benchmark) -> Path | None:
    """Folder of the kit that the benchmark's rules name; None where they name none."""
    kit = benchmark.competition.kit if benchmark.competition else None
    return None if kit is None else benchmark.folder / kit


def bundle_kit(benchmark: Benchmark, private: Path) -> Path | None:
    """The kit of a bundle: that of the phase which is open, else of the last phase that has one."""
    bundle = benchmark.bundle
    if bundle is None:
        return None
    current = bundle.phase_at(datetime.now(UTC))
    phases = [*([current] if current else []), *reversed(bundle.phases)]
    named = next((phase.starting_kit for phase in phases if phase.starting_kit), None)
    file = private / bundle.folder / named if named else None
    return file if file is not None and file.is_file() else None


def has_kit(benchmark: Benchmark) -> bool:
    """Whether there is a kit, as far as the benchmark's rules tell."""
    phases = benchmark.bundle.phases if benchmark.bundle else []
    return kit_folder(benchmark) is not None or any(phase.starting_kit for phase in phases)


def check_kits(benchmarks: Mapping[str, Benchmark]) -> None:
    """Raises BadBenchmark where a kit that is named is not there, or is the kit of another benchmark."""
    lines = [
        f"{benchmark.folder / benchmark.id}.yaml:1: `competition.kit`: {sentence}"
        for benchmark in benchmarks.values()
        if (sentence := _trouble(benchmark))
    ]
    if lines:
        raise BadBenchmark(lines)


def _trouble(benchmark: Benchmark) -> str:
    folder = kit_folder(benchmark)
    if folder is None:
        return ""
    if not (folder / FILE).is_file():
        return f"There is no {FILE} in {folder}. A kit has one; docs/packaging.md says what is in it."
    try:
        named = read_challenge(folder / FILE).benchmark.id
    except BadBenchmark as error:
        return f"The kit cannot be read: {error}"
    return "" if named == benchmark.id else f"The kit in {folder} is for the benchmark {named!r}."


def _files(folder: Path) -> Iterator[str]:
    """The regular files of a kit, sorted; links, devices and what programs leave behind are left out."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if stat.S_ISREG(path.lstat().st_mode) and not is_junk(name) and not _through_link(path, folder):
            yield name


def _through_link(path: Path, folder: Path) -> bool:
    """Whether a folder on the way to `path` is a link."""
    return any(parent.is_symlink() for parent in path.parents if parent != folder and parent.is_relative_to(folder))
