"""Jobs on a real Slurm: they outlive who submitted them, and what happens to the cluster is told apart.

What every executor does is in tests/contracts/test_executor.py, which runs on the same cluster.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import psutil
import pytest

from backend import Job, JobState, JobStatus, Resources
from backend.executors.slurm import executor as slurm_executor
from backend.executors.slurm.cluster import SlurmCluster, SlurmJob, SlurmSilent
from backend.executors.slurm.executor import SlurmExecutor
from backend.executors.slurm.script import batch_script, sbatch_arguments
from backend.executors.slurm.states import HELD, KILLED, RUNNING, WAITING, status_of
from backend.failures import KILLED as KILLED_RULES
from backend.workdir import JobOptions, Workdir
from leaderboard.errors import BadSettings, Infrastructure
from leaderboard.records import Fault
from leaderboard.settings import Settings
from scripts.slurm_cluster import SlurmOnLoopback
from tests.contracts.test_executor import processes, until

NAME = "0123456789abcdef-1"
CALLED = f"podium-{NAME}"
PRELOAD = ["backend.job", "tests.backend.jobs"]
HOSTILE = 'it\'s "a" $(touch oops) `id` %j \\x;&'


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        work_dir=tmp_path / "work", executor="slurm", sandbox="auto", slots=4, hub_endpoint="http://127.0.0.1:9"
    )


def submitted(executor: SlurmExecutor, kind: str, folder: Path, name: str = NAME) -> tuple[str, Workdir]:
    workdir = Workdir(folder / "jobs" / name)
    workdir.prepare(JobOptions(evaluator=f"tests.backend.jobs:{kind}"))
    return executor.submit(Job(name, workdir.path, Resources(wall_seconds=120, memory_bytes=10**9))), workdir


def state(executor: SlurmExecutor, handle: str) -> JobStatus:
    return executor.poll([handle])[handle]


def ended(executor: SlurmExecutor, handle: str, within_s: float = 60) -> JobStatus:
    final = (JobState.ENDED, JobState.KILLED, JobState.UNKNOWN)
    until(lambda: state(executor, handle).state in final, within_s)
    return state(executor, handle)


def test_the_next_process_follows_a_job_that_still_runs(cluster: SlurmOnLoopback, settings: Settings) -> None:
    first = SlurmExecutor.from_settings(settings, PRELOAD)
    handle, workdir = submitted(first, "Wait", settings.work_dir)
    until(lambda: workdir.out.joinpath("waiting.json").exists())
    first.close()
    second = SlurmExecutor.from_settings(settings, PRELOAD)
    assert second.outlives_scheduler and state(second, handle).state is JobState.RUNNING
    assert second.slots() == settings.slots - 1
    second.cancel(handle)
    assert ended(second, handle) == (JobState.KILLED, "cancelled")
    until(lambda: not processes(workdir, 1))


def test_a_job_that_ended_while_nobody_looked_is_not_lost(cluster: SlurmOnLoopback, settings: Settings) -> None:
    handle, workdir = submitted(SlurmExecutor.from_settings(settings, PRELOAD), "Speak", settings.work_dir)
    until(lambda: workdir.ended())
    second = SlurmExecutor.from_settings(settings, PRELOAD)
    assert state(second, handle) == (JobState.ENDED, "") and workdir.done
    assert "said by a child" in second.logs(handle)


def saved_state(cluster: SlurmOnLoopback) -> bytes:
    """What the controller saved of its jobs; it removes the old file before it links the new one."""
    try:
        return (cluster.folder / "state" / "job_state").read_bytes()
    except FileNotFoundError:
        return b""


def test_a_job_runs_on_while_the_controller_is_away(cluster: SlurmOnLoopback, settings: Settings) -> None:
    executor = SlurmExecutor.from_settings(settings, PRELOAD)
    name = NAME.replace("0", "9")  # of its own: seen in the saved state it means that this job's number is saved
    handle, workdir = submitted(executor, "Wait", settings.work_dir, name)
    until(lambda: workdir.out.joinpath("waiting.json").exists())
    until(lambda: state(executor, handle).state is JobState.RUNNING)
    until(lambda: name.encode() in saved_state(cluster))
    cluster.kill("slurmctld")
    try:
        assert state(executor, handle).state is JobState.RUNNING
        with pytest.raises(SlurmSilent, match="sbatch failed"):
            submitted(executor, "Speak", settings.work_dir, NAME.replace("-1", "-2"))
        executor.cancel(handle)
        assert ended(executor, handle) == (JobState.KILLED, "cancelled")
        until(lambda: not processes(workdir, 1))
    finally:
        cluster.start_controller()
        until(cluster.answers)


def test_a_job_that_slurm_forgot_is_lost_and_ends(cluster: SlurmOnLoopback, settings: Settings) -> None:
    handle = f"slurm-999999-{NAME}"
    executor = SlurmExecutor.from_settings(settings, PRELOAD)
    assert state(executor, handle).state is JobState.UNKNOWN


def test_a_job_that_no_node_can_run_is_not_waited_for(
    cluster: SlurmOnLoopback, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slurm_executor, "UNFIT_S", 1.0)
    executor = SlurmExecutor.from_settings(settings, PRELOAD)
    workdir = Workdir(settings.work_dir / "jobs" / NAME)
    workdir.prepare(JobOptions(evaluator="tests.backend.jobs:Speak"))
    handle = executor.submit(Job(NAME, workdir.path, Resources(cpus=64, memory_bytes=10**9)))
    assert ended(executor, handle) == (JobState.KILLED, "no_node_fits")
    assert until(lambda: handle.split("-")[1] not in {job.id for job in SlurmCluster().jobs() if job.state in WAITING})
    assert "has what a job of this size asks for" in KILLED_RULES["no_node_fits"].message


def test_a_job_that_nobody_follows_ends_by_itself(
    cluster: SlurmOnLoopback, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when a scheduler is killed between sbatch and noting its answer, and later gives the request up."""
    executor = SlurmExecutor.from_settings(settings, PRELOAD)
    _, workdir = submitted(executor, "Wait", settings.work_dir)
    until(lambda: processes(workdir, 3))
    workdir.settle()
    assert until(lambda: not processes(workdir, 1))


