"""The sandbox held against code that has taken over a job, with both layers and with each alone."""

from __future__ import annotations

import ctypes
import dataclasses
import json
import secrets
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backend import Job, JobState, Resources
from backend.environment import job_environment
from backend.executors.layers import layer_problems, sandbox_layers
from backend.executors.local import LocalExecutor
from backend.failures import ended, rule_of
from backend.sandbox import Layer, View
from backend.sandbox.limits import Cgroup, controllers
from backend.workdir import JobOptions, Workdir
from leaderboard.errors import BadSettings, Unreadable
from leaderboard.records import Request
from leaderboard.settings import PROJECT, Settings
from tests.backend.observer import Observer
from tests.contracts.test_executor import PRELOAD, until

LAYERS = {"both": list(Layer), "namespaces": [Layer.NAMESPACES], "landlock": [Layer.LANDLOCK]}
LIBC = ctypes.CDLL(None, use_errno=True)
MEGABYTE = 10**6


@pytest.fixture(scope="module", params=LAYERS)
def layers(request: pytest.FixtureRequest) -> list[Layer]:
    chosen = LAYERS[request.param]
    if missing := {layer: why for layer, why in layer_problems().items() if layer in chosen and why}:
        pytest.skip(f"this machine cannot confine jobs with {missing}")
    return chosen


@pytest.fixture(scope="module")
def executor(layers: list[Layer], tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalExecutor]:
    folder = tmp_path_factory.mktemp("work")
    preload = [*PRELOAD, "tests.backend.probes", "tests.backend.bombs"]
    made = LocalExecutor(folder, job_environment(Settings(work_dir=folder)), layers, slots=2, preload=preload)
    yield made
    made.close()


def job(executor: LocalExecutor, folder: Path, kind: str, view: View, targets: dict[str, Any] | None = None) -> Workdir:
    """The folder of a job that has ended; why it was killed is in its file `reason`."""
    workdir = Workdir(folder / "jobs" / f"{kind.rpartition(':')[2].lower()}-1")
    workdir.prepare(JobOptions(evaluator=kind, view=view))
    (workdir.path / "targets.json").write_text(json.dumps(targets))
    for name in ("request.json", "handle"):
        (workdir.path / name).write_text("{}")
    resources = Resources(memory_bytes=view.memory_bytes, wall_seconds=60)
    handle = executor.submit(Job(workdir.name, workdir.path, resources))
    until(lambda: executor.poll([handle])[handle].state in (JobState.ENDED, JobState.KILLED))
    (workdir.path / "reason").write_text(executor.poll([handle])[handle].reason)
    return workdir


@pytest.fixture
def canaries(tmp_path: Path) -> Iterator[dict[str, str]]:
    """What must stay unread: name -> file."""
    places = {
        "the service's secrets": tmp_path / "secrets" / "podium.env",
        "a neighbour's request": tmp_path / "jobs" / "neighbour-1" / "request.json",
        "a file of the store": tmp_path / "requests" / "tiny" / "request.json",
        "a file of the home folder": Path.home() / f".podium-{secrets.token_hex(4)}" / "file",
    }
    for place in places.values():
        place.parent.mkdir(parents=True)
        place.write_text("secret")
    yield {name: str(place) for name, place in places.items()}
    shutil.rmtree(places["a file of the home folder"].parent)


@pytest.fixture
def targets(canaries: dict[str, str], tmp_path: Path) -> Iterator[dict[str, Any]]:
    """Everything that a probe may aim at, alive for as long as the test lasts."""
    secret, name, key = secrets.token_hex(16), secrets.token_hex(8), secrets.randbits(30) | 1
    shared = Path(f"/dev/shm/podium-{name}")
    shared.write_text("secret")
    LIBC.shmget(key, 4096, 0o1666)
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(socket.AF_UNIX) as abstract,
        socket.socket(socket.AF_UNIX) as listener,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as datagrams,
        subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, env={"SECRET": secret}) as other,
    ):
        abstract.bind(f"\0podium-{name}")
        listener.bind(str(tmp_path / "socket"))
        datagrams.bind(str(tmp_path / "datagrams"))
        for server in (abstract, listener):
            server.listen()
        yield {
            "canaries": canaries,
            "port": tcp.getsockname()[1],
            "abstract": f"\0podium-{name}",
            "socket": str(tmp_path / "socket"),
            "datagrams": str(tmp_path / "datagrams"),
            "shm": key,
            "shared_memory": str(shared),
            "pid": other.pid,
            "secret": secret[::-1],
        }
        other.kill()
    LIBC.shmctl(LIBC.shmget(key, 0, 0), 0, None)
    shared.unlink()


