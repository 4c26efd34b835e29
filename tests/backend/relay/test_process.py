"""The relay as a process: it ends with whoever started it, and with a job that does not speak its language."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.failures import JobFailed
from backend.relay.channel import ASK, FOLDER, make_pipes
from backend.relay.client import RelayClient
from leaderboard.benchmarks.challenge import EndpointRules
from leaderboard.records import Fault
from leaderboard.settings import PROJECT, inherited_environment
from tests.openai_server import NAME, always, serving, text_answer


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    make_pipes(tmp_path)
    with serving(always(text_answer())) as server:
        process = subprocess.Popen(
            [sys.executable, "-m", "backend.relay", str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env=inherited_environment(), cwd=PROJECT, text=True,
        )  # fmt: skip
        assert process.stdin and process.stdout
        task = {"url": server.url, "model": NAME, "key": None, "hosts": ["127.0.0.1"]}
        process.stdin.write(json.dumps({**task, "rules": EndpointRules().model_dump()}) + "\n")
        process.stdin.flush()
        assert process.stdout.readline() == "ready\n"
        yield process
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def test_it_ends_with_whoever_started_it(relay: subprocess.Popen[str], tmp_path: Path) -> None:
    client = RelayClient(tmp_path, "host")
    assert client.ask("completions", {"prompt": "2", "max_tokens": 1})["model"] == NAME
    assert relay.stdin
    relay.stdin.close()
    assert relay.wait(20) == 0
    with pytest.raises(JobFailed) as caught:
        client.account()
    assert (caught.value.code, caught.value.fault) == ("endpoint_relay", Fault.INFRASTRUCTURE)


@pytest.mark.parametrize("frame", [b"\x7f\xff\xff\xff", b"\x00\x00\x00\x02[]", b"\x00\x00\x00\x01{"])
def test_it_ends_at_what_is_no_message(relay: subprocess.Popen[str], tmp_path: Path, frame: bytes) -> None:
    pipe = os.open(tmp_path / FOLDER / ASK, os.O_WRONLY)
    os.write(pipe, frame)
    assert relay.wait(20) != 0
    os.close(pipe)


def test_pipes_are_for_the_job_alone(tmp_path: Path) -> None:
    make_pipes(tmp_path)
    mode = (tmp_path / FOLDER / ASK).stat().st_mode & 0o777
    assert mode == (0o666 if os.geteuid() == 0 else 0o600)
