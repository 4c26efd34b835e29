"""The cost of ten thousand request files in a Hub store: time and HTTP calls, on a Hub on loopback.

The peer of publishing is lm-eval's own tracker, which pushes one model's results and samples to the same Hub.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

os.environ["HF_HUB_DISABLE_XET"] = "1"

import localhub
from leaderboard.benchmarks import load_benchmarks
from leaderboard.board.contents import Contents
from leaderboard.queue.queue import Queue
from leaderboard.records import PodiumBlock, Provenance, Request, Score, request_path
from leaderboard.results.details import details_table
from leaderboard.results.hub_details import HubDetails
from leaderboard.results.results import Results
from leaderboard.settings import PROJECT
from leaderboard.stores.hub import HubStore
from scripts.figures import Figure, Sections, at_most, reading


class Size(NamedTuple):
    """How much is measured."""

    files: int
    """Request files."""
    changed: tuple[int, ...]
    """Numbers of the requests that change while a store watches."""
    first_s: float | None
    """Limit of the first sync, in seconds."""
    look_s: float | None
    """Limit of a sync after one change, in seconds."""


FULL = Size(files=10_000, changed=(77, 1077, 2077), first_s=60, look_s=1)
TINY = Size(files=20, changed=(7,), first_s=None, look_s=None)
ORGANISATIONS = 800
TASKS = 39
"""Leaf tasks of the harness's `leaderboard` group: a model has one details file per task."""
TOKEN = "hf_bench"
AGE_S = 2.0
"""Maximum age of the store's cache in seconds; each measured sync starts later than that."""
REQUESTS, RESULTS = "bench/requests", "bench/results"
SAMPLE = {
    "doc_id": 0, "doc": {"q": "1 + 1 ="}, "target": "2", "arguments": [("1 + 1 =", " 2")], "resps": [[(-0.5, True)]],
    "filtered_resps": [(-0.5, True)], "doc_hash": "a", "prompt_hash": "b", "target_hash": "c", "acc": 1.0,
}  # fmt: skip

PEER = f"""
import sys
from lm_eval.loggers import EvaluationTracker
tracker = EvaluationTracker(output_path=sys.argv[1], hub_results_org="bench", details_repo_name="peer-details",
    results_repo_name="peer-results", push_results_to_hub=True, push_samples_to_hub=True, public_repo=True,
    token="{TOKEN}")
tracker.general_config_tracker.log_experiment_args("hf", "pretrained=org/model", None, None, False)
samples = {{f"task_{{number}}": [dict({SAMPLE!r})] for number in range({TASKS})}}
tracker.save_results_aggregated({{"results": {{name: {{"acc,none": 1.0}} for name in samples}}}}, samples)
for name, rows in samples.items():
    tracker.save_results_samples(name, rows)
"""


class Hub(NamedTuple):
    """A Hub in another process that counts its requests."""

    endpoint: str
    link: Connection

    def calls(self) -> list[str]:
        """Method and path of every request since the last time."""
        self.link.send("calls")
        calls: list[str] = self.link.recv()
        return calls


def sections(size: Size) -> Sections:
    """Measure; about a minute on two cores."""
    with tempfile.TemporaryDirectory(prefix="podium-bench-") as folder, hub(Path(folder) / "hub", size) as served:
        yield f"the queue of {size.files:,} request files", measure_sync(served, Path(folder), size)
        yield "publishing one model, against lm-eval's tracker", measure_publishing(served, Path(folder))


def measure_sync(served: Hub, folder: Path, size: Size) -> list[Figure]:
    """The first sync of all requests, a sync without changes, and a sync after one change."""
    store, other = (HubStore(REQUESTS, served.endpoint, TOKEN, folder / name, AGE_S) for name in ("ours", "other"))
    queue, elsewhere = Queue(store), Queue(other)
    changed = [request_path(request(number)) for number in size.changed]
    for path in changed:
        elsewhere.find(path)
    served.calls()

    seconds, calls = timed(served, queue, size.files)
    downloads = sum("/resolve/" in call for call in calls)
    figures = [
        at_most(f"first sync of {size.files:,} request files", seconds, "s", size.first_s),
        at_most("first sync: calls beyond the downloads", len(calls) - downloads, "calls", 200),
        reading("first sync: downloads", downloads, "calls"),
    ]
    seconds, calls = timed(served, queue, size.files)
    figures += [
        reading("sync without a change", seconds, "s"),
        reading("sync without a change: calls", len(calls), "calls"),
    ]
    slowest, most = 0.0, 0
    for path in changed:
        elsewhere.cancel(elsewhere.find(path), "bench")
        time.sleep(2 * AGE_S)
        served.calls()
        seconds, calls = timed(served, queue, size.files)
        slowest, most = max(slowest, seconds), max(most, len(calls))
    return [
        *figures,
        at_most("sync after one change, its download included", slowest, "s", size.look_s),
        at_most("sync after one change: calls, its download included", most, "calls", 4),
    ]


