"""Where a checkpoint goes when a job has several devices."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest
import torch

from backend.evaluators.loading import load
from backend.evaluators.placement import (
    Parallel,
    Placement,
    devices_of,
    loaded_bytes,
    memory_of,
    place,
    weights_bytes,
)
from backend.failures import JobFailed, classify
from backend.workdir import JobOptions, Workdir
from leaderboard.records import Precision, Request
from tests.shared import ROOT

DEMO = ROOT / "checkpoints" / "podium-demo"
GB = 1e9
TWO = ["cuda:0", "cuda:1"]


@pytest.mark.parametrize(
    ("devices", "weights", "parallel"),
    [
        (["cuda"], 14, Parallel.NONE),
        (["cuda"], 140, Parallel.NONE),
        (TWO, 14, Parallel.DATA),
        (TWO, 64, Parallel.DATA),
        (TWO, 65, Parallel.LAYERS),
        (TWO, 900, Parallel.LAYERS),
    ],
)
def test_what_fits_one_device_is_copied_and_what_does_not_is_spread(
    devices: list[str], weights: float, parallel: Parallel
) -> None:
    assert place(devices, weights * GB, int(80 * GB)) == Placement(tuple(devices), parallel, int(80 * GB))


def test_what_from_pretrained_is_told() -> None:
    assert Placement(("cuda",)).loading() == {"device_map": {"": "cuda"}}
    assert Placement(("cuda:0", "cuda:1"), Parallel.DATA, 80).loading() == {"device_map": {"": "cuda:0"}}
    spread = Placement(("cuda:0", "cuda:1"), Parallel.LAYERS, 100).loading()
    assert spread == {"device_map": "auto", "max_memory": {0: 80, 1: 80}}, "nothing goes to processors or the disk"


def test_the_devices_of_a_job(monkeypatch: pytest.MonkeyPatch) -> None:
    def options(gpus: int) -> JobOptions:
        return JobOptions(evaluator="", gpus=gpus)

    assert devices_of(options(0), "cpu") == ["cpu"]
    assert devices_of(options(2), "cpu") == ["cpu", "cpu"]
    assert devices_of(options(4), "cuda:1") == ["cuda:1"]
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    assert devices_of(options(0), "cuda") == ["cuda:0", "cuda:1", "cuda:2", "cuda:3"]
    assert devices_of(options(2), "cuda") == TWO
    assert devices_of(options(1), "cuda") == ["cuda"]
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert devices_of(options(2), "cuda") == ["cuda"]


def test_weights_are_counted_from_the_files_headers(tmp_path: Path) -> None:
    header = {"__metadata__": {}, "a": {"dtype": "F16", "shape": [10, 7]}, "b": {"dtype": "F16", "shape": []}}
    text = json.dumps(header).encode()
    (tmp_path / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + bytes(142))
    sizes = [weights_bytes(tmp_path, Precision(name)) for name in ("float32", "bfloat16", "8bit", "4bit")]
    assert sizes == [284, 142, 71, 35.5]
    assert weights_bytes(tmp_path, Precision.GPTQ) == 8 + len(text) + 142
    with pytest.raises(ValueError, match="Expecting"):
        (tmp_path / "model.safetensors").write_bytes(struct.pack("<Q", 4) + b"{{{{")
        weights_bytes(tmp_path, Precision.FLOAT32)


def test_the_count_is_that_of_the_loaded_model_and_a_base_counts_too(tmp_path: Path) -> None:
    workdir = Workdir(tmp_path)
    workdir.checkpoint.symlink_to(DEMO / "tiny-delta" / "1")
    workdir.base.symlink_to(DEMO / "tiny-base" / "1")
    request = Request(model="org/model", revision="0" * 40, precision="float32")
    model = load(request, DEMO / "tiny-base" / "1", Path(), "cpu").model
    one = weights_bytes(workdir.base, Precision.FLOAT32)
    assert one == sum(weight.numel() * 4 for weight in model.parameters())
    delta = request.model_copy(update={"weight_type": "Delta", "base_model": "org/base"})
    assert loaded_bytes(delta, workdir) == one + weights_bytes(workdir.checkpoint, Precision.FLOAT32)


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("tiny-base", {}),
        ("tiny-delta", {"weight_type": "Delta", "base_model": "org/base"}),
        ("tiny-lora", {"weight_type": "Adapter", "base_model": "org/base"}),
    ],
)
def test_a_spread_checkpoint_has_the_same_weights(name: str, asked: dict[str, str]) -> None:
    request = Request(model="org/model", revision="0" * 40, precision="float32").model_copy(update=asked)
    folders = DEMO / name / "1", DEMO / "tiny-base" / "1"
    spread = Placement(("cpu", "cpu"), Parallel.LAYERS, memory_of(["cpu"]))
    whole, parts = load(request, *folders, "cpu").model, load(request, *folders, spread).model
    weights = parts.state_dict()
    assert weights.keys() == whole.state_dict().keys()
    assert all(torch.equal(weight, weights[key]) for key, weight in whole.state_dict().items())


def test_a_checkpoint_that_no_accelerators_hold_is_refused() -> None:
    from backend.evaluators.loading import Checkpoint, _all_on_devices

    model = torch.nn.Identity()
    model.hf_device_map = {"model.layers.0": 0, "model.layers.1": 1, "lm_head": "disk"}
    spread = Placement(("cuda:0", "cuda:1"), Parallel.LAYERS, 100)
    with pytest.raises(JobFailed) as caught:
        _all_on_devices(Checkpoint("org/model", "a" * 40, Path()), model, spread)
    failure = classify(caught.value, Workdir(Path("nowhere")))
    assert failure.code == "out_of_memory" and "2 accelerators" in failure.message
