"""What this machine can do. Asked as a job, since the scheduler itself never imports torch and may be elsewhere."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
from pathlib import Path

from backend import Resources, sandbox
from backend.workdir import Workdir
from leaderboard.benchmarks import Benchmark
from leaderboard.records import Abilities, Precision, Request, now

PACKAGES = ("lm_eval", "transformers", "torch", "peft")
NEEDS = {Precision.INT8: "bitsandbytes", Precision.INT4: "bitsandbytes", Precision.GPTQ: "gptqmodel"}
"""Precision -> the package that it needs, beside an accelerator."""
STORED = {
    "aqlm": "aqlm", "auto-round": "auto_round", "awq": "gptqmodel", "compressed-tensors": "compressed_tensors",
    "eetq": "kernels", "fouroversix": "fouroversix", "hqq": "hqq", "nvfp4": "kernels", "quanto": "optimum",
    "quark": "quark", "sinq": "sinq", "spqr": "spqr_quant", "torchao": "torchao", "vptq": "vptq",
}  # fmt: skip
"""Method by which weights are stored quantised -> the package without which transformers does not load them."""


class AbilitiesProbe:
    """A job that writes abilities.json."""

    def resources(self, request: Request, benchmark: Benchmark) -> Resources:
        """Next to nothing."""
        return Resources()

    def run(self, workdir: Path) -> None:
        """Find out and write it down."""
        folder = Workdir(workdir)
        options = folder.options()
        folder.write_abilities(abilities(options.worker, options.device, options.max_params_b))


def abilities(worker: str, device: str, max_params_b: float) -> Abilities:
    """What a job on this machine can do with `device` (as in the settings)."""
    chosen = pick_device(device)
    return Abilities(
        worker=worker,
        device=hardware(chosen),
        refused=refused(chosen),
        max_params_b=max_params_b or None,
        packages={name: importlib.metadata.version(name) for name in PACKAGES},
        sandbox=list(sandbox.entered()),
        updated=now(),
    )


def pick_device(device: str) -> str:
    """`cpu` or `cuda...`: what `device` of the settings means here."""
    if device != "auto":
        return device
    return "cuda" if importlib.import_module("torch").cuda.is_available() else "cpu"


def refused(device: str) -> dict[str, str]:
    """Precisions, and methods of quantised weights, that cannot be loaded on `device` -> why, a sentence."""
    reasons = {}
    for precision, package in NEEDS.items():
        if not device.startswith("cuda"):
            reasons[precision.value] = (
                f"{precision.value} needs an NVIDIA GPU, and this worker computes on its processor."
            )
        elif importlib.util.find_spec(package) is None:
            reasons[precision.value] = (
                f"{precision.value} needs the package {package}, which this worker does not have."
            )
    for method, package in STORED.items():
        if importlib.util.find_spec(package) is None:
            reasons[method] = (
                f"Weights stored with {method} need the package {package}, which this worker does not have."
            )
    return reasons


def hardware(device: str) -> str:
    """The accelerator or processor in words."""
    if device.startswith("cuda"):
        name: str = importlib.import_module("torch").cuda.get_device_name(device)
        return name
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [
        line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "Hardware", "CPU part"))
    ]
    return f"{names[0] if names else 'processor'}, {max(1, len(names))} threads"
