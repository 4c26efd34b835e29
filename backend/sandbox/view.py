"""What a job may see and use, and nothing else."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
CODE = ("backend", "leaderboard")
"""Our own code, from which modules are still imported inside. What lies beside it is not shown."""
SYSTEM = ("/usr", "/lib", "/lib64", "/bin", "/sbin", "/etc/ld.so.cache", "/sys/devices/system/cpu")
DEV = Path("/dev")
DEVICES = ("null", "zero", "full", "random", "urandom")
GPU_SYSTEM = ("/sys",)
GPU_DEVICES = ("nvidia*", "dri", "kfd")
ONE_ACCELERATOR = r"nvidia\d+"
"""The device file of one accelerator; the others belong to the driver."""
CUDA_DEVICES = rf"{ONE_ACCELERATOR}|nvidiactl|nvidia-uvm|nvidia-uvm-tools|nvidia-caps"
"""Files of NVIDIA's driver that a program needs to compute."""


@dataclass(frozen=True)
class View:
    """The files that one job may open, and its limits. The scheduler writes it where the job cannot change it."""

    read: tuple[Path, ...] = ()
    """Its own inputs, absolute: work folder, tasks, data."""
    write: tuple[Path, ...] = ()
    """Folders that are its own, absolute."""
    gpu: bool = False
    """Whether it computes on an accelerator, whose devices it then sees."""
    accelerators: tuple[str, ...] | None = None
    """Device files of the accelerators that are its own (`nvidia0`); None for all of them."""
    sockets: bool = False
    """Whether its processes may talk to each other over sockets; only where its network is its own."""
    shared_memory_bytes: int = 64 << 20
    """What its processes may share in /dev/shm, where it is its own."""
    memory_bytes: int = 0
    """Memory it may have; 0 for no limit."""
    disk_bytes: int = 0
    """What it may write; 0 for no limit."""
    processes: int = 256
    """Processes and threads it may have."""
    supervises: bool = False
    """Whether it is code of ours that starts programs of strangers, each in a sandbox of its own (programs.py), which
    cannot be done from inside one: it is limited and ended like any other job, and not confined."""

    @property
    def accelerated(self) -> bool:
        """Whether it computes on an accelerator and this machine has one."""
        return self.gpu and any(True for name in GPU_DEVICES for _ in DEV.glob(name))

    def readable(self) -> list[Path]:
        """Every existing path that the job may read, the outer ones first."""
        system = (*SYSTEM, *(GPU_SYSTEM if self.accelerated else ()), sys.base_prefix, sys.prefix)
        paths = {*map(Path, system), *(PROJECT / name for name in CODE), *self.read}
        return sorted(path for path in paths if path.exists())

    def devices(self) -> list[Path]:
        """Every existing device that the job may open."""
        names = (*DEVICES, *(GPU_DEVICES if self.accelerated else ()))
        return sorted(device for name in names for device in DEV.glob(name) if self.owns(device.name))

    def cuda_devices(self) -> list[Path]:
        """Those of `devices` that a program needs to compute on its accelerators, and that this process can open."""
        needed = (device for device in self.devices() if re.fullmatch(CUDA_DEVICES, device.name))
        return [device for device in needed if os.access(device, os.R_OK | os.W_OK) or device.is_dir()]

    def owns(self, device: str) -> bool:
        """Whether the device file of this name is no accelerator that belongs to another job."""
        return self.accelerators is None or not re.fullmatch(ONE_ACCELERATOR, device) or device in self.accelerators
