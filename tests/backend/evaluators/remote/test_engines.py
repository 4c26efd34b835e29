"""Engines in other processes, in real jobs in the sandbox: the same scores as in the job's own process.

There is one processor for every device, and in the place of vLLM a stand-in, in an interpreter of its own.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest

from backend import Job, JobState, Resources, sandbox
from backend.engines import folders_of
from backend.environment import job_environment
from backend.evaluators.opening import NoVllm, open_vllm
from backend.executors.layers import layer_problems
from backend.executors.local import LocalExecutor
from backend.sandbox import Layer, View
from backend.workdir import EngineEnvironment, JobOptions, Workdir
from leaderboard.benchmarks import Benchmark, load_benchmark
from leaderboard.records import Request
from leaderboard.settings import PROJECT, Settings
from tests.contracts.test_executor import until

CHECKPOINT = PROJECT / "checkpoints" / "podium-demo" / "tiny-base" / "1"
STANDIN = "tests.backend.evaluators.remote.standin"
ASKED = Request(id="0" * 16, model="org/model", revision="a" * 40, benchmark="tiny", precision="float32", attempts=1)
OURS = View(read=(PROJECT / "benchmarks", PROJECT / "tests"), memory_bytes=4 * 10**9, processes=1000, sockets=True)


@pytest.fixture(scope="module")
def benchmark() -> Benchmark:
    """Answers that are chosen, and answers that are generated."""
    whole = load_benchmark(PROJECT / "benchmarks" / "tiny.yaml")
    return whole.model_copy(update={"columns": [whole.column("compare"), whole.column("sums")]})


@pytest.fixture(scope="module")
def executor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalExecutor]:
    folder = tmp_path_factory.mktemp("work")
    layers = [layer for layer, problem in layer_problems().items() if not problem]
    made = LocalExecutor(folder, job_environment(Settings(work_dir=folder, device="cpu")), layers, slots=1)
    yield made
    made.close()


@pytest.fixture(scope="module")
def other_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of another environment, which finds our packages by a path file."""
    folder = tmp_path_factory.mktemp("environments") / "vllm"
    venv.create(folder, symlinks=True)
    [packages] = folder.glob("lib/python*/site-packages")
    (packages / "ours.pth").write_text(sysconfig.get_paths()["purelib"])
    return folder / "bin" / "python"


def evaluated(executor: LocalExecutor, folder: Path, benchmark: Benchmark, **options: Any) -> Workdir:
    """The folder of a job that has ended."""
    workdir = Workdir(folder / "jobs" / f"{ASKED.id}-1")
    shutil.copytree(CHECKPOINT, workdir.checkpoint)
    wanted = {"device": "cpu", "batch_size": "8", "limit": 12, "view": OURS, **options}
    evaluator = "backend.evaluators.checkpoint:CheckpointEvaluator"
    workdir.prepare(JobOptions(evaluator=evaluator, **wanted), ASKED, benchmark)
    handle = executor.submit(Job(workdir.name, workdir.path, Resources(memory_bytes=4 * 10**9)))
    until(lambda: executor.poll([handle])[handle].state in (JobState.ENDED, JobState.KILLED), 170)
    return workdir


def answers(results: dict[str, Any]) -> dict[str, Any]:
    return {
        name: {key: value for key, value in task.items() if "," in key} for name, task in results["results"].items()
    }


