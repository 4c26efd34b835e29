"""Each failure code, provoked through the queue by what causes it in practice; the page shows its sentence."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

import localhub
from backend.failures import CODES, JobFailed, classify
from backend.workdir import JobOptions, Workdir
from leaderboard.benchmarks import load_benchmark
from leaderboard.documents import request as request_page
from leaderboard.documents.visit import Visit
from leaderboard.queue.queue import Queue
from leaderboard.records import ENDED, Fault, Request, Status
from leaderboard.service import open_service
from leaderboard.settings import PROJECT, Settings
from leaderboard.stores.local import LocalStore
from localhub import Fault as HubFault
from localhub.names import Kind
from scripts.seed_hub import seed
from tests.contracts.test_executor import processes, until

DEMO = PROJECT / "checkpoints" / "podium-demo"
TINY = PROJECT / "benchmarks" / "tiny.yaml"
BUNDLES = "tests/backend/evaluators/bundle_run/test_bundle_run.py"
CODE = "tests/backend/evaluators/code/"
ELSEWHERE = {
    "code_answers": CODE + "test_pairs.py",
    "code_calls": CODE + "test_items.py",
    "code_import": CODE + "test_items.py",
    "code_predict": CODE + "test_pairs.py",
    "code_setup": CODE + "test_items.py",
    "code_train": CODE + "test_pairs.py",
    "bad_archive": BUNDLES,
    "bundle_broken": BUNDLES,
    "image_unavailable": BUNDLES,
    "ingestion_failed": BUNDLES,
    "no_sandbox": BUNDLES,
    "no_scores": BUNDLES,
    "output_refused": BUNDLES,
    "output_too_large": BUNDLES,
    "scoring_failed": BUNDLES,
    "cancelled": "tests/backend/scheduler/test_cancelling.py",
    "disk_full": "tests/backend/scheduler/test_worker_trouble.py",
    "disk_limit": "tests/backend/test_sandbox.py",
    "endpoint_address": "tests/backend/relay/test_faults.py",
    "endpoint_busy": "tests/backend/relay/test_faults.py",
    "endpoint_columns": "tests/backend/evaluators/test_hosted.py",
    "endpoint_cost_cap": "tests/backend/relay/test_faults.py",
    "endpoint_garbage": "tests/backend/relay/test_faults.py",
    "endpoint_key_refused": "tests/backend/relay/test_faults.py",
    "endpoint_network": "tests/backend/relay/test_faults.py",
    "endpoint_not_found": "tests/backend/relay/test_faults.py",
    "endpoint_redirect": "tests/backend/relay/test_faults.py",
    "endpoint_rejected": "tests/backend/relay/test_faults.py",
    "endpoint_relay": "tests/backend/evaluators/test_hosted.py",
    "endpoint_secret": "tests/backend/evaluators/test_hosted.py",
    "endpoint_server_error": "tests/backend/relay/test_faults.py",
    "endpoint_timeout": "tests/backend/relay/test_faults.py",
    "endpoint_tls": "tests/backend/relay/test_faults.py",
    "endpoint_unreachable": "tests/backend/relay/test_faults.py",
    "job_error": "tests/backend/evaluators/remote/test_engines.py",
    "no_node_fits": "tests/backend/executors/test_slurm.py",
    "node_lost": "tests/backend/executors/test_slurm.py",
    "not_started": "tests/backend/executors/test_staging.py",
    "preempted": "tests/backend/executors/test_slurm.py",
    "predictions_refused": "tests/backend/evaluators/test_predictions.py",
    "process_limit": "tests/backend/test_sandbox.py",
    "score_undefined": "tests/backend/evaluators/test_predictions.py",
    "unpublished": "tests/backend/scheduler/test_tick.py",
    "worker_lost": "tests/backend/test_service.py",
    "worker_stopped": "tests/backend/test_service.py",
}
"""Codes whose cause takes a machine of its own, and where it is provoked."""
Files = dict[str, bytes]


class Cause(NamedTuple):
    """A checkpoint of the demo, what is wrong with it, and what the submitter says of it."""

    source: str = "tiny-base"
    change: Callable[[Files], None] = lambda files: None
    answers: dict[str, Any] = {}  # noqa: RUF012 - never changed


def config(**values: object) -> Callable[[Files], None]:
    def change(files: Files) -> None:
        files["config.json"] = json.dumps(json.loads(files["config.json"]) | values).encode()

    return change


def template(text: str) -> Callable[[Files], None]:
    return lambda files: files.update({"chat_template.jinja": text.encode()})


def weights(change: Callable[[dict[str, Any]], None]) -> Callable[[Files], None]:
    def changed(files: Files) -> None:
        from safetensors.torch import load, save

        tensors = load(files["model.safetensors"])
        change(tensors)
        files["model.safetensors"] = save(tensors, metadata={"format": "pt"})

    return changed


def drop_a_layer(tensors: dict[str, Any]) -> None:
    for name in [name for name in tensors if "layers.1.mlp" in name]:
        del tensors[name]


def fill_with_nan(tensors: dict[str, Any]) -> None:
    for tensor in tensors.values():
        tensor.fill_(float("nan"))


def keep_four_tokens(tensors: dict[str, Any]) -> None:
    for name in ("model.embed_tokens.weight", "lm_head.weight"):
        if name in tensors:
            tensors[name] = tensors[name][:4].clone()


def cut_the_vocabulary(files: Files) -> None:
    weights(keep_four_tokens)(files)
    config(vocab_size=4)(files)


CHAT = {"use_chat_template": True}
BASE = {"base_model": "podium-demo/tiny-base"}
CAUSES = {
    "adapter_unloadable": Cause(answers={"weight_type": "Adapter", **BASE}),
    "auto_map": Cause(change=config(auto_map={"AutoConfig": "own.Config"})),
    "chat_template_error": Cause("tiny-chat", template("{{ 1 // 0 }}"), CHAT),
    "checkpoint_unreadable": Cause("truncated"),
    "config_unreadable": Cause(change=config(model_type="no-such-type")),
    "delta_mismatch": Cause(change=config(num_hidden_layers=1), answers={"weight_type": "Delta", **BASE}),
    "generation_too_long": Cause(change=config(max_position_embeddings=8)),
    "implementation_unavailable": Cause(change=config(attn_implementation="fast")),
    "not_a_number": Cause(change=weights(fill_with_nan)),
    "out_of_memory": Cause("tiny-chat", template("{% set x = 'a' * 10 ** 11 %}{{ x }}"), CHAT),
    "package_missing": Cause(change=config(quantization_config={"quant_method": "hqq"})),
    "precision_mismatch": Cause(change=config(quantization_config={"quant_method": "gptq", "bits": 4})),
    "quantisation_unloadable": Cause(change=config(quantization_config={"quant_method": "mystery"})),
    "tokenizer_unloadable": Cause("no-tokenizer"),
    "tokenizer_unusable": Cause(change=cut_the_vocabulary),
    "wall_limit": Cause(
        "tiny-chat",
        template("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"),
        CHAT,
    ),
    "weights_missing": Cause(change=weights(drop_a_layer)),
}
"""What submissions do wrong."""


class Site:
    """A Hub, a store, and a worker's process whose jobs have little time and memory."""

    def __init__(self, folder: Path, hub: localhub.Running, commits: dict[str, list[str]]) -> None:
        self.folder = folder
        self.hub = hub
        self.commits = commits
        places = {f"{name}_dir": folder / name for name in ("requests", "results", "work", "benchmarks")}
        self.service = open_service(Settings.model_validate({**places, "hub_endpoint": hub.endpoint}))
        self.queue: Queue = Queue(LocalStore(folder / "requests"))
        environment = {
            "PATH": os.defpath, "HF_ENDPOINT": hub.endpoint, "PODIUM_WORKER": "w1", "PODIUM_BACKOFF_S": "1",
            "PODIUM_TICK_S": "0.5", "PODIUM_DEVICE": "cpu", "PODIUM_MAX_ATTEMPTS": "2", "PODIUM_SLOTS": "2",
            "PODIUM_JOB_MEMORY_GB": "4", "PODIUM_JOB_WALL_S": "40", "OMP_NUM_THREADS": "1",
            **{f"PODIUM_{name.upper()}": str(place) for name, place in places.items()},
        }  # fmt: skip
        self._log = (folder / "worker.log").open("ab")
        self.worker = subprocess.Popen(
            [sys.executable, "-m", "backend"], env=environment, cwd=PROJECT, stdout=self._log, stderr=self._log
        )

    def close(self) -> None:
        self.worker.terminate()
        self.worker.wait(60)
        self._log.close()

    def submit(self, name: str, cause: Cause, benchmark: str = "tiny", gone: bool = False) -> Request:
        """As somebody does who gets past the checks of the form: these look at other things, or later."""
        [place, *_] = sorted((DEMO / cause.source).iterdir())
        files = {file.name: file.read_bytes() for file in place.iterdir() if file.is_file()}
        cause.change(files)
        answers = dict(cause.answers)
        if "base_model" in answers:
            answers["base_revision"] = self.commits[answers["base_model"]][-1]
        fixed = {"model": f"lab/{name}", "benchmark": benchmark, "precision": "float32"}
        commit = self.hub.hub.commit(f"lab/{name}", files)
        if gone:
            self.hub.hub.repos.delete(self.hub.hub.repos.get(Kind.MODEL, f"lab/{name}"))
        return self.queue.submit(Request.model_validate({**fixed, "revision": commit, **answers}))

    def failure(self, request: Request, ended: bool = True) -> tuple[str, str]:
        """The code and the sentence with which a request ended, or with which it is tried again."""

        def now() -> Request | None:
            current = self.queue.get(request.id)
            return current if (current.status in ENDED if ended else current.failure) else None

        failure = until(now, 170).failure
        assert failure is not None, "it finished"
        assert (failure.fault is Fault.SUBMISSION) == (failure.code in {*CAUSES, "model_gone"}), failure
        return failure.code, failure.message

    def page(self, request: Request) -> str:
        """What the request's page says, as text."""
        drawn = request_page.draw(self.service, Visit((request.id,)))
        return " ".join(unescape(re.sub(r"<[^>]+>", "", drawn)).split())


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("failures")
    commits = seed(folder / "hub")
    (folder / "benchmarks").mkdir()
    shutil.copytree(PROJECT / "benchmarks" / "tasks", folder / "benchmarks" / "tasks")
    tiny = yaml.safe_load(TINY.read_text())
    (folder / "benchmarks" / "tiny.yaml").write_text(yaml.safe_dump(tiny))
    [column] = [column for column in tiny["columns"] if column["key"] == "compare"]
    elsewhere = {
        **tiny, "id": "elsewhere", "title": "Data elsewhere", "harness": {"include_path": "own"}, "columns": [column],
    }  # fmt: skip
    (folder / "benchmarks" / "elsewhere.yaml").write_text(yaml.safe_dump(elsewhere))
    (folder / "benchmarks" / "own").mkdir()
    task = {
        "task": "tiny_compare", "dataset_path": "nobody/nothing", "output_type": "multiple_choice",
        "test_split": "test", "doc_to_text": "{{question}}", "doc_to_choice": "{{choices}}", "doc_to_target": "answer",
        "metric_list": [{"metric": "acc"}],
    }  # fmt: skip
    (folder / "benchmarks" / "own" / "compare.yaml").write_text(yaml.safe_dump(task))
    with localhub.running(folder / "hub") as hub:
        made = Site(folder, hub, commits)
        yield made
        made.close()


