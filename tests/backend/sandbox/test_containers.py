"""Programs in an image: what the engine is told, what its faults become, and, where there is one, that it holds."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.sandbox import containers, programs
from backend.sandbox.bubblewrap import Bind
from backend.sandbox.container_options import Bounds, program_words, qualified, run_words
from backend.sandbox.programs import Ended, Mount, Program, image_missing, run, start
from backend.sandbox.seccomp import ProgramSeccomp
from tests.backend.sandbox.images import FakeEngine, forget, imported
from tests.contracts.test_executor import until

BOUNDS = Bounds("61500:61500", 1 << 30, 64, 72, 256 << 20, 512 << 20, 90, keeps_user=False)
BINDS = (Bind("/data/a,b", "/app/program"), Bind("/work/out", "/app/output", True))
BOTH = [
    "--pull=never", "--log-driver=none", "--no-healthcheck", "--network=none", "--ipc=private", "--hostname=job",
    "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--security-opt=label=disable",
    "--security-opt=seccomp=/work/seccomp.json", "--user=61500:61500", "--memory=1073741824",
    "--memory-swap=1073741824", "--pids-limit=64", "--ulimit=nproc=72:72", "--ulimit=nofile=1024:1024",
    "--ulimit=core=0:0", "--ulimit=fsize=536870912:536870912", "--shm-size=268435456",
]  # fmt: skip
MOUNTED = [
    "--mount=type=bind,source=/work/out,target=/app/output",
    '--mount=type=bind,"source=/data/a,b",target=/app/program,readonly',
]
TMP = "--tmpfs=/tmp:rw,exec,nosuid,nodev,size=268435456,mode=1777"
PODMAN = [f"{TMP},notmpcopyup", "--read-only-tmpfs=false", "--image-volume=ignore", "--timeout=90"]


# --- what the engine is told


def test_podman_and_docker_are_told_the_same_but_for_what_one_of_them_knows() -> None:
    podman, docker = (
        run_words(f"/usr/bin/{name}", "n", BOUNDS, BINDS, Path("/work/seccomp.json")) for name in ("podman", "docker")
    )
    assert podman == ["/usr/bin/podman", "run", "--name", "n", *BOTH, *PODMAN, *MOUNTED]
    assert docker == ["/usr/bin/docker", "run", "--name", "n", *BOTH, TMP, *MOUNTED]
    ours = run_words("podman", "n", BOUNDS._replace(keeps_user=True), (), Path("/work/seccomp.json"))
    assert ours == ["podman", "run", "--name", "n", *BOTH, *PODMAN, "--userns=keep-id"]
    with_devices = run_words(
        "docker", "n", BOUNDS, BINDS, Path("/work/seccomp.json"), ["/dev/nvidia1", "/dev/nvidiactl"]
    )
    devices = ["--device=/dev/nvidia1:/dev/nvidia1", "--device=/dev/nvidiactl:/dev/nvidiactl"]
    assert with_devices == ["docker", "run", "--name", "n", *BOTH, TMP, *devices, *MOUNTED]


def test_the_environment_folder_image_and_command_of_a_program() -> None:
    words = program_words({"SEED": "7", "HOME": "/x"}, "/app/program", "ada/own:1", ["python", "-c", "1"])
    assert words == [
        "--env=HOME=/x", "--env=LANG=C.UTF-8", "--env=SEED=7", "--env=TMPDIR=/tmp", "--workdir=/app/program",
        "docker.io/ada/own:1", "python", "-c", "1",
    ]  # fmt: skip


def test_what_an_image_may_be_called() -> None:
    names = {
        "python:3.11": "docker.io/library/python:3.11",
        "ada/own": "docker.io/ada/own",
        "ghcr.io/ada/own:1": "ghcr.io/ada/own:1",
        "localhost/own:1": "localhost/own:1",
        "host:5000/own": "host:5000/own",
        f"ada/own@sha256:{'a' * 64}": f"docker.io/ada/own@sha256:{'a' * 64}",
    }
    assert {name: qualified(name) for name in names} == names
    for name in ("--privileged", "-v/:/host", "dir:/etc", "docker-archive:/x.tar", "a b", "a,b", "../x", "", "a\n"):
        with pytest.raises(ValueError, match="is not the name of an image"):
            qualified(name)


def test_the_filter_is_that_of_bubblewrap() -> None:
    plain = ProgramSeccomp(nameless_files=True).profile()
    assert plain["defaultAction"] == "SCMP_ACT_ALLOW"
    denied = {call["names"][0]: call for call in plain["syscalls"]}
    assert {"ptrace", "mount", "io_uring_setup", "keyctl", "unshare"} <= denied.keys() and "symlink" not in denied
    assert denied["clone"]["args"] == [
        {"index": 0, "op": "SCMP_CMP_MASKED_EQ", "value": 0x10000000, "valueTwo": 0x10000000}
    ]
    assert denied["clone3"]["errnoRet"] == 38
    without = ProgramSeccomp(nameless_files=True, links=False).profile()
    assert {"symlink", "linkat"} <= {call["names"][0] for call in without["syscalls"]}


# --- faults, by an engine that answers what the test says


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeEngine]:
    engine = FakeEngine(tmp_path / "engine")
    monkeypatch.setattr(shutil, "which", lambda name, path=None: str(engine.path) if name == "podman" else None)
    forget()
    yield engine
    forget()


def ordered(folder: Path, *command: str, image: str = "ada/own:1") -> Program:
    (folder / "out").mkdir(exist_ok=True)
    mounts = (Mount(folder / "out", "/app/output", write=True),)
    return Program(command, mounts, "/app/output", {}, 30, 256 << 20, folder / "log", image=image)


def test_no_engine_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name, path=None: None)
    forget()
    assert image_missing("ada/own:1") == "podman is not installed. docker is not installed."
    assert containers.pull("ada/own:1") == "podman is not installed. docker is not installed."
    forget()


def test_an_engine_that_cannot_limit_what_a_program_uses_is_not_used(fake: FakeEngine) -> None:
    fake.says(info="[cpu]\n")
    assert image_missing("ada/own:1") == "podman cannot limit memory and pids here. docker is not installed."


def test_an_image_is_pulled_by_its_whole_name_once(fake: FakeEngine) -> None:
    assert containers.pull("ada/own:1") == "", "it is here"
    fake.says(image="")
    fake.path.write_text(fake.path.read_text().replace('cat "$here/image"', "exit 125"))
    assert containers.pull("ada/own:1") == "The image ada/own:1 could not be pulled: no such host"
    assert [words for words in fake.asked() if words.startswith("pull")] == ["pull --quiet docker.io/ada/own:1"]
    assert image_missing("ada/own:1") == "The image ada/own:1 is not on this worker, which could not pull it."
    assert containers.pull("--privileged").endswith("is not the name of an image.")


def test_an_engine_is_told_nothing_of_our_environment(fake: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    containers.pull("ada/own:1")
    names = {line.partition("=")[0] for line in (fake.folder / "environment").read_text().splitlines()}
    assert names <= {"PATH", "HOME", "XDG_RUNTIME_DIR", "PWD", "OLDPWD", "SHLVL", "_"}


def test_an_engine_that_fails_is_not_the_programs_fault(fake: FakeEngine, tmp_path: Path) -> None:
    fake.says(inspected="", run="echo 'Error: no space left' >&2; exit 125\n")
    ended = run(ordered(tmp_path, "true"))
    assert (ended.code, ended.reason) == (None, "not_confined") and "no space left" in ended.message
    assert "no space left" in image_missing("ada/own:1")


def test_a_command_that_the_image_does_not_have(fake: FakeEngine, tmp_path: Path) -> None:
    fake.says(inspected="false 127 0001-01-01 00:00:00\n", run="echo 'Error: executable not found' >&2; exit 127\n")
    ended = run(ordered(tmp_path, "true"))
    assert (ended.code, ended.reason) == (None, "not_started")
    assert image_missing("ada/own:1") == "", "all but the command of the trial was there"


def test_a_program_that_is_killed_for_memory(fake: FakeEngine, tmp_path: Path) -> None:
    for inspected in ("true 137 2026-11-22 05:00:00\n", "false 137 2026-11-22 05:00:00\n"):
        fake.says(inspected=inspected, run="exit 137\n")
        assert run(ordered(tmp_path, "true")).reason == "memory_limit"


def test_a_program_over_its_time_is_asked_to_end_and_killed(fake: FakeEngine, tmp_path: Path) -> None:
    fake.says(inspected="false 137 2026-11-22 05:00:00\n", run="exec sleep 600\n")
    ended = run(dataclasses.replace(ordered(tmp_path, "true"), wall_seconds=1))
    assert ended == Ended(None, "wall_limit", ended.seconds, 0)
    asked = [words.split()[0:2] for words in fake.asked() if words.startswith(("kill", "rm"))]
    assert ["kill", "--signal=TERM"] in asked and ["rm", "--force"] in asked


def test_containers_of_killed_workers_are_removed_once_their_time_is_over(fake: FakeEngine) -> None:
    over, running = f"podium-{int(time.time()) - 1}-a", f"podium-{int(time.time()) + 600}-b"
    fake.path.write_text(
        fake.path.read_text().replace("pull)", f"ps) echo {over}; echo {running}; echo podium-x ;;\npull)")
    )
    containers.sweep(str(fake.path))
    assert [words for words in fake.asked() if words.startswith("rm")] == [f"rm --force --volumes {over}"]


# --- a real engine


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with imported(tmp_path_factory.mktemp("image")) as name:
        yield name


def shell(folder: Path, image: str, script: str) -> tuple[Ended, str]:
    ended = run(ordered(folder, "/bin/sh", "-c", script, image=image))
    return ended, (folder / "log").read_text()


def test_what_a_program_in_an_image_leaves_is_ours(image: str, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "before").write_text("before")
    ended, log = shell(tmp_path, image, "id -u; cat before; echo made > new; mkdir below; echo y > below/x; exit 7")
    assert (ended.code, ended.reason) == (7, "") and log.split()[1:] == ["before"]
    assert os.geteuid() != 0 or int(log.split()[0]) >= 61500, "a program of root's is another user"
    left = {str(path.relative_to(tmp_path / "out")): path.stat().st_uid for path in (tmp_path / "out").rglob("*")}
    assert left == dict.fromkeys(["before", "new", "below", "below/x"], os.getuid())
    assert not list(tmp_path.glob(".podium-*"))


def test_a_program_in_an_image_is_confined(image: str, tmp_path: Path) -> None:
    script = """
    touch /etc/x || echo read-only
    ls /proc | grep -c '^[0-9]*$'
    cat /proc/net/dev | grep -v lo: | grep -c :
    grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status
    """
    _, log = shell(tmp_path, image, script)
    shown = log.replace("\t", " ").splitlines()
    assert "read-only" in shown and "0" in shown, "no interface but lo"
    assert {f"CapEff: {0:016x}", f"CapBnd: {0:016x}", "NoNewPrivs: 1", "Seccomp: 2"} <= set(shown)
    assert next(int(line) for line in shown if line.isdigit()) < 10, "no process of this machine"


def test_limits_of_a_program_in_an_image(image: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    whole = ordered(tmp_path, "/bin/sh", "-c", "dd if=/dev/zero of=/tmp/x bs=1M count=200", image=image)
    ended = run(dataclasses.replace(whole, memory_bytes=32 << 20, tmp_bytes=300 << 20))
    assert ended.reason == "memory_limit", (ended, whole.log.read_text())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log", "out"], "an engine leaves no file of its own"
    endless = dataclasses.replace(whole, command=("/bin/sh", "-c", "sleep 600"), wall_seconds=1)
    assert run(endless).reason == "wall_limit"
    script = "for i in 1 2 3; do dd if=/dev/zero of=$i bs=1M count=9; done; sleep 600"
    assert (
        run(dataclasses.replace(whole, command=("/bin/sh", "-c", script), disk_bytes=10 << 20)).reason == "disk_limit"
    )
    assert list((tmp_path / "out").iterdir()) == []
    ended, _ = shell(tmp_path, image, "ln -s /etc/passwd link")
    assert ended.reason == "output_refused" and "symbolic link" in ended.message


def test_a_program_in_an_image_that_shares_a_folder_makes_no_links(image: str, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    given = ordered(tmp_path, "/bin/sh", "-c", "ln -s /etc l; ln f g; echo 1 > f", image=image)
    assert run(dataclasses.replace(given, mounts=(Mount(shared, "/app/output", True, True),))).code == 0
    assert [path.name for path in shared.iterdir()] == ["f"]


def test_a_program_in_an_image_ends_when_it_is_killed_and_leaves_no_container(image: str, tmp_path: Path) -> None:
    running = start(ordered(tmp_path, "/bin/sh", "-c", "echo begun; sleep 600", image=image))
    until(lambda: (tmp_path / "log").exists() and "begun" in (tmp_path / "log").read_text(), 60)
    running.kill()
    assert running.wait().reason == "killed"
    names = subprocess.run(
        [containers.engine().path, "ps", "--all", "--format", "{{.Names}}"], capture_output=True, text=True, check=True,
        env=containers.environment(),
    )  # fmt: skip
    assert "podium-" not in names.stdout


def test_a_command_that_is_not_in_the_image(image: str, tmp_path: Path) -> None:
    assert run(ordered(tmp_path, "/bin/none", image=image)).reason == "not_started"
    assert programs.image_missing("localhost/podium-none:1").endswith("which could not pull it.")