def test_what_an_earlier_process_queued_for_a_folder_is_ended_before_the_next_job(
    cluster: SlurmOnLoopback, settings: Settings
) -> None:
    """As the trial job of a worker that was killed: it would keep a node from the others."""
    first = SlurmExecutor.from_settings(settings, PRELOAD)
    handle, workdir = submitted(first, "Wait", settings.work_dir)
    until(lambda: workdir.out.joinpath("waiting.json").exists())
    second = SlurmExecutor.from_settings(settings, PRELOAD)
    following, _ = submitted(second, "Speak", settings.work_dir)
    states = {job.id: job.state for job in SlurmCluster().jobs()}
    assert states[handle.split("-")[1]] in {"CANCELLED", "COMPLETING"}
    assert ended(second, following).state is JobState.ENDED and workdir.done


def test_a_node_that_lost_touch_ends_its_job_when_another_has_taken_it_up(
    cluster: SlurmOnLoopback, settings: Settings
) -> None:
    executor = SlurmExecutor.from_settings(settings, PRELOAD)
    _, workdir = submitted(executor, "Wait", settings.work_dir)
    until(lambda: processes(workdir, 3))
    assert workdir.start() == 0
    workdir.set_start(1)
    until(lambda: not processes(workdir, 1))


def test_a_node_s_daemon_that_is_killed_loses_no_job(cluster: SlurmOnLoopback, settings: Settings) -> None:
    executor = SlurmExecutor.from_settings(settings, PRELOAD)
    handle, workdir = submitted(executor, "Wait", settings.work_dir)
    until(lambda: workdir.out.joinpath("waiting.json").exists())
    node = subprocess.run(
        ["squeue", "-h", "-o", "%N", "-j", handle.split("-")[1]], capture_output=True, text=True, check=True
    ).stdout.strip()
    cluster.kill(node)
    cluster.start_node(node)
    assert state(executor, handle).state is JobState.RUNNING
    executor.cancel(handle)
    assert ended(executor, handle).state is JobState.KILLED


def test_the_watcher_s_death_is_not_the_submission_s_fault(cluster: SlurmOnLoopback, settings: Settings) -> None:
    executor = SlurmExecutor.from_settings(settings.model_copy(update={"slurm_requeue": False}), PRELOAD)
    handle, workdir = submitted(executor, "Wait", settings.work_dir)
    until(lambda: processes(workdir, 3))
    for process in psutil.process_iter(["cmdline"]):
        if process.info["cmdline"] and process.info["cmdline"][-2:] == [slurm_node(), str(workdir.path)]:
            process.kill()
    status = ended(executor, handle)
    assert status.state is JobState.ENDED and not workdir.done and workdir.failure() is None
    until(lambda: not processes(workdir, 1))


def slurm_node() -> str:
    return "backend.executors.slurm.node"