def test_every_code_has_a_cause_that_provokes_it() -> None:
    ours = {"benchmark_data", "hub_unavailable", "job_crashed", "model_gone", "precision_impossible"}
    assert CAUSES.keys() | ELSEWHERE.keys() | ours == CODES
    for code, file in ELSEWHERE.items():
        assert code in (PROJECT / file).read_text(), f"{file} says nothing of {code}"


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_what_submissions_do_wrong(site: Site) -> None:
    requests = {code: site.submit(code, cause) for code, cause in CAUSES.items()}
    outcomes = {code: site.failure(request) for code, request in requests.items()}
    assert {code: outcome[0] for code, outcome in outcomes.items()} == {code: code for code in CAUSES}
    for code, (_, sentence) in outcomes.items():
        page = site.page(requests[code])
        assert " ".join(sentence.split()) in page and "problem in the submission" in page, code
        assert site.queue.get(requests[code].id).attempts == 1, code


@pytest.mark.soak
@pytest.mark.timeout(300)
def test_a_model_that_was_deleted_after_it_was_submitted(site: Site) -> None:
    request = site.submit("gone", Cause(), gone=True)
    code, sentence = site.failure(request)
    assert code == "model_gone" and sentence in site.page(request)


@pytest.mark.soak
@pytest.mark.timeout(300)
def test_what_is_our_fault_is_tried_again_and_finished_without_anybody(site: Site) -> None:
    site.hub.faults.set([HubFault("503", path="lab/unreachable")])
    unreachable = site.submit("unreachable", Cause())
    code, sentence = site.failure(unreachable, ended=False)
    site.hub.faults.set([])
    assert code == "hub_unavailable" and sentence in site.page(unreachable)

    crashing = site.submit("crashing", Cause())
    first_run = Workdir(site.folder / "work" / "jobs" / f"{crashing.id}-1")
    for pid in until(lambda: processes(first_run, 1), 120):
        os.kill(pid, signal.SIGKILL)
    code, sentence = site.failure(crashing, ended=False)
    assert code == "job_crashed" and sentence in site.page(crashing)

    for request in (unreachable, crashing):
        until(lambda: site.queue.get(request.id).status in ENDED, 170)  # noqa: B023
        ended = site.queue.get(request.id)
        assert ended.status is Status.FINISHED and ended.attempts >= 2


@pytest.mark.soak
@pytest.mark.timeout(300)
def test_a_benchmark_whose_data_is_gone_is_our_fault(site: Site) -> None:
    request = site.submit("innocent", Cause(), benchmark="elsewhere")
    code, sentence = site.failure(request, ended=False)
    assert code == "benchmark_data" and sentence in site.page(request)


def test_a_precision_that_the_worker_cannot_load(tmp_path: Path) -> None:
    """No worker claims such a request; one that has lost a package since meets it in the job."""
    from backend.evaluators.harness import evaluate

    workdir = Workdir(tmp_path / "jobs" / "0123456789abcdef-1")
    request = Request(model="lab/small", revision="0" * 40, benchmark="tiny", precision="4bit")
    workdir.prepare(JobOptions(evaluator="harness", device="cpu"), request, load_benchmark(TINY))
    with pytest.raises(JobFailed) as caught:
        evaluate(workdir.path)
    assert classify(caught.value, workdir).code == "precision_impossible"