def test_every_probe_is_held(
    executor: LocalExecutor, targets: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", targets["secret"][::-1])
    files = [Path(path) for path in targets["canaries"].values()]
    before = [(path.stat().st_mode, path.stat().st_mtime_ns, path.read_text()) for path in files]
    with Observer(*files, *(path.parent for path in files)) as observer:
        workdir = job(executor, tmp_path, "tests.backend.probes:Probe", View())
        workdir = job(executor, tmp_path, "tests.backend.probes:Probe", View(), targets)
        touched = observer.seen()
    assert workdir.done, workdir.log_tail()
    outcomes = json.loads(workdir.read("outcomes.json"))
    assert len(outcomes) > 60 and not [name for name, held in outcomes.items() if held is None]
    assert not touched
    assert before == [(path.stat().st_mode, path.stat().st_mtime_ns, path.read_text()) for path in files]


def test_sockets_reach_nothing_but_the_job_itself(
    executor: LocalExecutor, layers: list[Layer], targets: dict[str, Any], tmp_path: Path
) -> None:
    workdir = job(executor, tmp_path, "tests.backend.probes:Probe", View(sockets=True), targets)
    outcomes = json.loads(workdir.read("outcomes.json"))
    open_ = {name for name, held in outcomes.items() if held is None}
    assert open_ == ({"UDP", "sockets of AF_NETLINK"} if Layer.NAMESPACES in layers else set())
    workdir = job(executor, tmp_path, "tests.backend.probes:Talk", View(sockets=True))
    assert workdir.done == (Layer.NAMESPACES in layers), workdir.log_tail()
    workdir = job(executor, tmp_path, "tests.backend.probes:Talk", View())
    assert not workdir.done


def test_shared_memory_has_the_size_that_the_view_says(
    executor: LocalExecutor, layers: list[Layer], tmp_path: Path
) -> None:
    if Layer.NAMESPACES in layers:
        view = View(shared_memory_bytes=3 << 20)
        workdir = job(executor, tmp_path, "tests.backend.probes:SharedMemory", view)
        assert json.loads(workdir.read("shared_memory.json")) == 3 << 20


def test_a_fork_bomb_stops_at_the_limit(executor: LocalExecutor, tmp_path: Path) -> None:
    workdir = job(executor, tmp_path, "tests.backend.bombs:Fork", View(processes=40))
    stopped = (workdir.path / "reason").read_text() == "process_limit"
    assert stopped or int(workdir.read("count.json")) < 60


def test_memory_is_counted_over_all_processes(executor: LocalExecutor, tmp_path: Path) -> None:
    view = View(memory_bytes=400 * MEGABYTE)
    assert (job(executor, tmp_path, "tests.backend.bombs:Memory", view).path / "reason").read_text() == "memory_limit"


def test_the_disk_is_counted_over_all_files(executor: LocalExecutor, tmp_path: Path) -> None:
    view = View(disk_bytes=20 * MEGABYTE)
    workdir = job(executor, tmp_path, "tests.backend.bombs:Disk", view)
    assert (workdir.path / "reason").read_text() == "disk_limit"


def test_what_a_job_leaves_is_read_as_hostile_and_can_be_deleted(executor: LocalExecutor, tmp_path: Path) -> None:
    workdir = job(executor, tmp_path, "tests.backend.bombs:Deep", View())
    for read in (workdir.results, workdir.details, workdir.failure):
        with pytest.raises(Unreadable):
            read()
    assert workdir.progress() is None
    assert workdir.written(10**12) > 10**12
    workdir.settle()
    assert not workdir.scratch.exists()
    workdir.prepare(JobOptions(evaluator="x:Y"))
    assert not list(workdir.out.iterdir()) and Path("/etc/passwd").exists()


def test_without_a_layer_the_worker_starts_only_when_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "backend.executors.layers.layer_problems", lambda: dict.fromkeys(Layer, "Operation not permitted")
    )
    with pytest.raises(BadSettings) as refusal:
        sandbox_layers("auto")
    for words in ("user namespaces", "Linux 5.13", "libseccomp2", "PODIUM_SANDBOX=off", "Operation not permitted"):
        assert words in str(refusal.value)
    assert sandbox_layers("off") == []


