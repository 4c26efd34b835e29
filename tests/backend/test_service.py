"""`python -m backend` as a process, against a Hub on loopback: killed in the middle, started again, ended cleanly."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

import localhub
from leaderboard.queue.queue import Queue
from leaderboard.records import ENDED, Abilities, Request, Status
from leaderboard.results.results import Results
from leaderboard.settings import PROJECT
from leaderboard.stores.local import LocalStore
from localhub.faults import Fault
from scripts.seed_hub import seed
from tests.contracts.test_executor import gone, until

SECRET = "hf_thistokenisasecret"


@dataclass
class Site:
    """A Hub, a store, and the scheduler's process."""

    folder: Path
    hub: localhub.Running
    commits: dict[str, list[str]]
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.queue = Queue(LocalStore(self.folder / "requests"))
        self.results = Results(LocalStore(self.folder / "results"))
        self.environment = {
            "PATH": os.defpath, "HF_ENDPOINT": self.hub.endpoint, "HF_TOKEN": SECRET,
            "PODIUM_BENCHMARKS": "tiny", "PODIUM_WORKER": "w1", "PODIUM_BACKOFF_S": "0", "PODIUM_TICK_S": "0.5",
            "PODIUM_PROGRESS_S": "0.2", "PODIUM_DEVICE": "cpu", "PODIUM_MONITOR_PORT": "0", "PODIUM_LOG": "json",
            **{f"PODIUM_{name.upper()}_DIR": str(self.folder / name) for name in ("requests", "results", "work")},
        }  # fmt: skip

    def start(self) -> None:
        with (self.folder / "service.log").open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "backend"], env=self.environment, cwd=PROJECT, stdout=out, stderr=out
            )

    def submit(self, model: str, **answer: Any) -> Request:
        name = f"podium-demo/{model}"
        request = Request(model=name, revision=self.commits[name][-1], benchmark="tiny", precision="float32")
        return self.queue.submit(request.model_copy(update=answer))

    def ended(self, request: Request) -> Request:
        return until(lambda: (now := self.queue.get(request.id)).status in ENDED and now, 150)  # type: ignore[no-any-return]

    @property
    def log(self) -> str:
        return (self.folder / "service.log").read_text()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    commits = seed(folder / "hub")
    with localhub.running(folder / "hub") as hub:
        made = Site(folder, hub, commits)
        made.start()
        yield made
        if made.process and made.process.poll() is None:
            made.process.kill()


@pytest.fixture(scope="module")
def survivor(site: Site) -> Request:
    """A request whose service was killed while it ran, and that another service has ended since."""
    request = site.submit("tiny-finetuned", model_type="fine-tuned on domain-specific datasets")
    running = until(lambda: (now := site.queue.get(request.id)).job_id and now, 120)
    log = site.folder / "work" / "jobs" / f"{running.id}-1" / "log.txt"
    until(log.exists, 60)
    assert site.process is not None
    jobs = [process.pid for process in psutil.Process(site.process.pid).children(recursive=True)]
    site.process.kill()
    site.process.wait()
    until(lambda: all(gone(pid) for pid in jobs))
    assert site.queue.get(request.id).status is Status.RUNNING
    site.start()
    return site.ended(request)


def test_killed_in_the_middle_it_is_run_again_and_published_once(site: Site, survivor: Request) -> None:
    assert survivor.status is Status.FINISHED and survivor.attempts == 2
    assert [(entry.from_, entry.to) for entry in survivor.history] == [
        (None, Status.PENDING),
        (Status.PENDING, Status.RUNNING),
        (Status.RUNNING, Status.PENDING),
        (Status.PENDING, Status.RUNNING),
        (Status.RUNNING, Status.FINISHED),
    ]
    assert "worker_lost" in survivor.history[2].note
    blocks = [block for block in site.results.list("tiny") if block.model == survivor.model]
    assert [(block.request_id, block.attempt) for block in blocks] == [(survivor.id, 2)]


def test_what_is_published_says_how_it_was_made(site: Site, survivor: Request) -> None:
    path = site.results.published(survivor)
    assert path is not None
    result = site.results.read(path)
    made = result["podium"]["provenance"]
    assert made["packages"].keys() >= {"lm_eval", "transformers", "torch", "peft", "datasets", "podium"}
    assert made["hardware"] and made["wall_seconds"] > 0 and made["energy_kwh"] is None
    assert made["seeds"]["fewshot_random_seed"] == 1234 and made["chat_template_sha"] is None
    assert survivor.revision in made["command"] and "PODIUM" not in made["command"]
    assert result["podium"]["average"] > 60 and result["podium"]["limit"] is None
    assert set(site.results.tasks(result["podium"] and site.results.list("tiny")[0])) >= {"tiny_sums", "tiny_logic_or"}
    assert str(PROJECT) not in str(result) and str(site.folder) not in str(result)


