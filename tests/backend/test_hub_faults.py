"""Many submissions over a Hub that has every kind of trouble: each is published once, and nobody is blamed for it."""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import pytest
from huggingface_hub import HfApi
from pydantic import SecretStr

import localhub
from backend import Job, JobState, JobStatus
from backend.scheduler.tick import Ticker
from backend.workdir import Workdir
from leaderboard.benchmarks import Benchmark, Column, Part
from leaderboard.board.contents import Contents
from leaderboard.errors import AlreadyRequested, HubUnavailable
from leaderboard.opening import Stores, open_stores
from leaderboard.queue.queue import Queue
from leaderboard.records import Request, Status
from leaderboard.results.results import Results
from leaderboard.settings import Settings
from localhub import Fault
from tests.backend.conftest import ToldExecutor
from tests.backend.jobs import leave_results

TOKEN = "hf_board_token"
WAIT = 0.005
"""Waits are shortened to this part of what they are."""
UNTIL_S = 240
COLUMN = Column(key="sums", title="Sums", run=["sums"], parts=[Part(task="sums", metrics=["acc,none"])])
BENCHMARKS = {"tiny": Benchmark(id="tiny", version="1", title="Tiny", description="Small.", columns=[COLUMN])}
_names = itertools.count(1)


class QuickExecutor(ToldExecutor):
    """Each job does its work at once."""

    def submit(self, job: Job) -> str:
        handle = super().submit(job)
        if job.name != "abilities":
            leave_results(Workdir(job.workdir))
            self.states[handle] = JobStatus(JobState.ENDED)
        return handle


class Site:
    """One worker somewhere."""

    def __init__(self, namespace: str, worker: str, endpoint: str, folder: Path) -> None:
        self.settings = Settings(
            store="hub", hub_namespace=namespace, hub_endpoint=endpoint, hub_token=SecretStr(TOKEN), worker=worker,
            work_dir=folder / worker, hub_look_s=0.3, progress_s=0.0, backoff_s=0.0,
        )  # fmt: skip
        self.stores = open_stores(self.settings, BENCHMARKS)
        gathered = self.stores.gathered()
        queue = Queue(gathered.requests)
        results = Results(gathered.results, gathered.details)
        contents = Contents(gathered.results, queue, BENCHMARKS)
        self.ticker = Ticker(self.settings, queue, results, BENCHMARKS, QuickExecutor(8), contents)


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[localhub.Running]:
    with localhub.running(tmp_path_factory.mktemp("hub"), tokens={"owner": TOKEN}) as running:
        yield running


@pytest.fixture
def served(hub: localhub.Running) -> Iterator[localhub.Running]:
    """The Hub, without the faults of another test."""
    yield hub
    hub.faults.set([])


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours and the client's."""
    clock = SimpleNamespace(
        **{name: getattr(time, name) for name in ("time", "monotonic", "perf_counter")},
        sleep=lambda seconds: time.sleep(seconds * WAIT),
    )
    monkeypatch.setattr("leaderboard.stores.hub.time", clock)
    monkeypatch.setattr("huggingface_hub.utils._http.time", clock)


def submit(stores: Stores, request: Request) -> None:
    """As a person does who is told that the Hub has trouble: once more."""
    while True:
        try:
            Queue(stores.requests).submit(request)
            return
        except HubUnavailable:
            continue
        except AlreadyRequested:
            return


class Size(NamedTuple):
    """How much is submitted."""

    models: int
    revisions: int


FEW, MANY = Size(5, 4), Size(10, 5)
TROUBLE = [
    Fault("429", 0.2, seconds=1),
    Fault("500", 0.2),
    Fault("503", 0.2),
    Fault("slow", 0.2, seconds=0.02),
    Fault("lost-answer", 0.2),
    Fault("closed", 0.2),
    Fault("stale-tree", 0.2),
]


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("faults", "size"),
    [
        (TROUBLE, FEW),
        *(pytest.param(faults, MANY, marks=pytest.mark.soak) for faults in (TROUBLE, *([fault] for fault in TROUBLE))),
    ],
    ids=["all", "many", *(fault.kind for fault in TROUBLE)],
)
def test_every_submission_is_published_once(
    faults: list[Fault], size: Size, served: localhub.Running, tmp_path: Path
) -> None:
    namespace = f"board{next(_names)}"
    served.hub.accounts.add_organization(namespace, {"owner": "admin"})
    sites = [Site(namespace, worker, served.endpoint, tmp_path) for worker in ("w1", "w2")]
    served.faults.set(faults, seed=5)
    struck = Counter(served.faults.counts)
    for number in range(size.models * size.revisions):
        model, revision = f"org/model-{number % size.models}", f"{number:02x}" * 20
        submit(sites[0].stores, Request(model=model, revision=revision, benchmark="tiny", sender="somebody"))
    until = time.monotonic() + UNTIL_S
    while time.monotonic() < until and not finished(sites[0]):
        for site in sites:
            site.ticker.tick()
    served.faults.set([])
    for fault in faults:
        assert served.faults.counts[fault.kind] > struck[fault.kind]
    for site in sites:
        site.ticker.tick()
    check(Site(namespace, "reader", served.endpoint, tmp_path), HfApi(endpoint=served.endpoint, token=TOKEN), size)


def finished(site: Site) -> bool:
    """Whether everything has ended well, as far as one worker knows."""
    try:
        return {request.status for request in site.ticker.queue.view().requests} == {Status.FINISHED}
    except HubUnavailable:
        return False


def check(reader: Site, api: HfApi, size: Size) -> None:
    """What somebody finds who comes afterwards."""
    stores = reader.stores
    requests = Queue(stores.requests).view().requests
    assert len(requests) == size.models * size.revisions
    assert {element.status for element in requests} == {Status.FINISHED}
    assert not [entry for entry in requests if entry.failure]
    results = Results(stores.results, stores.details)
    blocks = results.list("tiny")
    assert Counter(block.request_id for block in blocks) == Counter(item.id for item in requests)
    assert {(block.request_id, block.attempt) for block in blocks} == {
        (request.id, request.attempts) for request in requests
    }
    assert len(Contents(stores.results, Queue(stores.requests), BENCHMARKS).frame("tiny")) == len(requests)
    for block in blocks:
        [row] = results.examples(block, "sums", 0, 10)
        assert row["doc"] == {"revision": block.revision}
    for number in range(size.models):
        repo = f"{reader.settings.hub_namespace}/org__model-{number}-details"
        commits = [commit.title for commit in api.list_repo_commits(repo, repo_type="dataset")]
        assert len(commits) == size.revisions + 1 == len(set(commits))
