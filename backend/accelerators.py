"""The accelerators of this machine, and which job of the local executor has which of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

DRIVER = Path("/proc/driver/nvidia/gpus")
"""Where NVIDIA's driver describes each accelerator, in a folder named by its PCI address."""
VISIBLE = "CUDA_VISIBLE_DEVICES"


class Accelerator(NamedTuple):
    """One accelerator."""

    name: str
    """What CUDA_VISIBLE_DEVICES calls it."""
    node: str = ""
    """Name of its file in /dev; empty when unknown."""


class Accelerators:
    """Hands accelerators out to jobs. A job that asks for a number of them has them to itself."""

    def __init__(self, installed: Sequence[Accelerator], slots: int) -> None:
        """`slots`: how many jobs run at a time; each that asks for no number gets an equal share, at least one."""
        self._installed = list(installed)
        self._share = max(1, len(self._installed) // slots)
        self._taken: dict[str, list[Accelerator]] = {}

    def take(self, job: str, wanted: int) -> list[Accelerator] | None:
        """What `job` gets, all of them if it wants more; None while too few are free for a job that wants a number.

        A job that wants no number never waits: where too few are free, it shares those that the fewest jobs use.
        """
        users = {device: sum(device in taken for taken in self._taken.values()) for device in self._installed}
        free = [device for device in self._installed if not users[device]]
        count = min(wanted or self._share, len(self._installed))
        if len(free) < count and wanted:
            return None
        by_use = sorted(self._installed, key=lambda device: users[device])
        self._taken[job] = sorted((free if len(free) >= count else by_use)[:count], key=self._installed.index)
        return self._taken[job]

    def give_back(self, job: str) -> None:
        """Whatever `job` had may go to others."""
        self._taken.pop(job, None)


def find_accelerators(device: str, visible: str | None, driver: Path = DRIVER) -> list[Accelerator]:
    """The accelerators that jobs may use, in the order of their PCI addresses or in the operator's.

    `device` is PODIUM_DEVICE, `visible` this process's CUDA_VISIBLE_DEVICES. There are none to hand out where jobs
    compute on processors or on the one device that the operator names.
    """
    if device not in ("auto", "cuda"):
        return []
    installed = [_described(file.read_text()) for file in sorted(driver.glob("*/information"))]
    if visible is None:
        return installed
    names = [name.strip() for name in visible.split(",")]
    allowed = names[: names.index("-1")] if "-1" in names else names
    return [_named(name, installed) for name in allowed if name and name != "NoDevFiles"]


def variables(accelerators: Sequence[Accelerator]) -> dict[str, str]:
    """The environment in which CUDA sees these and no others; empty where there are none to choose from."""
    return {VISIBLE: ",".join(device.name for device in accelerators)} if accelerators else {}


def nodes(accelerators: Sequence[Accelerator]) -> list[str] | None:
    """Names of their files in /dev; None where they are not known, so that all have to be shown."""
    names = [device.node for device in accelerators]
    return names if names and all(names) else None


def _described(information: str) -> Accelerator:
    """An accelerator from the driver's description of it."""
    fields = {
        name.strip(): value.strip() for name, _, value in (line.partition(":") for line in information.splitlines())
    }
    return Accelerator(
        fields.get("GPU UUID", ""), f"nvidia{fields['Device Minor']}" if "Device Minor" in fields else ""
    )


def _named(name: str, installed: Sequence[Accelerator]) -> Accelerator:
    """The accelerator that the operator calls `name`. A number is CUDA's own, which need not be the order here."""
    if re.fullmatch(r"GPU-[0-9a-fA-F-]+", name):
        same = [device for device in installed if device.name.startswith(name)]
        return same[0] if len(same) == 1 else Accelerator(name)
    return Accelerator(name)
