"""Where a job's checkpoint goes when the job has several accelerators."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from enum import StrEnum
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import torch

from backend.resources import BYTES_PER_WEIGHT
from backend.workdir import JobOptions, Workdir
from leaderboard.records import Precision, Request, WeightType

SHARE = 0.8
"""The part of an accelerator's memory that weights may take; the rest is for contexts and activations."""
STORED = {Precision.GPTQ}
"""Precisions in which weights are loaded as they are stored."""
MOST_HEADER_BYTES = 100_000_000
"""As in safetensors itself."""


class Parallel(StrEnum):
    """How several devices share the work."""

    NONE = ""
    """There is one."""
    DATA = "data"
    """Each has the whole checkpoint and answers a part of the requests."""
    LAYERS = "layers"
    """Each has some of the layers; a request goes through all of them."""
    TENSOR = "tensor"
    """Each has a part of every layer."""


class Placement(NamedTuple):
    """The devices of a job, and how they share its work."""

    devices: tuple[str, ...]
    parallel: Parallel = Parallel.NONE
    memory_bytes: int = 0
    """Memory of the smallest device; 0 when unknown."""

    def loading(self) -> dict[str, Any]:
        """What from_pretrained is told about devices."""
        if self.parallel is not Parallel.LAYERS:
            return {"device_map": {"": self.devices[0]}}
        room = round(self.memory_bytes * SHARE)
        names = [int(name.partition(":")[2]) if ":" in name else name for name in self.devices]
        return {"device_map": "auto", "max_memory": {name: room * names.count(name) for name in names}}


def place(devices: Sequence[str], weights: float, memory_bytes: int) -> Placement:
    """Data parallel where the weights (bytes) fit a device's memory, else spread by layers."""
    if len(devices) == 1:
        return Placement(tuple(devices), memory_bytes=memory_bytes)
    small = weights <= SHARE * memory_bytes
    return Placement(tuple(devices), Parallel.DATA if small else Parallel.LAYERS, memory_bytes)


def devices_of(options: JobOptions, device: str) -> list[str]:
    """The devices of a job, `device` being what it computes on (see abilities.pick_device).

    On a processor they are as many shares of it as the job has accelerators, which is one outside of tests.
    """
    if device == "cuda":
        seen = torch.cuda.device_count()
        count = min(options.gpus or seen, seen)
        return [f"cuda:{index}" for index in range(count)] if count > 1 else [device]
    return [device] * max(1, options.gpus) if device == "cpu" else [device]


def visible(devices: Sequence[str], seen: str | None) -> dict[str, str]:
    """The environment in which a process sees these of a job's accelerators and no others; empty for processors.

    `seen`: the job's CUDA_VISIBLE_DEVICES.
    """
    if devices[0] == "cpu":
        return {}
    indexes = [int(name.partition(":")[2] or 0) for name in devices]
    names = seen.split(",") if seen else [str(index) for index in range(max(indexes) + 1)]
    return {"CUDA_VISIBLE_DEVICES": ",".join(names[index].strip() for index in indexes)}


def memory_of(devices: Sequence[str]) -> int:
    """Bytes of the smallest of the accelerators; on processors what is there for all of them."""
    if devices[0] == "cpu":
        return 1 << 62
    return min(int(torch.cuda.get_device_properties(device).total_memory) for device in devices)


def loaded_bytes(request: Request, workdir: Workdir) -> float:
    """Bytes of the weights that a job loads, its base model's among them."""
    precision = Precision(request.precision)
    folders = [workdir.checkpoint]
    if request.weight_type in (WeightType.ADAPTER, WeightType.DELTA):
        folders.append(workdir.base)
    return sum(weights_bytes(folder, precision) for folder in folders)


def weights_bytes(folder: Path, precision: Precision) -> float:
    """Bytes of the weights in the safetensors files of `folder`, as they are loaded. Raises ValueError, OSError."""
    files = sorted(folder.glob("*.safetensors"))
    if precision in STORED:
        return sum(file.stat().st_size for file in files)
    return sum(_elements(file) for file in files) * BYTES_PER_WEIGHT[precision]


def _elements(file: Path) -> int:
    """Number of weights in a safetensors file, by its header."""
    with file.open("rb") as opened:
        (size,) = struct.unpack("<Q", opened.read(8))
        header: Mapping[str, Any] = json.loads(opened.read(min(size, MOST_HEADER_BYTES)))
    return sum(prod(tensor["shape"]) for name, tensor in header.items() if name != "__metadata__")
