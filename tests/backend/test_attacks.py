"""Hostile checkpoints through the real queue: nothing that is not theirs is opened, asked or published.

They are put into the queue past the checks, which refuse what can be seen at submission.
"""

from __future__ import annotations

import io
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet
import pytest

import localhub
from backend.executors.layers import layer_problems
from backend.executors.opening import open_executor
from backend.sandbox import Layer
from backend.scheduler.loop import start
from backend.workdir import Workdir
from leaderboard.benchmarks import load_benchmark
from leaderboard.board.contents import Contents
from leaderboard.hub.hub import Hub
from leaderboard.queue.queue import Queue
from leaderboard.records import Abilities, CheckpointSubmission, Fault, Request, Status
from leaderboard.results.results import Results
from leaderboard.settings import PROJECT, Settings
from leaderboard.stores.local import LocalStore
from leaderboard.submissions.kinds.checkpoint.checks import CheckpointCase, check, native_architectures
from leaderboard.submissions.rules import errors
from localhub.store import Hub as HubFolder
from scripts.bench_jobs import wait_for
from tests.backend.attacks import DEMO, Attack, attacks, make
from tests.backend.observer import Observer

BASE = "podium-demo/tiny-base"
EXPLOIT = "bert-vocab"
DONE = (Status.FINISHED, Status.FAILED)
VOCABULARY = 640


@dataclass
class Outcome:
    """What came of some attacks."""

    requests: dict[str, Request]
    opened: set[Path]
    asked: bool
    published: str
    """Everything that a reader or a submitter can get: results, details, logs, request files."""
    secret: str
    layers: list[str]


