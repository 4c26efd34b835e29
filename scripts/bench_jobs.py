"""A small job from claim to published, compared with the plain `lm_eval` command.

The same checkpoint from the same Hub on loopback, the same two tasks of the tiny benchmark (320 questions), the same
batch size; the executor is warm, as it is while a service runs, and both have the checkpoint in their caches.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import psutil

import localhub
from backend.environment import job_environment
from backend.executors.opening import open_executor
from backend.executors.processes import private_bytes
from backend.scheduler.loop import start
from leaderboard.benchmarks import load_benchmark
from leaderboard.queue.queue import Queue
from leaderboard.records import Request, Status
from leaderboard.results.results import Results
from leaderboard.settings import PROJECT, Settings
from leaderboard.stores.local import LocalStore
from scripts.figures import Sections, at_most, reading
from scripts.seed_hub import seed

MODEL = "podium-demo/tiny-base"
BATCH = "16"


class Size(NamedTuple):
    """How much is measured."""

    columns: tuple[str, ...]
    """Columns of the tiny benchmark."""
    rounds: int
    faster: float | None
    """Limit of the wall time, as a share of the command's."""
    smaller: float | None
    """Limit of the private memory, as a share of the command's."""


FULL = Size(columns=("compare", "sums"), rounds=3, faster=0.15, smaller=0.5)
TINY = Size(columns=("sums",), rounds=1, faster=None, smaller=None)


@dataclass
class Site:
    """A Hub with the demo's checkpoints, and settings for a service that uses it."""

    folder: Path
    settings: Settings
    commits: dict[str, list[str]]

    def environment(self) -> dict[str, str]:
        """The environment of the plain command: as for jobs, but with its own cache."""
        own = {"HF_HOME": str(self.folder / "plain"), "PATH": os.defpath, "HF_HUB_OFFLINE": "0"}
        hub = {"HF_ENDPOINT": self.settings.hub_endpoint, "HF_HUB_DISABLE_XET": "1", "HF_DATASETS_OFFLINE": "0"}
        return job_environment(self.settings) | own | hub


@contextlib.contextmanager
def site(threads: int = 1) -> Iterator[Site]:
    """A site in a temporary folder, for as long as the block lasts."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        commits = seed(folder / "hub")
        with localhub.running(folder / "hub") as hub:
            settings = Settings(
                requests_dir=folder / "requests", results_dir=folder / "results", work_dir=folder / "work",
                hub_endpoint=hub.endpoint, hub_token=None, device="cpu", threads=threads, batch_size=BATCH,
                engine="stock", worker="bench", limit=None, data_root=None,
            )  # fmt: skip
            yield Site(folder, settings, commits)


def sections(size: Size) -> Sections:
    """Times and private memory of both, and their ratios."""
    with site() as bench_site:
        ours, our_memory, command = through_the_queue(bench_site, size)
        theirs, their_memory = zip(*(plain(command, bench_site) for _ in range(size.rounds)), strict=True)
    our_time, their_time = statistics.median(ours), statistics.median(theirs)
    figures = [
        reading("claim to published", our_time, "s"),
        reading("lm_eval command", their_time, "s"),
        at_most("wall time against lm_eval", our_time / their_time, "", size.faster),
        reading("private memory of a job", our_memory / 1e6, "MB"),
        reading("private memory of lm_eval", max(their_memory) / 1e6, "MB"),
        at_most("private memory against lm_eval", our_memory / max(their_memory), "", size.smaller),
    ]
    yield "", figures


def through_the_queue(bench_site: Site, size: Size) -> tuple[list[float], int, str]:
    """Seconds of each of some jobs, the most private memory of one, and the command that does the same."""
    whole = load_benchmark(PROJECT / "benchmarks" / "tiny.yaml")
    benchmark = whole.model_copy(update={"columns": [whole.column(key) for key in size.columns]})
    queue, results = (
        Queue(LocalStore(bench_site.settings.requests_dir)),
        Results(LocalStore(bench_site.settings.results_dir)),
    )
    executor = open_executor(bench_site.settings)
    scheduler = start(bench_site.settings, queue, results, {benchmark.id: benchmark}, executor)
    try:
        wait_for(lambda: scheduler.ticker.abilities is not None)
        times = []
        request = queue.submit(
            Request(model=MODEL, revision=bench_site.commits[MODEL][-1], benchmark=benchmark.id, precision="float32")
        )

        def finished() -> bool:
            return queue.get(request.id).status is Status.FINISHED

        with watched(lambda: forked(os.getpid())) as peak:
            for _ in range(size.rounds + 1):
                began = time.perf_counter()
                scheduler.wake()
                wait_for(finished)
                times.append(time.perf_counter() - began)
                queue.rerun(request, "bench")
        command = results.list(benchmark.id)[0].provenance.command
    finally:
        scheduler.stop()
    return times[1:], peak[0], command


def plain(command: str, bench_site: Site) -> tuple[float, int]:
    """Seconds and private memory of the plain command."""
    words = [str(Path(sys.executable).parent / "lm_eval"), *shlex.split(command)[1:]]
    words += ["--output_path", str(bench_site.folder / "out"), "--log_samples"]
    began = time.perf_counter()
    process = subprocess.Popen(
        words, env=bench_site.environment(), cwd=PROJECT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    with watched(lambda: [process.pid]) as peak:
        code = process.wait()
    if code != 0:
        raise SystemExit(f"The peer failed: {shlex.join(words)}")
    return time.perf_counter() - began, peak[0]


@contextlib.contextmanager
def watched(processes: Callable[[], list[int]]) -> Iterator[list[int]]:
    """Yields a list whose item is the peak private memory in bytes of any of `processes()` with its children."""
    peak, over = [0], threading.Event()

    def look() -> None:
        while not over.wait(0.05):
            peak[0] = max([peak[0], *(private_bytes(pid) for pid in processes())])

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield peak
    finally:
        over.set()
        thread.join()


def forked(pid: int) -> list[int]:
    """The jobs: children of the forkserver, which is a child of process `pid`, or its only child in a namespace."""
    with contextlib.suppress(psutil.NoSuchProcess):
        below = [child for server in psutil.Process(pid).children() for child in server.children()]
        return [job.pid for child in below for job in (child.children() if _depth(child.pid) == 2 else [child])]
    return []


def _depth(pid: int) -> int:
    """How many pid namespaces a process is in: 1 for ours, 2 for a forkserver of its own, 3 for its jobs."""
    with contextlib.suppress(OSError):
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        return len(next(line for line in lines if line.startswith("NSpid:")).split()) - 1
    return 0


def wait_for(condition: Callable[[], bool], timeout_s: float = 120) -> None:
    """Return as soon as `condition()` holds; raises TimeoutError after `timeout_s` seconds."""
    end = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"The condition did not hold within {timeout_s} seconds.")
        time.sleep(0.01)