def test_a_pre_empted_job_starts_again_in_an_empty_folder(cluster: SlurmOnLoopback, settings: Settings) -> None:
    executor = SlurmExecutor.from_settings(settings, PRELOAD)
    pair = [submitted(executor, "Wait", settings.work_dir, f"{number:016x}-1") for number in range(2)]
    for _, workdir in pair:
        until(lambda: workdir.out.joinpath("waiting.json").exists())  # noqa: B023
        (workdir.out / "old").touch()
    urgent = [
        SlurmCluster().submit(
            "#!/bin/bash\nsleep 3\n", ["--job-name=urgent", "--partition=urgent", "--exclusive", "--output=/dev/null"]
        )
        for _ in range(2)
    ]
    until(lambda: {state(executor, handle).state for handle, _ in pair} == {JobState.QUEUED})
    for number in urgent:
        SlurmCluster().cancel(number, "urgent")
    for handle, workdir in pair:
        until(lambda: workdir.out.joinpath("waiting.json").exists() and not (workdir.out / "old").exists())  # noqa: B023
        executor.cancel(handle)
        assert ended(executor, handle) == (JobState.KILLED, "cancelled")


def test_nothing_in_a_name_or_a_path_reaches_a_shell(
    cluster: SlurmOnLoopback, settings: Settings, tmp_path: Path
) -> None:
    place = settings.model_copy(update={"work_dir": tmp_path / HOSTILE})
    executor = SlurmExecutor.from_settings(place, PRELOAD)
    handle, workdir = submitted(executor, "Speak", place.work_dir)
    assert ended(executor, handle) == (JobState.ENDED, "") and workdir.done
    assert "said on standard output" in workdir.log_tail()
    assert not list(tmp_path.rglob("oops"))


def test_the_prologue_runs_before_the_job_and_its_failure_is_in_the_log(
    cluster: SlurmOnLoopback, settings: Settings, tmp_path: Path
) -> None:
    prologue = tmp_path / "prologue.sh"
    prologue.write_text("echo modules are loaded\nmodule load nothing || exit 7\n")
    executor = SlurmExecutor.from_settings(settings.model_copy(update={"slurm_prologue": prologue}), PRELOAD)
    handle, workdir = submitted(executor, "Speak", settings.work_dir)
    assert ended(executor, handle).state is JobState.ENDED and not workdir.done
    assert "modules are loaded" in executor.logs(handle) and "module" in executor.logs(handle)


# --- without a cluster


def test_every_argument_of_a_job_is_the_operator_s_or_a_number(tmp_path: Path) -> None:
    settings = Settings(
        slurm_partition="gpu", slurm_account="lab", slurm_qos="long", slurm_constraint="a100|h100",
        slurm_gres="gpu:a100:{gpus}", slurm_arguments="--nice=100 --comment='two words'", slurm_requeue=False,
    )  # fmt: skip
    resources = Resources(gpus=2, cpus=16, memory_bytes=64 * 10**9, wall_seconds=3600)
    assert sbatch_arguments(Job(NAME, tmp_path, resources), settings) == [
        f"--job-name=podium-{NAME}", "--nodes=1", "--ntasks=1", "--export=NIL", "--input=/dev/null",
        "--output=/dev/null", "--chdir=/", "--no-requeue",
        "--cpus-per-task=16", "--time=62", "--mem=62943M", "--gres=gpu:a100:2", "--partition=gpu", "--account=lab",
        "--qos=long", "--constraint=a100|h100", "--nice=100", "--comment=two words",
    ]  # fmt: skip


def test_the_script_is_the_prologue_and_one_command() -> None:
    python = ["apptainer", "exec", "p.sif", "python3"]
    lines = batch_script(Workdir(Path("/shared/a b")), python, "module load cuda\n").splitlines()
    assert lines[:3] == ["#!/bin/bash", "exec >>'/shared/a b/log.txt' 2>&1", "module load cuda"]
    assert lines[3].startswith("cd ")
    assert lines[4:] == ["exec apptainer exec p.sif python3 -m backend.executors.slurm.node '/shared/a b'"]


def test_a_machine_without_slurm_says_so(settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BadSettings, match="PODIUM_EXECUTOR=slurm: squeue is not installed here"):
        SlurmExecutor.from_settings(settings)


