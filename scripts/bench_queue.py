"""A queue of many request files, nearly all of them finished: in a folder, and in a dataset of a Hub on loopback.

Each store is opened in a process of its own, which is timed and whose memory is measured: the first time, when nothing
is known of the files; and once more, as after a restart. The peer reads every file at every look, as the Open LLM
Leaderboard's `get_evaluation_queue_df` does; it reads the folder, also where the ratio is the Hub store's, because
there it would have to download the dataset before. A pick is choosing: to look whether anything changed, and to put
what waits in order. A claim also commits; for the Hub it is compared with a bare commit of one file with its client.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

os.environ["HF_HUB_DISABLE_XET"] = "1"

import httpx
import psutil
from huggingface_hub import CommitOperationAdd, HfApi

import localhub
from leaderboard import FileStore
from leaderboard.queue.estimates import Estimates
from leaderboard.queue.queue import Queue
from leaderboard.queue.request_files import MAX_BYTES
from leaderboard.records import HistoryEntry, Request, Status, request_path, utc
from leaderboard.settings import PROJECT
from leaderboard.stores.hub import HubStore
from leaderboard.stores.local import OWN_FOLDER, LocalStore
from scripts.figures import Figure, Sections, at_most, reading
from scripts.processor_time import percent_of_core


class Size(NamedTuple):
    """How much is measured."""

    files: tuple[int, ...]
    """Request files, of each row of the table; the limits are those of the last one."""
    idle_s: float
    """For how long the idle service is watched, in seconds."""
    limited: bool


FULL = Size(files=(1_000, 10_000, 100_000), idle_s=60.0, limited=True)
TINY = Size(files=(200,), idle_s=0.2, limited=False)
COLD_S, PICK_MS, CHANGE_MS, MEMORY_MB, IDLE_PERCENT = 5.0, 50.0, 100.0, 500.0, 1.0
OPEN_OF = 20
"""One of so many requests is pending, the others have finished."""
PICKS = 5
PAGE = 50
SETTLED = 5.0
"""A service whose processes use less than so much percent of a core for SETTLED_S seconds has started."""
SETTLED_S, SETTLE_S = 5.0, 180.0
TOKEN = "hf_bench"
REQUESTS, RESULTS = "bench/requests", "bench/results"
WEIGHTS = {f"model-{number:05}-of-00004.safetensors": f"sha256:{number:064x}" for number in range(1, 5)}
START = datetime(2025, 1, 1, tzinfo=UTC).timestamp()


# --- what is measured


class Place(NamedTuple):
    """A store of requests, and how a service finds it."""

    name: str
    folder: Path
    endpoint: str

    def open(self) -> FileStore:
        """The store, with the cache of the service."""
        if self.name == "folder":
            return LocalStore(self.folder / "requests", MAX_BYTES)
        cache = self.folder / "work" / "hub-store" / "requests"
        return HubStore(REQUESTS, self.endpoint, TOKEN, cache, max_age_s=0.0, max_bytes=MAX_BYTES)

    def environment(self) -> dict[str, str]:
        """Settings of a service with this store. It serves a benchmark of which nothing is pending."""
        ours = {f"PODIUM_{name.upper()}_DIR": str(self.folder / name) for name in ("requests", "results", "work")}
        ours |= {"PODIUM_PORT": "0", "PODIUM_BENCHMARKS": "tiny", "PODIUM_DEVICE": "cpu", "HF_TOKEN": TOKEN}
        ours |= {"PODIUM_HUB_ENDPOINT": self.endpoint, "HF_ENDPOINT": self.endpoint}
        if self.name == "hub":
            ours |= {"PODIUM_STORE": "hub", "PODIUM_HUB_NAMESPACE": "bench"}
        return ours


def sections(size: Size) -> Sections:
    """A section for each number of files, and the growth as the last one."""
    growth: list[Figure] = []
    for count in size.files:
        limited = size.limited and count == size.files[-1]
        with tempfile.TemporaryDirectory() as folder, hub(Path(folder) / "hub", count) as endpoint:
            place = Path(folder)
            write_files(place / "requests", count)
            peer_s = timed(partial(naive_view, place / "requests"))[0]
            figures = [reading("peer, which reads every file: one look", peer_s, "s")]
            for name in ("folder", "hub"):
                figures += measure(Place(name, place, endpoint), count, peer_s, size.idle_s, limited)
            yield f"{count:,} request files, one in {OPEN_OF} of them pending", figures
            growth += [reading(f"{count:,} files: {row['name']}", row["value"], row["unit"]) for row in figures]
    yield "growth", sorted(growth, key=lambda figure: figure["name"].partition(": ")[2])


def measure(place: Place, count: int, peer_s: float, idle_s: float, limited: bool) -> list[Figure]:
    """All figures of one store."""

    def limit(value: float) -> float | None:
        return value if limited else None

    with watcher(place) as first:
        first_s, first_mb = first.ask("opened"), first.ask("memory")
    with watcher(place) as process:
        opened_s = process.ask("opened")
        look_s = process.ask("look")
        picks, claims = zip(*[(process.ask("pick"), process.ask("claim")) for _ in range(PICKS)], strict=True)
        bare = list(bare_commits(process, claims)) if place.name == "hub" else []
        changes = list(changes_seen(place, process, count))
        memory_mb = process.ask("memory")
    idle = idle_percent(place, idle_s)
    name = place.name
    return [
        reading(f"{name}: first start ever", first_s, "s"),
        reading(f"{name}: first start ever, peak memory", first_mb, "MB"),
        at_most(f"{name}: cold start, to the first page", opened_s, "s", limit(COLD_S)),
        reading(f"{name}: cold start, of the peer's look", opened_s / peer_s, "x"),
        reading(f"{name}: a look when nothing changed", 1000 * look_s, "ms"),
        reading(f"{name}: the peer's look, times slower than a look", peer_s / look_s, "x"),
        at_most(f"{name}: next pick, a look and the order", 1000 * max(picks), "ms", limit(PICK_MS)),
        reading(f"{name}: claim, a pick and its commit", 1000 * max(claims), "ms"),
        *bare,
        at_most(f"{name}: seeing one change of another process", 1000 * max(changes), "ms", limit(CHANGE_MS)),
        at_most(f"{name}: peak memory", memory_mb, "MB", limit(MEMORY_MB)),
        at_most(f"{name}: idle service, of one core", idle, "%", limit(IDLE_PERCENT)),
    ]


def changes_seen(place: Place, process: Watcher, count: int) -> Iterator[float]:
    """Seconds in which the other process sees requests that are cancelled here, after it is told to look."""
    ours = Queue(place.open())
    for number in range(1, 4):
        path = request_path(request(OPEN_OF * (count // OPEN_OF // 2 + number) % count))
        ours.cancel(ours.find(path), "bench")
        yield process.ask("see", request(OPEN_OF * (count // OPEN_OF // 2 + number) % count).id)
    if place.name == "folder":
        path = request_path(request(1))
        with (place.folder / "requests" / path).open("a") as file:  # as an editor that writes in place
            file.write("\n")
        yield process.ask("reread", path)


def bare_commits(process: Watcher, claims: Sequence[float]) -> Iterator[Figure]:
    """What a claim takes beside the commit that it makes on the Hub."""
    seconds = [process.ask("bare", str(number)) for number in range(PICKS)]
    yield reading("hub: bare commit of one file", 1000 * max(seconds), "ms")
    yield reading("hub: claim, of a bare commit", median(claims) / median(seconds), "x")


def bare_commit(place: Place, number: int) -> None:
    """Commit a new file of a request's size to the dataset of requests, with the Hub's client alone."""
    file = CommitOperationAdd(f"logs/bare-{number}.txt", request(number).to_json())
    client = HfApi(endpoint=place.endpoint, token=TOKEN)
    client.create_commit(REQUESTS, [file], commit_message="Bare", repo_type="dataset")


def idle_percent(place: Place, seconds: float) -> float:
    """Processor time of a service, front end and scheduler in one process, while nobody asks it for anything."""
    environment = {**os.environ, **place.environment()}
    log = place.folder / f"service-{place.name}.txt"
    with log.open("w") as out, subprocess.Popen(
        [sys.executable, "app.py"], cwd=PROJECT, env=environment, stdout=out, stderr=out
    ) as service:  # fmt: skip
        try:
            wait_for(lambda: " is at http" in log.read_text(), service, log)
            address = log.read_text().split(" is at ")[1].split()[0]
            answer = httpx.get(f"{address}/api/v1/requests", params={"limit": 1}, timeout=600, trust_env=False)
            answer.raise_for_status()
            process = psutil.Process(service.pid)
            until_settled(process, min(SETTLE_S, 5 * seconds))
            return percent_of_core(process, seconds)
        finally:
            service.terminate()


def until_settled(process: psutil.Process, at_most_s: float) -> None:
    """Wait until its trial job and its first looks are over."""
    began = time.monotonic()
    while time.monotonic() - began < at_most_s and percent_of_core(process, min(SETTLED_S, at_most_s)) > SETTLED:
        pass


def wait_for(done: Callable[[], bool], service: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until `done`; ends with the log of a service that ended before."""
    while not done():
        if service.poll() is not None:
            raise SystemExit(f"The service did not start:\n{log.read_text()}")
        time.sleep(0.05)


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds, and what `work` returned."""
    begin = time.perf_counter()
    result = work()
    return time.perf_counter() - begin, result


# --- the peer


def naive_view(folder: Path) -> list[dict[str, Any]]:
    """Every request, read from its file."""
    return [
        json.loads(Path(base, name).read_bytes())
        for base, _, names in os.walk(folder)
        for name in names
        if name.endswith(".json") and OWN_FOLDER not in base
    ]


# --- a process that watches a queue


class Watcher:
    """A process that has opened a queue; it answers with seconds, or megabytes."""

    def __init__(self, link: Connection) -> None:
        self._link = link

    def ask(self, *question: str) -> float:
        """What it took, or takes."""
        self._link.send(question)
        answer = self._link.recv()
        if not isinstance(answer, float):
            raise AssertionError(answer)
        return answer


@contextmanager
def watcher(place: Place) -> Iterator[Watcher]:
    """A new process with the store opened."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=watch, args=(place, theirs))
    process.start()
    try:
        yield Watcher(ours)
    finally:
        ours.send(("stop",))
        process.join(60)
        process.kill()