class Place:
    """A Hub with the hostile checkpoints, what they are after, and a service that evaluates them."""

    def __init__(self, folder: Path, hub: localhub.Running, names: tuple[str, ...] | None) -> None:
        self.folder, self.hub = folder, hub
        self.secret = f"secret-{secrets.token_hex(8)}"
        self.canary = folder / "secrets" / "podium.env"
        self.neighbour = folder / "work" / "jobs" / "neighbour-1"
        for place in (self.canary.parent, self.neighbour):
            place.mkdir(parents=True)
        # It is a vocabulary, so that a tokenizer that reads it works, and says it in every answer.
        special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
        words = [f"{self.secret}-{number}" for number in range(VOCABULARY - len(special))]
        self.canary.write_text("\n".join(special + words))
        for name in ("config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"):
            shutil.copy(DEMO / "tiny-base" / "1" / name, self.neighbour)
        self.other = subprocess.Popen(
            [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, env={"HF_TOKEN": self.secret}
        )
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.attacks = self._attacks(names)
        store = HubFolder(folder / "hub")
        self.base = store.commit_folder(BASE, DEMO / "tiny-base" / "1")
        self.commits = {
            name: store.commit_folder(f"mallory/{name}", make(attack, folder / "repos" / name))
            for name, attack in self.attacks.items()
        }

    def _attacks(self, names: tuple[str, ...] | None) -> dict[str, Attack]:
        url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/x"
        relative = os.path.relpath(self.canary, self.folder / "work" / "jobs" / "0123456789abcdef-1" / "scratch")
        every = attacks(str(self.canary), relative, str(self.neighbour), self.other.pid, url)
        return {name: every[name] for name in names or every}

    def evaluate(self, sandbox: str) -> Outcome:
        """Put every attack through the queue."""
        settings = Settings(
            work_dir=self.folder / "work", requests_dir=self.folder / "requests", results_dir=self.folder / "results",
            hub_endpoint=self.hub.endpoint, device="cpu", slots=2, worker="w1", sandbox=sandbox, max_attempts=1,
            tick_s=0.2,
        )  # fmt: skip
        whole = load_benchmark(PROJECT / "benchmarks" / "tiny.yaml")
        benchmark = whole.model_copy(update={"columns": [whole.column("sums")]})
        queue, store = Queue(LocalStore(settings.requests_dir)), LocalStore(settings.results_dir)
        results, benchmarks = Results(store), {benchmark.id: benchmark}
        watched = (self.canary, self.neighbour)
        with Observer(*watched) as observer:
            executor = open_executor(settings)
            scheduler = start(
                settings, queue, results, benchmarks, executor, Contents(store, queue, benchmarks)
            )  # fmt: skip
            try:
                requests = {name: queue.submit(self._request(name)) for name in self.attacks}
                scheduler.wake()
                wait_for(lambda: all(request.status in DONE for request in queue.view().requests), 160)
            finally:
                scheduler.stop()
            opened = observer.seen()
        ended = {name: queue.get(request.id) for name, request in requests.items()}
        layers = {layer for block in results.list("tiny") for layer in block.provenance.sandbox}
        return Outcome(ended, opened, self._asked(), self._published(ended), self.secret, sorted(layers))

    def _request(self, name: str) -> Request:
        attack = self.attacks[name]
        adapter = {"base_model": BASE, "base_revision": self.base} if attack.weight_type == "Adapter" else {}
        return Request(
            model=f"mallory/{name}", revision=self.commits[name], benchmark="tiny", precision="float32",
            weight_type=attack.weight_type, use_chat_template=attack.use_chat_template, **adapter,
        )  # fmt: skip

    def _asked(self) -> bool:
        self.listener.setblocking(False)
        try:
            self.listener.accept()
        except BlockingIOError:
            return False
        return True

    def _published(self, requests: dict[str, Request]) -> str:
        texts = [
            Workdir(self.folder / "work" / "jobs" / f"{request.id}-{request.attempts}").log_tail()
            for request in requests.values()
        ]
        for root in (self.folder / "results", self.folder / "requests"):
            for file in (path for path in root.rglob("*") if path.is_file()):
                content = file.read_bytes()
                if file.suffix == ".parquet":
                    content = json.dumps(
                        pyarrow.parquet.read_table(io.BytesIO(content)).to_pylist(), default=str
                    ).encode()
                texts.append(content.decode(errors="replace"))
        return "\n".join(texts)

    def close(self) -> None:
        """End what was started."""
        self.other.kill()
        self.other.wait()
        self.listener.close()


@pytest.fixture
def place(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Place]:
    """With the attacks that the test names, all by default."""
    names = getattr(request, "param", None)
    with ExitStack() as ending:
        hub = ending.enter_context(localhub.running(tmp_path / "hub"))
        made = Place(tmp_path, hub, names)
        ending.callback(made.close)
        yield made


def check_held(outcome: Outcome) -> None:
    """Nothing was opened, asked or published, and whoever failed was told that it is theirs."""
    assert not outcome.opened
    assert not outcome.asked
    assert outcome.secret not in outcome.published
    blamed = {name: request.failure for name, request in outcome.requests.items() if request.failure}
    assert not {name: why for name, why in blamed.items() if why.fault is not Fault.SUBMISSION}


def needs(*layers: Layer) -> None:
    """Skip where this machine cannot give these layers."""
    if missing := {layer: why for layer, why in layer_problems().items() if layer in layers and why}:
        pytest.skip(f"this machine cannot confine jobs with {missing}")


@pytest.mark.slow
def test_every_attack_is_held_with_both_layers(place: Place) -> None:
    needs(*Layer)
    outcome = place.evaluate("auto")
    check_held(outcome)
    assert outcome.layers == ["landlock", "namespaces"]


@pytest.mark.soak
@pytest.mark.parametrize("layer", list(Layer))
def test_every_attack_is_held_with_one_layer(place: Place, layer: Layer) -> None:
    needs(layer)
    check_held(place.evaluate(layer.value))


def test_every_attack_that_can_be_seen_is_refused_at_submission(place: Place) -> None:
    benchmark, hub = load_benchmark(PROJECT / "benchmarks" / "tiny.yaml"), Hub(place.hub.endpoint)
    base = hub.facts(BASE)
    for name, attack in place.attacks.items():
        adapter = {"weight_type": attack.weight_type, "base_model": BASE} if attack.weight_type == "Adapter" else {}
        submission = CheckpointSubmission(
            benchmark="tiny", model=f"mallory/{name}", precision="float32", use_chat_template=attack.use_chat_template,
            **adapter,
        )  # fmt: skip
        case = CheckpointCase(
            submission=submission, benchmark=benchmark, model=hub.facts(submission.model), base=base,
            native=native_architectures(), abilities=[Abilities(worker="w1")],
        )  # fmt: skip
        codes = {problem.code for problem in errors(check(case))}
        assert attack.refused in codes if attack.refused else not codes, (name, codes)


@pytest.mark.soak
@pytest.mark.parametrize("place", [(EXPLOIT,)], indirect=True, ids=["exploit"])
def test_without_the_sandbox_the_exploit_works(place: Place) -> None:
    """The suite can fail: this is what it looks for."""
    outcome = place.evaluate("off")
    assert place.canary in outcome.opened and outcome.secret in outcome.published
    assert outcome.requests[EXPLOIT].status is Status.FINISHED and outcome.layers == []