def test_a_controller_that_is_silent_hinders_no_start(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Its jobs may run on, and are to be taken up before their leases have run out."""
    squeue = tmp_path / "squeue"
    squeue.write_text("#!/bin/sh\necho Unable to contact slurm controller >&2\nexit 1\n")
    squeue.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert SlurmExecutor.from_settings(settings).slots() == settings.slots
    assert "no job is started until it does: squeue failed: Unable to contact slurm controller" in caplog.text


def test_slurm_s_programs_do_not_see_our_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("sbatch", "squeue"):
        (tmp_path / name).write_text(f"#!/bin/sh\n/usr/bin/env > {tmp_path}/{name}.env\necho 7\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    assert SlurmCluster().submit("#!/bin/bash\n", []) == "7"
    SlurmCluster().jobs()
    for name in ("sbatch", "squeue"):
        assert "hf_secret" not in (tmp_path / f"{name}.env").read_text()
    assert os.environ["HF_TOKEN"] == "hf_secret"


class Silent(SlurmCluster):
    """A controller that lists what it is told to, and accounts for what it is told to."""

    def __init__(self) -> None:
        self.listed: list[SlurmJob] = []
        self.remembered: list[SlurmJob] = []
        self.cancelled: list[tuple[str, str]] = []

    def submit(self, script: str, arguments: object) -> str:
        self.listed = [SlurmJob("1", CALLED, "PENDING", "Resources")]
        return "1"

    def jobs(self) -> list[SlurmJob]:
        return self.listed

    def accounted(self, ids: object) -> list[SlurmJob]:
        return self.remembered

    def cancel(self, job: str, name: str) -> None:
        self.cancelled.append((job, name))


@pytest.fixture
def told(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> tuple[SlurmExecutor, Silent, str, Workdir]:
    monkeypatch.setattr(slurm_executor, "LOOK_S", 0.0)
    cluster = Silent()
    executor = SlurmExecutor(settings, cluster, PRELOAD)
    return executor, cluster, *submitted(executor, "Speak", settings.work_dir)


def test_a_job_that_waits_says_why(told: tuple[SlurmExecutor, Silent, str, Workdir]) -> None:
    executor, _, handle, workdir = told
    assert state(executor, handle) == (JobState.QUEUED, "Resources")
    progress = workdir.progress()
    assert progress is not None and progress.task == "waiting for a node of the cluster"


@pytest.mark.parametrize("reason", sorted(HELD))
def test_a_job_that_nodes_failed_to_start_is_not_waited_for(
    told: tuple[SlurmExecutor, Silent, str, Workdir], reason: str
) -> None:
    executor, cluster, handle, _ = told
    cluster.listed = [SlurmJob("1", CALLED, "PENDING", reason)]
    assert state(executor, handle) == (JobState.KILLED, "node_lost")
    assert cluster.cancelled == [("1", CALLED)]


def test_accounting_is_asked_about_what_the_controller_forgot(told: tuple[SlurmExecutor, Silent, str, Workdir]) -> None:
    executor, cluster, handle, _ = told
    cluster.listed, cluster.remembered = [], [SlurmJob("1", CALLED, "TIMEOUT")]
    assert state(executor, handle) == (JobState.KILLED, "wall_limit")


def test_a_number_that_was_given_again_is_another_job(told: tuple[SlurmExecutor, Silent, str, Workdir]) -> None:
    """A controller that is killed before it saved its state counts from where it last did."""
    executor, cluster, handle, _ = told
    cluster.listed = [SlurmJob("1", "podium-fedcba9876543210-1", "RUNNING")]
    assert state(executor, handle).state is JobState.UNKNOWN


def test_the_word_of_a_completed_job_may_come_late(
    told: tuple[SlurmExecutor, Silent, str, Workdir], monkeypatch: pytest.MonkeyPatch
) -> None:
    executor, cluster, handle, workdir = told
    cluster.listed = [SlurmJob("1", CALLED, "COMPLETED")]
    assert state(executor, handle).state is JobState.RUNNING
    workdir.set_ended(JobStatus(JobState.KILLED, "memory_limit"))
    assert state(executor, handle) == (JobState.KILLED, "memory_limit")


def test_a_word_that_never_comes_is_not_waited_for_forever(
    told: tuple[SlurmExecutor, Silent, str, Workdir], monkeypatch: pytest.MonkeyPatch
) -> None:
    executor, cluster, handle, _ = told
    cluster.listed = [SlurmJob("1", CALLED, "COMPLETED")]
    assert state(executor, handle).state is JobState.RUNNING
    monkeypatch.setattr(slurm_executor, "LATE_S", 0.0)
    assert state(executor, handle).state is JobState.ENDED


def test_every_way_to_be_killed_has_its_sentence() -> None:
    for word, reason in KILLED.items():
        assert status_of(SlurmJob("1", CALLED, word)) == (JobState.KILLED, reason)
        assert reason in KILLED_RULES
    assert {KILLED_RULES[reason].fault for reason in ("node_lost", "preempted")} == {Fault.INFRASTRUCTURE}
    assert not WAITING & RUNNING and not (WAITING | RUNNING) & KILLED.keys()
    assert status_of(SlurmJob("1", CALLED, "FAILED")).state is JobState.ENDED
    assert issubclass(SlurmSilent, Infrastructure)
