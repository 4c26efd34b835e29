"""Which data a benchmark's tasks read from outside: found out by a job, before any of it is downloaded."""

from __future__ import annotations

from pathlib import Path

from backend import Resources
from backend.evaluators.data_root import KNOWN, read_layouts
from backend.evaluators.tasks import needs, task_manager
from backend.workdir import DataNeeds, Workdir
from leaderboard.benchmarks import Benchmark
from leaderboard.records import Request

NLTK = "nltk_data/"


class DataNeedsProbe:
    """A job that writes needs.json."""

    def resources(self, request: Request, benchmark: Benchmark) -> Resources:
        """Next to nothing."""
        return Resources()

    def run(self, workdir: Path) -> None:
        """Find out and write it down."""
        folder = Workdir(workdir)
        benchmark = folder.benchmark()
        wanted = needs(task_manager(benchmark), [name for column in benchmark.columns for name in column.run])
        layouts = read_layouts(KNOWN)
        also = {name for need in wanted if need.dataset in layouts for name in layouts[need.dataset].also}
        folder.write_needs(
            DataNeeds(
                datasets={need.dataset: need.revision for need in wanted},
                nltk=sorted(name.removeprefix(NLTK) for name in also if name.startswith(NLTK)),
            )
        )