def timed(served: Hub, queue: Queue, files: int) -> tuple[float, list[str]]:
    """Seconds and calls of one view of the queue."""
    time.sleep(2 * AGE_S)
    start = time.perf_counter()
    view = queue.view()
    seconds = time.perf_counter() - start
    if len(view) != files or view.set_aside:
        raise AssertionError(f"{len(view)} requests read, {len(view.set_aside)} files set aside")
    return seconds, served.calls()


def measure_publishing(served: Hub, folder: Path) -> list[Figure]:
    """Commits for one model: its details dataset, and its results with the contents."""
    queue = Queue(HubStore(REQUESTS, served.endpoint, TOKEN, folder / "ours"))
    store = HubStore(RESULTS, served.endpoint, TOKEN, folder / "results")
    store.create()
    claimed = queue.claim_next("bench", 600)
    if claimed is None:
        raise AssertionError("nothing to claim")
    datasets = HubDetails(
        "bench", lambda repo, cache: HubStore(repo, served.endpoint, TOKEN, cache), folder / "details"
    )
    contents = Contents(store, queue, load_benchmarks(PROJECT / "benchmarks", ["open-llm-v2"]))
    details = {f"task_{number}": details_table([SAMPLE]) for number in range(TASKS)}
    served.calls()
    start = time.perf_counter()
    aggregated = {"results": {}, "podium": block(claimed).model_dump()}
    Results(store, datasets).publish(aggregated, details, contents.changes)
    ours_seconds, ours = time.perf_counter() - start, commits(served)

    environment = os.environ | {"HF_ENDPOINT": served.endpoint, "HF_TOKEN": TOKEN, "OMP_NUM_THREADS": "1"}
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", PEER, str(folder / "peer")], check=True, capture_output=True, env=environment)
    peer_seconds, peer = time.perf_counter() - start, commits(served)
    return [
        at_most(f"commits for one model with {TASKS} tasks", ours, "commits", 2),
        reading("peer: lm-eval's tracker, commits for the same", peer, "commits"),
        reading("publishing one model", ours_seconds, "s"),
        reading("peer: lm-eval's tracker, with its start", peer_seconds, "s"),
    ]


def commits(served: Hub) -> int:
    """Commits since the last count."""
    return sum("/commit/" in call for call in served.calls())


def block(claimed: Request) -> PodiumBlock:
    """A result's block for a claimed request."""
    return PodiumBlock(
        request_id=claimed.id, attempt=claimed.attempts, benchmark=claimed.benchmark, benchmark_version="1",
        model=claimed.model, revision=claimed.revision, precision=claimed.precision, weight_type=claimed.weight_type,
        use_chat_template=False, time=claimed.job_start_time or "", average=1.0,
        scores={"acc": Score(raw=1.0, normalised=100.0)}, provenance=Provenance(),
    )  # fmt: skip


def request(number: int) -> Request:
    """One of the request files."""
    return Request(
        id=f"{number:016x}",
        benchmark="open-llm-v2",
        model=f"org{number % ORGANISATIONS}/model-{number}",
        revision=f"{number:012x}{0:028x}",
        submitted_time="2026-01-01T00:00:00Z",
    )


@contextmanager
def hub(root: Path, size: Size) -> Iterator[Hub]:
    """A Hub with the request files, in a process of its own."""
    own_end, server_end = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(root, size.files, server_end))
    process.start()
    try:
        yield Hub(own_end.recv(), own_end)
    finally:
        own_end.send("stop")
        process.join(20)
        process.kill()


def serve(root: Path, count: int, link: Connection) -> None:
    """Serve the Hub and report its calls over `link` until a message other than "calls" arrives."""
    files = {request_path(record): record.to_json() for record in map(request, range(count))}
    with localhub.running(root, tokens={"bench": TOKEN}) as running:
        calls: list[str] = []
        original = running.faults.strike

        def strike(method: str, path: str) -> list[localhub.Fault]:
            calls.append(f"{method} {path}")
            return original(method, path)

        running.faults.strike = strike  # type: ignore[method-assign]
        running.hub.commit(REQUESTS, files, kind="dataset")
        link.send(running.endpoint)
        while link.recv() == "calls":
            link.send(list(calls))
            calls.clear()