def watch(place: Place, link: Connection) -> None:
    """Open the queue, then answer questions until told to stop."""
    opened_s, queue = timed(lambda: first_page(Queue(place.open())))
    answers: dict[str, Callable[..., float]] = {
        "opened": lambda: opened_s,
        "memory": peak_mb,
        "look": lambda: timed(queue.view)[0],
        "pick": lambda: timed(lambda: queue.pending()[0])[0],
        "claim": lambda: timed(lambda: queue.claim_next("bench", 3600))[0],
        "bare": lambda number: timed(lambda: bare_commit(place, int(number)))[0],
        "see": lambda wanted: timed(lambda: until(lambda: is_cancelled(queue, wanted)))[0],
        "reread": lambda path: timed(lambda: until(lambda: is_known_as_read(queue, path)))[0],
    }
    while (question := link.recv())[0] != "stop":
        link.send(answers[question[0]](*question[1:]))


def peak_mb() -> float:
    """Most memory of this process so far. Not from getrusage: there a child begins with its parent's."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def first_page(queue: Queue) -> Queue:
    """What the Queue page needs: the order, the estimates, and the requests that ended last, in full."""
    view = queue.view()
    queue.pending()
    Estimates(view.open, [], datetime.now(UTC), view.ended.past)
    if len(view.in_full(view.ended[-PAGE:])) != min(PAGE, len(view.ended)):
        raise AssertionError("Requests are missing.")
    return queue


def is_cancelled(queue: Queue, request_id: str) -> bool:
    """Whether the view knows that the request was cancelled."""
    known = queue.view().by_id.get(request_id)
    return known is not None and known.status is Status.CANCELLED


def is_known_as_read(queue: Queue, path: str) -> bool:
    """Whether the view has the version of the file that is there."""
    view, version = queue.view(), queue.store.read(path)[1]
    return any(request.path == path and request.version == version for request in view.ended)


def until(done: Callable[[], bool]) -> None:
    """Ask again and again."""
    while not done():
        pass


# --- the files


def request(number: int) -> Request:
    """One of the requests: every twentieth is pending, on a benchmark that the idle service does not serve."""
    pending = number % OPEN_OF == 0
    moments = [utc(datetime.fromtimestamp(START + 300 * number + late, UTC)) for late in (0, 60, 1260)]
    moves = [(None, Status.PENDING), (Status.PENDING, Status.RUNNING), (Status.RUNNING, Status.FINISHED)]
    history = [
        HistoryEntry(time=at, from_=before, to=after, by="bench-worker", note="")
        for at, (before, after) in zip(moments, moves, strict=True)
    ]
    made = Request(
        id=f"{number:016x}", benchmark="open-llm-v2" if pending else "tiny",
        model=f"org{number % 4999}/a-language-model-{number}", revision=f"{number:012x}{0:028x}",
        params=1 + number % 70, architectures="LlamaForCausalLM", license="apache-2.0",
        submitted_time=moments[0], sender=f"user{number % 997}", requested_revision="main",
        files={"config.json": f"git:{number:040x}", "tokenizer.json": f"git:{number + 1:040x}", **WEIGHTS},
        history=history[:1] if pending else history,
    )  # fmt: skip
    if not pending:
        made.status, made.attempts, made.job_start_time = Status.FINISHED, 1, moments[1]
    return made


def write_files(folder: Path, count: int) -> None:
    """Put them into a folder, past the store."""
    for made in map(request, range(count)):
        place = folder / request_path(made)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(made.to_json())


@contextmanager
def hub(root: Path, count: int) -> Iterator[str]:
    """A Hub with the same files, in a process of its own; its address."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(root, count, theirs))
    process.start()
    try:
        yield ours.recv()
    finally:
        ours.send("stop")
        process.join(60)
        process.kill()


def serve(root: Path, count: int, link: Connection) -> None:
    """Serve the Hub until told to stop."""
    with localhub.running(root, tokens={"bench": TOKEN}) as running:
        files = {request_path(made): made.to_json() for made in map(request, range(count))}
        running.hub.commit(REQUESTS, files, kind="dataset")
        del files
        running.hub.commit(RESULTS, {"README.md": b"# Results\n"}, kind="dataset")
        link.send(running.endpoint)
        link.recv()
