"""What a job is told: its engine, its accelerators, and what it may see for them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from backend.engines import engine_for, vllm_of
from backend.sandbox import View
from backend.scheduler import launch
from backend.scheduler.launch import TRIAL_S, Launcher
from backend.workdir import JobOptions, Workdir
from leaderboard.benchmarks import Benchmark, load_benchmark
from leaderboard.errors import BadSettings
from leaderboard.records import Request
from leaderboard.settings import PROJECT, Settings

ASKED = Request(id="0" * 16, model="org/model", revision="a" * 40, benchmark="tiny", params=7.0, attempts=1)


def benchmark(engine: str | None) -> Benchmark:
    whole = load_benchmark(PROJECT / "benchmarks" / "tiny.yaml")
    return whole.model_copy(update={"harness": whole.harness.model_copy(update={"engine": engine})})


def told(folder: Path, own: str | None = None, rows: str = "", **settings: Any) -> JobOptions:
    """What job.json says of a job of a 7B model, the benchmark and the table of sizes naming their engines."""
    if rows:
        (folder / "sizes.yaml").write_text(rows)
        settings["sizes_file"] = folder / "sizes.yaml"
    chosen = Settings(work_dir=folder / "work", hub_endpoint="http://127.0.0.1:9", **settings)
    launcher = Launcher(chosen, {"tiny": benchmark(own)}, folder / "jobs")
    launcher.prepare(ASKED)
    return launcher.workdir(ASKED).options()


@pytest.mark.parametrize(
    ("own", "row", "setting", "engine"),
    [
        ("vllm", "stock", "shared", "vllm"),
        (None, "stock", "shared", "stock"),
        (None, None, "shared", "shared"),
        ("shared", "vllm", "stock", "shared"),
    ],
)
def test_the_benchmark_comes_first_then_the_size_then_the_setting(
    own: str | None, row: Any, setting: Any, engine: str, tmp_path: Path
) -> None:
    assert engine_for(benchmark(own), row, Settings(engine=setting)) == engine
    rows = f"- {{memory_gb: 20, hours: 1{f', engine: {row}' if row else ''}}}"
    assert told(tmp_path, own, rows, engine=setting).engine == engine


def test_a_job_knows_its_accelerators(tmp_path: Path) -> None:
    rows = "- {gpus: 4, memory_gb: 20, hours: 1}"
    options = told(tmp_path, rows=rows, device="cuda")
    assert (options.gpus, options.view.gpu) == (4, True)
    assert options.view.processes == 5 * View.processes, "each accelerator's process has many threads"
    assert (options.view.sockets, options.view.shared_memory_bytes) == (False, View.shared_memory_bytes)
    assert told(tmp_path, rows=rows, device="cpu").gpus == 0


def test_the_trial_job_asks_for_what_the_smallest_job_gets(tmp_path: Path) -> None:
    """Without an accelerator it would find none, and a cluster's default may be a whole node's memory."""
    launcher = Launcher(Settings(work_dir=tmp_path, executor="slurm"), {}, tmp_path / "jobs")
    job = launcher.prepare_trial(Workdir(tmp_path / "abilities"))
    assert job.resources == (1, 4, 32_000_000_000, TRIAL_S) and Workdir(job.workdir).options().gpus == 1


def test_only_a_job_of_vllm_sees_its_environment(tmp_path: Path) -> None:
    rows = "- {gpus: 2, memory_gb: 20, hours: 1, engine: vllm}"
    options = told(tmp_path, rows=rows, device="cuda", vllm_python=sys.executable)
    assert options.environment is not None and options.environment.python == [sys.executable]
    assert options.environment.maker == "backend.evaluators.remote.vllm:make"
    assert {Path(sys.prefix), Path(sys.base_prefix)} <= set(options.view.read)
    assert (options.view.sockets, options.view.shared_memory_bytes) == (True, 2 << 30)
    other = told(tmp_path, rows="- {memory_gb: 20, hours: 1}", device="cuda", vllm_python=sys.executable)
    assert other.environment is None and not other.view.sockets and Path(sys.prefix) not in other.view.read


def test_definitions_of_tasks_are_read_at_the_first_job_of_their_benchmark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []

    def noting(tasks: Path) -> list[Path]:
        read.append(tasks)
        return [tmp_path]

    monkeypatch.setattr(launch, "outside_places", noting)
    launcher = Launcher(Settings(work_dir=tmp_path / "work"), {"tiny": benchmark(None)}, tmp_path / "jobs")
    for attempt in (1, 2):
        request = ASKED.model_copy(update={"attempts": attempt})
        launcher.prepare(request)
        assert tmp_path in launcher.workdir(request).options().view.read
    assert read == [benchmark(None).include_path]


def test_a_benchmark_that_wants_vllm_where_there_is_none_is_run_all_the_same(tmp_path: Path) -> None:
    options = told(tmp_path, "vllm", device="cuda")
    assert (options.engine, options.environment) == ("vllm", None), "the job says why vLLM does not answer"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"engine": "vllm"}, "PODIUM_ENGINE=vllm needs PODIUM_VLLM_PYTHON"),
        ({"vllm_python": "/nowhere/bin/python"}, "/nowhere/bin/python does not start a Python interpreter"),
        ({"vllm_python": "/bin/true"}, "/bin/true does not start a Python interpreter"),
        ({"vllm_python": "/bin/false"}, "/bin/false does not start a Python interpreter"),
    ],
)
def test_an_environment_that_does_not_start_is_a_wrong_setting(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(BadSettings, match=words):
        vllm_of(Settings(**settings))


def test_without_settings_there_is_no_vllm() -> None:
    assert vllm_of(Settings()) is None
