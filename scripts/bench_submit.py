"""From a submission over HTTP to its request file on disk, without the time that the Hub itself takes."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import httpx
import numpy as np
import uvicorn
from fastapi import FastAPI

import localhub
from leaderboard.api import add_api, catch_errors
from leaderboard.hub.hub import Hub
from leaderboard.hub.loaded_files import WEIGHTS
from leaderboard.records import ModelFacts, Request, new_id, now, request_path
from leaderboard.service import Service, open_service
from leaderboard.settings import Settings
from leaderboard.stores.local import LocalStore
from localhub.store import Hub as HubFolder
from scripts.figures import Sections, at_most, reading
from scripts.seed_hub import CHECKPOINTS


class Size(NamedTuple):
    """How much is measured."""

    submissions: int
    existing: int
    """Request files before the first submission."""
    limit_ms: float | None


FULL = Size(submissions=100, existing=5000, limit_ms=50.0)
TINY = Size(submissions=2, existing=10, limit_ms=None)


class TimedHub(Hub):
    """The Hub client, with the time spent in its calls."""

    spent = 0.0

    def facts(self, model: str, revision: str = "main") -> ModelFacts:
        """The facts from the Hub; adds the time in seconds to `spent`."""
        begin = time.perf_counter()
        try:
            return super().facts(model, revision)
        finally:
            self.spent += time.perf_counter() - begin


def old_request(number: int) -> Request:
    """One of the existing requests."""
    return Request(
        id=new_id(), benchmark="tiny", model=f"org-{number % 97}/model-{number}", revision=f"{number:040x}",
        precision="float16", status="PENDING", submitted_time=now(), sender="bench",
    )  # fmt: skip


@contextmanager
def serve(service: Service) -> Iterator[str]:
    """The API on a free port."""
    app = FastAPI()
    add_api(app, service)
    catch_errors(app)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/api/v1"
    server.should_exit = True
    thread.join(10)


def checkpoint(number: int) -> dict[str, bytes | str]:
    """The files of a checkpoint with weights of its own: copies of other weights would be refused."""
    good = CHECKPOINTS / "podium-demo" / "wrong-shapes" / "1"
    files: dict[str, bytes | str] = {path.name: path.read_bytes() for path in good.iterdir()}
    weights = (good / WEIGHTS).read_bytes()
    return files | {WEIGHTS: weights[:-8] + number.to_bytes(8, "little")}


def measure(folder: Path, size: Size) -> list[float]:
    """Seconds from the request's first byte to the answer, less the Hub's, for each submission."""
    hub_folder = HubFolder(folder / "hub")
    for number in range(size.submissions):
        hub_folder.commit(f"bench/model-{number}", checkpoint(number))
    existing = {request_path(request): request.to_json() for request in map(old_request, range(size.existing))}
    LocalStore(folder / "requests").commit(existing, "Existing requests")
    took = []
    with localhub.running(folder / "hub") as hub:
        settings = Settings(
            hub_endpoint=hub.endpoint, requests_dir=folder / "requests", results_dir=folder / "results",
            work_dir=folder / "work", benchmarks="tiny",
        )  # fmt: skip
        service = open_service(settings)
        timed = TimedHub(settings.hub_endpoint, None, settings.hub_timeout_s)
        service.intake.hub = timed
        with serve(replace(service, hub=timed)) as api, httpx.Client(trust_env=False, timeout=60) as client:
            client.get(f"{api}/requests", params={"limit": 1})
            for number in range(size.submissions):
                body = {"benchmark": "tiny", "model": f"bench/model-{number}", "precision": "float32"}
                timed.spent, begin = 0.0, time.perf_counter()
                answer = client.post(f"{api}/submissions", json=body)
                took.append(time.perf_counter() - begin - timed.spent)
                assert answer.status_code == 201, answer.text
    return took


def sections(size: Size) -> Sections:
    """p50 and p95 in milliseconds."""
    with tempfile.TemporaryDirectory() as folder:
        milliseconds = 1000 * np.array(measure(Path(folder), size))
    about = f"submission to file, {size.existing} existing requests"
    figures = [
        reading(f"{about}, p50", float(np.percentile(milliseconds, 50)), "ms"),
        at_most(f"{about}, p95", float(np.percentile(milliseconds, 95)), "ms", size.limit_ms),
    ]
    yield "", figures