@pytest.fixture(scope="module")
def alone(executor: LocalExecutor, benchmark: Benchmark, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The result of the job's own process."""
    return evaluated(executor, tmp_path_factory.mktemp("alone"), benchmark).results()


@pytest.mark.soak
def test_two_devices_answer_like_one(
    executor: LocalExecutor, benchmark: Benchmark, alone: dict[str, Any], tmp_path: Path
) -> None:
    workdir = evaluated(executor, tmp_path, benchmark, gpus=2, engine="shared")
    assert workdir.done, workdir.log_tail()
    results = workdir.results()
    assert answers(results) == answers(alone)
    assert results["config"]["model_num_parameters"] == alone["config"]["model_num_parameters"]
    made, before = results["podium"]["provenance"], alone["podium"]["provenance"]
    assert (made["engine"]["devices"], made["engine"]["parallel"]) == (2, "data")
    assert (before["engine"]["devices"], before["engine"]["parallel"]) == (1, "")
    assert made["hardware"] == f"2 x {before['hardware']}"
    assert made["task_hashes"] == before["task_hashes"] and made["command"] == before["command"]
    requests = sum(made["engine"][f"requests_{name}"] for name in ("shared", "stock"))
    assert requests == before["engine"]["requests_stock"], "what both did is added up"
    assert made["processor_seconds"] > 0
    progress = workdir.progress()
    assert progress is not None and progress.done == progress.total == requests


def test_another_environment_answers_for_vllm(
    executor: LocalExecutor, benchmark: Benchmark, alone: dict[str, Any], other_python: Path, tmp_path: Path
) -> None:
    environment = EngineEnvironment(python=["/usr/bin/env", "WHO=me", str(other_python)], maker=f"{STANDIN}:make")
    folders = folders_of(environment.python)
    assert other_python.parent.parent in folders and Path(sys.base_prefix) in folders
    view = View(read=(*OURS.read, *folders), memory_bytes=4 * 10**9, processes=1000, sockets=True)
    workdir = evaluated(executor, tmp_path, benchmark, engine="vllm", environment=environment, view=view)
    assert workdir.done, workdir.log_tail()
    results = workdir.results()
    assert answers(results) == answers(alone)
    account = results["podium"]["provenance"]["engine"]
    assert account["prefix"] == str(other_python.parent.parent) and account["version"] == "stand-in"
    assert account["offline"] == "1" and "fallback" not in account
    assert results["config"]["model"] == "vllm"
    assert "--model vllm" in results["podium"]["provenance"]["command"]
    assert results["podium"]["provenance"]["hardware"] == "a processor elsewhere"


def test_what_the_other_engine_refuses_is_evaluated_all_the_same(
    executor: LocalExecutor, benchmark: Benchmark, alone: dict[str, Any], tmp_path: Path
) -> None:
    environment = EngineEnvironment(python=[sys.executable], maker=f"{STANDIN}:refuse")
    workdir = evaluated(executor, tmp_path, benchmark, engine="vllm", environment=environment)
    assert workdir.done, workdir.log_tail()
    account = workdir.results()["podium"]["provenance"]["engine"]
    assert account["engine"] == "stock" and account["fallback"].startswith("not vLLM: it does not take this checkpoint")
    assert str(workdir.path) not in json.dumps(account) and "not supported for now" in workdir.log_tail()
    assert answers(workdir.results()) == answers(alone)


def test_a_broken_environment_is_our_fault(executor: LocalExecutor, benchmark: Benchmark, tmp_path: Path) -> None:
    environment = EngineEnvironment(python=[sys.executable], maker=f"{STANDIN}:break_down")
    workdir = evaluated(executor, tmp_path, benchmark, engine="vllm", environment=environment)
    failure = workdir.failure()
    assert not workdir.done and failure is not None
    assert (failure.code, failure.fault) == ("job_error", "infrastructure")
    assert "libcudart.so.14" in workdir.log_tail() and "libcudart" not in failure.message


@pytest.mark.parametrize(
    ("environment", "layers", "why"),
    [
        (None, [], "PODIUM_VLLM_PYTHON"),
        (EngineEnvironment(python=["python3"], maker=f"{STANDIN}:make"), [Layer.LANDLOCK], "network"),
    ],
)
def test_where_vllm_is_not_tried(
    environment: EngineEnvironment | None,
    layers: list[Layer],
    why: str,
    benchmark: Benchmark,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sandbox, "_entered", layers)
    options = JobOptions(evaluator="", engine="vllm", environment=environment)
    with pytest.raises(NoVllm, match=why):
        open_vllm(ASKED, benchmark, options, Workdir(tmp_path), ["cuda"])


def test_what_serves_needs_little() -> None:
    """What vLLM's environment has to have beside vLLM and lm-eval."""
    allowed = {
        "pydantic",
        "pydantic_core",
        "yaml",
        "_yaml",
        "annotated_types",
        "typing_extensions",
        "typing_inspection",
        "_distutils_hack",  # a start-up file of setuptools loads it
    }
    script = "import backend.evaluators.remote.serve, backend.evaluators.remote.vllm, sys; print(*sys.modules)"
    answer = subprocess.run([sys.executable, "-c", script], cwd=PROJECT, capture_output=True, text=True, check=True)
    modules = {name.partition(".")[0] for name in answer.stdout.split()}
    assert (modules & packages_distributions().keys()) - allowed - {"backend", "leaderboard"} == set()
