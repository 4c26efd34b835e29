"""The service as a process is told to stop: what is under way is answered, what hangs does not hold it up."""

from __future__ import annotations

import json
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

import localhub
from localhub.faults import Fault
from scripts.seed_hub import seed
from scripts.service import running
from tests.contracts.test_executor import until

FRONT_END = {"PODIUM_EMBEDDED": "false", "PODIUM_LOG": "json"}


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[localhub.Running]:
    folder = tmp_path_factory.mktemp("hub")
    seed(folder)
    with localhub.running(folder) as started:
        yield started


def test_a_stop_answers_what_is_under_way_and_waits_for_nobody_for_ever(hub: localhub.Running, tmp_path: Path) -> None:
    hub.faults.set([Fault("slow", path="tiny-base/revision", seconds=1.5)])
    answers: list[httpx.Response] = []
    body = {"model": "podium-demo/tiny-base", "benchmark": "tiny", "precision": "float32"}

    def look() -> None:
        answers.append(httpx.post(f"{board.address}/api/v1/submissions/check", json=body, timeout=60, trust_env=False))

    with running(hub.endpoint, tmp_path, FRONT_END) as board:
        place = urlsplit(board.address)
        with socket.create_connection((str(place.hostname), int(place.port or 0))) as hanging:
            hanging.sendall(b"POST /api/v1/submissions HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
            asking = threading.Thread(target=look)
            asking.start()
            until(lambda: hub.faults.counts["slow"], 30)
            board.process.send_signal(signal.SIGTERM)
            assert board.process.wait(30) == 0
        asking.join()
    assert [answer.status_code for answer in answers] == [200]
    lines = (tmp_path / "service.log").read_text().splitlines()
    assert all(json.loads(line)["message"] for line in lines)
