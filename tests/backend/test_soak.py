"""A real worker whose small disk fills up, and whose Hub goes away: ten requests finish, and no attempt is used up."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

import localhub
from leaderboard.errors import NotFound
from leaderboard.queue.queue import Queue
from leaderboard.records import Abilities, Request, Status
from leaderboard.settings import PROJECT
from leaderboard.stores.local import LocalStore
from tests.contracts.test_executor import until
from tests.mounts import fill, mounted

REQUESTS = 10
OUTAGE_S = 60.0
CHECKPOINT = PROJECT / "checkpoints" / "podium-demo" / "tiny-base" / "2"

pytestmark = [pytest.mark.soak, pytest.mark.timeout(900)]


class Site:
    """A worker process over a small disk, and a Hub that can be stopped."""

    def __init__(self, folder: Path, small: Path) -> None:
        self.folder, self.small = folder, small
        self.queue = Queue(LocalStore(folder / "requests"))
        self.serving = ExitStack()
        self.port = 0
        self.start_hub()
        environment = {
            "PATH": os.defpath, "HF_ENDPOINT": self.hub.endpoint, "PODIUM_BENCHMARKS": "tiny", "PODIUM_WORKER": "w1",
            "PODIUM_BACKOFF_S": "2", "PODIUM_TICK_S": "0.5", "PODIUM_DEVICE": "cpu", "PODIUM_FREE_DISK_GB": "0",
            "PODIUM_HUB_TIMEOUT_S": "3", "PODIUM_LIMIT": "2", "PODIUM_WORK_DIR": str(small / "work"),
            "PODIUM_REQUESTS_DIR": str(folder / "requests"), "PODIUM_RESULTS_DIR": str(folder / "results"),
        }  # fmt: skip
        with (folder / "worker.log").open("ab") as out:
            self.worker = subprocess.Popen(
                [sys.executable, "-m", "backend"], env=environment, cwd=PROJECT, stdout=out, stderr=out
            )

    def start_hub(self) -> None:
        self.hub = self.serving.enter_context(localhub.running(self.folder / "hub", port=self.port))
        self.port = int(self.hub.endpoint.rpartition(":")[2])

    def stop_hub(self) -> None:
        self.serving.close()

    def submit(self) -> list[Request]:
        """Ten checkpoints."""
        files = {file.name: file.read_bytes() for file in CHECKPOINT.iterdir()}
        requests = []
        for number in range(REQUESTS):
            commit = self.hub.hub.commit(f"org/m{number}", files)
            request = Request(model=f"org/m{number}", revision=commit, benchmark="tiny", precision="float32")
            requests.append(self.queue.submit(request))
        return requests

    def running(self) -> bool:
        return any(request.status is Status.RUNNING and request.job_id for request in self.queue.view().requests)

    def trouble(self) -> str:
        with suppress(NotFound):
            return Abilities.model_validate_json(self.queue.store.read("workers/w1.json")[0]).trouble
        return ""

    def finish(self, requests: list[Request]) -> None:
        """Everything ends well by itself."""
        until(lambda: all(self.queue.get(item.id).status is Status.FINISHED for item in requests), 400)
        assert [self.queue.get(request.id).failed_attempts for request in requests] == [0] * REQUESTS
        assert self.trouble() == ""

    def close(self) -> None:
        self.worker.terminate()
        self.worker.wait(60)
        self.serving.close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with mounted(tmp_path / "small", "size=400m") as small:
        site = Site(tmp_path, small)
        yield site
        site.close()


def test_a_disk_that_fills_up_again_and_again(site: Site) -> None:
    requests = site.submit()
    for _ in range(2):
        until(site.running, 120)
        with suppress(OSError):
            fill(site.small)
        until(lambda: site.trouble() == "Its disk is full.", 120)
        tried = [site.queue.get(request.id).attempts for request in requests]
        time.sleep(OUTAGE_S / 4)
        assert [site.queue.get(request.id).attempts for request in requests] == tried, "nothing is claimed meanwhile"
        (site.small / "filler").unlink()
        until(lambda: site.trouble() == "", 120)
    site.finish(requests)


def test_an_outage_of_the_hub(site: Site) -> None:
    requests = site.submit()
    until(site.running, 120)
    site.stop_hub()
    until(lambda: site.trouble() == "The Hub does not answer it.", 120)
    tried = [site.queue.get(request.id).attempts for request in requests]
    time.sleep(OUTAGE_S)
    assert [site.queue.get(request.id).attempts for request in requests] == tried, "nothing is claimed meanwhile"
    site.start_hub()
    site.finish(requests)
