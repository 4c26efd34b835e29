"""The executor that the settings name, and the one that runs jobs in this process."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from backend import Job, JobState, Resources
from backend.evaluators import EVALUATORS, WARM, preload
from backend.executors.debug import DebugExecutor
from backend.executors.local import LocalExecutor
from backend.executors.opening import EXECUTORS, named_executor, open_executor
from backend.workdir import JobOptions, Workdir
from leaderboard.benchmarks.load import load_benchmarks
from leaderboard.errors import BadSettings
from leaderboard.settings import PROJECT, Settings


def test_an_unknown_executor_is_refused_with_the_allowed_ones(tmp_path: Path) -> None:
    for make in (named_executor, open_executor):
        with pytest.raises(
            BadSettings, match=r"PODIUM_EXECUTOR: there is no executor 'moon'. .* local, debug or slurm\."
        ):
            make(Settings(work_dir=tmp_path, executor="moon"))


@pytest.mark.usefixtures("own_logging")
def test_a_worker_with_an_unknown_executor_does_not_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from backend.commands import worker

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    for name, value in {"EXECUTOR": "moon", "BENCHMARKS": "tiny"}.items():
        monkeypatch.setenv(f"PODIUM_{name}", value)
    for name in ("REQUESTS", "RESULTS", "WORK", "SECRETS"):
        monkeypatch.setenv(f"PODIUM_{name}_DIR", str(tmp_path / name))
    assert worker.main() == 2
    assert "PODIUM_EXECUTOR: there is no executor 'moon'" in capsys.readouterr().err


def test_every_executor_is_described() -> None:
    page = (PROJECT / "docs" / "reference.md").read_text()
    assert not [name for name in EXECUTORS if f"| `{name}` |" not in page]
    assert not LocalExecutor.outlives_scheduler and not DebugExecutor.outlives_scheduler


@pytest.mark.parametrize("sandbox", ["auto", "namespaces", "landlock"])
def test_the_debug_executor_runs_nothing_that_should_be_confined(tmp_path: Path, sandbox: str) -> None:
    settings = Settings.model_validate({"work_dir": tmp_path, "executor": "debug", "sandbox": sandbox})
    with pytest.raises(BadSettings, match="Set PODIUM_SANDBOX=off to allow that, or choose PODIUM_EXECUTOR=local"):
        named_executor(settings)


@pytest.fixture
def debug(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> DebugExecutor:
    executor = named_executor(Settings(work_dir=tmp_path, executor="debug", sandbox="off"))
    assert isinstance(executor, DebugExecutor) and "without a sandbox or limits" in caplog.text
    return executor


def submitted(executor: DebugExecutor, folder: Path, kind: str) -> tuple[str, Workdir]:
    workdir = Workdir(folder / kind)
    workdir.prepare(JobOptions(evaluator=f"tests.backend.jobs:{kind}"))
    return executor.submit(Job(kind, workdir.path, Resources())), workdir


def test_a_job_leaves_the_process_as_it_was(debug: DebugExecutor, tmp_path: Path) -> None:
    before = dict(os.environ), Path.cwd(), tempfile.gettempdir(), sys.stdout, sys.breakpointhook
    woken: list[int] = []
    debug.watch(lambda: woken.append(debug.slots()))
    for kind in ("Speak", "Break"):
        handle, workdir = submitted(debug, tmp_path, kind)
        assert debug.slots() == 0 and not (workdir.out / "done").exists(), "it waits for the scheduler's thread"
        assert debug.poll([handle])[handle].state is JobState.ENDED
        assert workdir.done is (kind == "Speak")
    assert before == (dict(os.environ), Path.cwd(), tempfile.gettempdir(), sys.stdout, sys.breakpointhook)
    assert woken == [1, 1]


def test_a_breakpoint_talks_to_the_terminal_and_not_to_the_log(
    debug: DebugExecutor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("print('asked', where)\ncontinue\n"))
    handle, workdir = submitted(debug, tmp_path, "Stop")
    assert debug.poll([handle])[handle].state is JobState.ENDED
    assert workdir.done and "went on" in workdir.log.read_text() and "(Pdb)" not in workdir.log.read_text()
    assert "(Pdb)" in capfd.readouterr().out


def test_a_board_of_uploads_alone_needs_no_torch() -> None:
    tiny = load_benchmarks(PROJECT / "benchmarks", ["tiny"])["tiny"]
    uploads = tiny.model_copy(update={"kinds": ["predictions", "code"]})
    assert preload([uploads]) == ["backend.evaluators.warm_scoring"]
    assert preload([tiny, uploads]) == ["backend.evaluators.warm", "backend.evaluators.warm_scoring"]
    assert WARM.keys() == EVALUATORS.keys()
    shown = "import sys, backend.evaluators.warm_scoring; print(*{'torch', 'lm_eval', 'scipy'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", shown], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["scipy"]