def test_one_layer_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    problems = {Layer.NAMESPACES: "Operation not permitted", Layer.LANDLOCK: ""}
    monkeypatch.setattr("backend.executors.layers.layer_problems", lambda: problems)
    assert sandbox_layers("auto") == [Layer.LANDLOCK]
    with pytest.raises(BadSettings, match="user namespaces"):
        sandbox_layers("namespaces")


def test_a_job_that_starts_cold_is_confined_as_well(layers: list[Layer], tmp_path: Path) -> None:
    """As on a cluster: a process of its own, without a forkserver."""
    workdir = Workdir(tmp_path / "jobs" / "probe-1")
    workdir.prepare(JobOptions(evaluator="backend.abilities:AbilitiesProbe", device="cpu", view=View()))
    command = [sys.executable, "-m", "backend.executors.confined", str(workdir.path), ",".join(layers)]
    subprocess.run(command, cwd=PROJECT, env=job_environment(Settings(work_dir=tmp_path)), check=True, timeout=120)
    assert workdir.done and workdir.abilities().sandbox == [layer.value for layer in layers]


def test_a_folder_of_version_2_that_was_delegated_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tree like that of `Delegate=yes`; the kernel of this machine gives the controllers to version 1."""
    unit = tmp_path / "system.slice" / "podium.service"
    (unit / "supervisor").mkdir(parents=True)
    (unit / "cgroup.subtree_control").write_text("cpu memory pids\n")
    monkeypatch.setattr("backend.sandbox.limits.CGROUPS", tmp_path)
    monkeypatch.setattr("backend.sandbox.limits._own_cgroup", lambda: "/system.slice/podium.service/supervisor")
    assert [controller.parent for controller in controllers()] == [unit]
    cgroup = Cgroup("job", View(memory_bytes=1000, processes=10))
    folder = unit / "podium-job"
    assert (folder / "memory.max").read_text() == "1000" and (folder / "pids.max").read_text() == "10"
    (folder / "memory.events").write_text("low 0\noom_kill 2\n")
    assert cgroup.ran_out_of_memory()
    assert (folder / "memory.swap.max").read_text() == "0"
    (folder / "memory.peak").write_text("900\n")
    (folder / "pids.events").write_text("max 1\n")
    assert cgroup.peak_bytes() == 900 and cgroup.refused_processes()
    (unit / "cgroup.subtree_control").write_text("cpu\n")
    assert not list(controllers())


def test_a_job_that_cannot_be_confined_does_nothing_and_is_no_attempt(executor: LocalExecutor, tmp_path: Path) -> None:
    """One of its folders lies below a file, so that the sandbox cannot be built."""
    workdir = Workdir(tmp_path / "jobs" / "speak-1")
    workdir.prepare(JobOptions(evaluator="tests.backend.jobs:Speak", view=View()))
    options = workdir.options()
    nowhere = Path("/etc/hostname/nowhere")
    view = dataclasses.replace(options.view, write=(*options.view.write, nowhere))
    (workdir.path / "job.json").write_text(options.model_copy(update={"view": view}).model_dump_json())
    handle = executor.submit(Job(workdir.name, workdir.path, Resources()))
    until(lambda: executor.poll([handle])[handle].state is JobState.KILLED)
    assert executor.poll([handle])[handle].reason == "not_forked"
    assert not workdir.done and workdir.failure() is None
    assert not rule_of(ended(executor.poll([handle])[handle], Request(model="org/name"), workdir)).counts
