"""Each job of a machine with several accelerators has its own. There are none here: the lists of them are made up."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from backend import Job, JobState, Resources
from backend.accelerators import Accelerator, Accelerators, find_accelerators, nodes, variables
from backend.environment import job_environment
from backend.executors.layers import sandbox_layers
from backend.executors.local import LocalExecutor
from backend.sandbox import View
from backend.workdir import JobOptions, Workdir
from leaderboard.settings import Settings
from tests.contracts.test_executor import PRELOAD, until

FOUR = [Accelerator(f"GPU-{letter * 8}", f"nvidia{index}") for index, letter in enumerate("abcd")]
INFORMATION = "Model: \t\t NVIDIA H100\nGPU UUID: \t {uuid}\nBus Location: \t 0000:17:00.0\nDevice Minor: \t {minor}\n"


@pytest.fixture
def driver(tmp_path: Path) -> Path:
    """What the driver says of two accelerators, whose numbers are not in the order of their addresses."""
    for address, uuid, minor in (("0000:17:00.0", "GPU-aaaa-1", 1), ("0000:65:00.0", "GPU-bbbb-2", 0)):
        (tmp_path / address).mkdir()
        (tmp_path / address / "information").write_text(INFORMATION.format(uuid=uuid, minor=minor))
    return tmp_path


@pytest.mark.parametrize(
    ("device", "visible", "found"),
    [
        ("auto", None, [("GPU-aaaa-1", "nvidia1"), ("GPU-bbbb-2", "nvidia0")]),
        ("cuda", "GPU-bbbb-2", [("GPU-bbbb-2", "nvidia0")]),
        ("cuda", "GPU-b", [("GPU-bbbb-2", "nvidia0")]),
        ("auto", "1,0", [("1", ""), ("0", "")]),
        ("auto", "GPU-cccc", [("GPU-cccc", "")]),
        ("auto", "0,-1,1", [("0", "")]),
        ("auto", "", []),
        ("cuda:1", None, []),
        ("cpu", None, []),
    ],
)
def test_what_there_is_to_hand_out(
    driver: Path, device: str, visible: str | None, found: list[tuple[str, str]]
) -> None:
    assert find_accelerators(device, visible, driver) == found


def test_a_machine_without_a_driver_has_none(tmp_path: Path) -> None:
    assert find_accelerators("auto", None, tmp_path / "nowhere") == []
    assert Accelerators([], slots=3).take("job", 2) == []
    assert (variables([]), nodes([])) == ({}, None)


def test_what_a_job_is_told_of_its_accelerators() -> None:
    assert variables(FOUR[1:3]) == {"CUDA_VISIBLE_DEVICES": "GPU-bbbbbbbb,GPU-cccccccc"}
    assert nodes(FOUR[1:3]) == ["nvidia1", "nvidia2"]
    assert nodes([FOUR[0], Accelerator("3")]) is None, "of one that is unknown the file is unknown too"


def test_jobs_that_ask_for_no_number_share_the_machine_evenly() -> None:
    accelerators = Accelerators(FOUR, slots=2)
    assert accelerators.take("first", 0) == FOUR[:2]
    assert accelerators.take("second", 0) == FOUR[2:]
    assert accelerators.take("a small one beside them", 0) == FOUR[:2]
    accelerators.give_back("second")
    assert accelerators.take("third", 0) == FOUR[2:]


def test_a_job_that_asks_for_a_number_waits_until_they_are_free() -> None:
    accelerators = Accelerators(FOUR, slots=4)
    assert accelerators.take("three", 3) == FOUR[:3]
    assert accelerators.take("two", 2) is None
    assert accelerators.take("one", 1) == FOUR[3:]
    accelerators.give_back("three")
    assert accelerators.take("two", 2) == FOUR[:2]
    assert accelerators.take("nine", 9) is None
    for job in ("one", "two"):
        accelerators.give_back(job)
    assert accelerators.take("nine", 9) == FOUR, "more than there are is all of them"


@pytest.mark.parametrize(
    ("own", "shown", "hidden"),
    [
        (None, ("nvidia0", "nvidia1", "nvidiactl"), ()),
        (("nvidia1",), ("nvidia1", "nvidiactl", "nvidia-uvm", "nvidia-caps", "kfd"), ("nvidia0", "nvidia10")),
        ((), ("nvidiactl",), ("nvidia0",)),
    ],
)
def test_a_job_opens_its_own_accelerators_and_the_driver(
    own: tuple[str, ...] | None, shown: tuple[str, ...], hidden: tuple[str, ...]
) -> None:
    view = View(gpu=True, accelerators=own)
    assert all(view.owns(name) for name in shown) and not any(view.owns(name) for name in hidden)


def test_a_program_gets_what_cuda_needs_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.sandbox.view.DEV", tmp_path)
    for name in ("null", "nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm", "nvidia-uvm-tools", "nvidia-modeset", "kfd"):
        (tmp_path / name).touch()
    for name in ("dri", "nvidia-caps"):
        (tmp_path / name).mkdir()

    def names(view: View) -> list[str]:
        return [device.name for device in view.cuda_devices()]

    drivers = ["nvidia-caps", "nvidia-uvm", "nvidia-uvm-tools"]
    assert names(View(gpu=True, accelerators=("nvidia1",))) == [*drivers, "nvidia1", "nvidiactl"]
    assert names(View(gpu=True)) == [*drivers, "nvidia0", "nvidia1", "nvidiactl"]
    monkeypatch.setattr("os.access", lambda path, mode: Path(path).name != "nvidia0")
    assert names(View(gpu=True)) == [*drivers, "nvidia1", "nvidiactl"], "a cluster lets a job open its own only"
    assert names(View()) == []


def submitted(executor: LocalExecutor, folder: Path, kind: str, name: str, gpus: int) -> tuple[str, Workdir]:
    workdir = Workdir(folder / "jobs" / name)
    workdir.prepare(JobOptions(evaluator=f"tests.backend.jobs:{kind}"))
    return executor.submit(Job(name, workdir.path, Resources(gpus=gpus))), workdir


def test_running_jobs_see_different_accelerators_and_a_large_one_waits(tmp_path: Path) -> None:
    environment = job_environment(Settings(work_dir=tmp_path)) | {"CUDA_VISIBLE_DEVICES": "all of them"}
    layers, accelerators = sandbox_layers("auto"), Accelerators(FOUR, slots=3)
    executor = LocalExecutor(tmp_path, environment, layers, 3, PRELOAD, accelerators)

    def state(handle: str) -> JobState:
        return executor.poll([handle])[handle].state

    def seen(workdir: Workdir) -> str:
        return str(json.loads(workdir.read("seen.json"))["environment"]["CUDA_VISIBLE_DEVICES"])

    first, _ = submitted(executor, tmp_path, "Wait", "first-1", 2)
    small, small_folder = submitted(executor, tmp_path, "Speak", "small-1", 1)
    large, large_folder = submitted(executor, tmp_path, "Speak", "large-1", 3)
    behind, _ = submitted(executor, tmp_path, "Speak", "behind-1", 3)
    assert executor.slots() == -1
    until(lambda: state(small) is JobState.ENDED)
    assert seen(small_folder) == "GPU-cccccccc"
    assert (state(large), state(behind)) == (JobState.QUEUED, JobState.QUEUED)
    executor.cancel(behind)
    assert executor.poll([behind])[behind] == (JobState.KILLED, "cancelled")
    executor.cancel(first)
    until(lambda: state(large) is JobState.ENDED)
    assert seen(large_folder) == "GPU-aaaaaaaa,GPU-bbbbbbbb,GPU-cccccccc"
    executor.close()