def test_all_kinds_of_checkpoints_and_failures(site: Site, survivor: Request) -> None:
    base = {"base_model": "podium-demo/tiny-base", "base_revision": site.commits["podium-demo/tiny-base"][-1]}
    expected = {
        "tiny-chat": ({"use_chat_template": True}, Status.FINISHED, None),
        "tiny-lora": ({"weight_type": "Adapter", **base}, Status.FINISHED, None),
        "tiny-delta": ({"weight_type": "Delta", **base}, Status.FINISHED, None),
        "truncated": ({}, Status.FAILED, "checkpoint_unreadable"),
        "no-tokenizer": ({}, Status.FAILED, "tokenizer_unloadable"),
        "broken-template": ({"use_chat_template": True}, Status.FAILED, "chat_template_error"),
        "long-template": ({"use_chat_template": True}, Status.FAILED, "chat_template_error"),
    }
    files = {path.name: path.read_bytes() for path in (PROJECT / "checkpoints/podium-demo/tiny-chat/1").iterdir()}
    files["chat_template.jinja"] = b"{% for i in range(10 ** 9) %}{% endfor %}"
    site.commits["podium-demo/long-template"] = [site.hub.hub.commit("podium-demo/long-template", files)]
    requests = {name: site.submit(name, **answer) for name, (answer, _, _) in expected.items()}
    for name, (_, status, code) in expected.items():
        now = site.ended(requests[name])
        assert (name, now.status, now.failure and now.failure.code, now.attempts) == (name, status, code, 1)
    averages = {block.model.split("/")[1]: block.average for block in site.results.list("tiny")}
    assert averages["tiny-lora"] != averages["tiny-finetuned"]
    assert averages["tiny-delta"] == pytest.approx(averages["tiny-finetuned"], abs=2)
    failed = site.queue.get(requests["truncated"].id).failure
    assert failed is not None and "Traceback" not in failed.message
    assert "Traceback" in (site.folder / "work" / str(failed.log)).read_text()


def test_it_tells_of_its_health_and_counts_its_jobs(site: Site, survivor: Request) -> None:
    lines = [json.loads(line) for line in site.log.splitlines()]
    address = next(line["message"].split()[-1][:-1] for line in reversed(lines) if "metrics are at" in line["message"])
    assert httpx.get(f"{address}/healthz", trust_env=False).status_code == 200
    ready = httpx.get(f"{address}/readyz", trust_env=False)
    assert ready.status_code == 200 and "scheduler" in {check["name"] for check in ready.json()["checks"]}
    metrics = httpx.get(f"{address}/metrics", trust_env=False).text
    assert re.search(r'^podium_jobs_total\{outcome="finished"\} [1-9]', metrics, re.MULTILINE)
    assert "podium_hub_calls_total" in metrics and "podium_oldest_pending_seconds" in metrics
    [finished] = [line for line in lines if line["message"].startswith("Finished") and survivor.model in str(line)]
    assert (finished["request_id"], finished["job_id"]) == (survivor.id, survivor.job_id)


@pytest.mark.slow
def test_trouble_of_the_hub_is_ours_and_passes(site: Site, survivor: Request) -> None:
    site.hub.faults.set([Fault("503", path="tiny-merge")])
    request = site.submit("tiny-merge")
    until(lambda: (now := site.queue.get(request.id)).failure and now, 120)
    failure = site.queue.get(request.id).failure
    site.hub.faults.set([])
    assert failure is not None and (failure.code, failure.fault.value) == ("hub_unavailable", "infrastructure")
    assert site.ended(request).status is Status.FINISHED


def test_it_tells_what_it_can_do(site: Site, survivor: Request) -> None:
    abilities = Abilities.model_validate_json((site.folder / "requests" / "workers" / "w1.json").read_bytes())
    assert abilities.refused.keys() >= {"8bit", "4bit", "GPTQ", "awq"} and abilities.device


def test_a_second_scheduler_in_the_same_work_folder_does_not_start(site: Site, survivor: Request) -> None:
    second = subprocess.run(
        [sys.executable, "-m", "backend"], env=site.environment, cwd=PROJECT, capture_output=True, text=True, timeout=60
    )
    assert second.returncode == 2 and "Another scheduler works in" in second.stderr


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_the_command_in_a_result_makes_the_same_scores(site: Site, survivor: Request, tmp_path: Path) -> None:
    path = site.results.published(survivor)
    result = site.results.read(str(path))
    words = shlex.split(result["podium"]["provenance"]["command"])
    environment = site.environment | {"HF_HOME": str(tmp_path), "HF_HUB_DISABLE_XET": "1", "OMP_NUM_THREADS": "1"}
    del environment["HF_TOKEN"]
    subprocess.run(
        [Path(sys.executable).parent / "lm_eval", *words[1:], "--output_path", str(tmp_path / "out"), "--log_samples"],
        env=environment, cwd=PROJECT, check=True, capture_output=True, timeout=500,
    )  # fmt: skip
    [file] = tmp_path.glob("out/*/results_*.json")
    theirs = json.loads(file.read_text())
    for task, row in theirs["results"].items():
        for metric, value in row.items():
            if isinstance(value, float) and "stderr" not in metric:
                assert result["results"][task][metric] == pytest.approx(value, abs=1e-6), (task, metric)
    assert theirs["task_hashes"] == result["podium"]["provenance"]["task_hashes"]


def test_a_signal_ends_it_cleanly_and_its_requests_go_back(site: Site, survivor: Request) -> None:
    request = site.submit("tiny-base")
    until(lambda: site.queue.get(request.id).job_id, 60)
    assert site.process is not None
    jobs = [process.pid for process in psutil.Process(site.process.pid).children(recursive=True)]
    site.process.send_signal(signal.SIGTERM)
    assert site.process.wait(60) == 0
    assert all(gone(pid) for pid in jobs)
    back = site.queue.get(request.id)
    assert back.status is Status.PENDING and back.failure and back.failure.code == "worker_stopped"


def test_no_secret_got_anywhere(site: Site) -> None:
    for file in site.folder.rglob("*"):
        if file.is_file() and file.suffix in {".json", ".txt", ".log", ""}:
            assert SECRET.encode() not in file.read_bytes(), file
