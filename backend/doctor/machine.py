"""This machine: Python and its packages, disk, memory, accelerators, and the sandbox that it can give jobs."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import distributions
from pathlib import Path

import psutil

from backend.doctor.line import Line, failed, ok, warning
from backend.executors.layers import HOW, layer_problems
from backend.sandbox import Layer, containers, programs
from leaderboard.settings import PROJECT, Settings

OLDEST = (3, 11)
LOCK = PROJECT / "requirements.txt"
EXACT = ("lm-eval", "transformers", "torch", "datasets", "peft", "accelerate")
"""Packages whose versions decide scores."""
SHOWN = 5
GB = 1e9
ANSWER_S = 20


def check_python() -> Line:
    """Whether this Python is new enough."""
    version = platform.python_version()
    if sys.version_info[:2] < OLDEST:
        return failed("python", f"Python is {version}; 3.11 is needed.", "Install Python 3.11 or newer and make .venv.")
    return ok("python", f"Python is {version}, on {platform.system()} {platform.release()}.")


def check_packages(lock: Path = LOCK, installed: Mapping[str, str] | None = None) -> Line:
    """Whether the packages have the versions that were tested together; one that is not installed is not missed."""
    if not lock.is_file():
        return ok("packages", "There is no requirements.txt beside this installation to compare packages with.")
    there = installed_versions() if installed is None else installed
    differing = {
        name: f"{name} {there[name]} instead of {version}"
        for name, version in pinned(lock).items()
        if name in there and there[name] != version
    }
    if not differing:
        return ok("packages", "Every installed package has the version of requirements.txt.")
    listed = list(differing.values())
    shown = ", ".join(listed[:SHOWN]) + (f" and {len(listed) - SHOWN} more" if len(listed) > SHOWN else "")
    fix = "Run: uv pip install --no-deps -r requirements.txt"
    if any(name in differing for name in EXACT):
        return failed("packages", f"Packages that decide scores have other versions than tested: {shown}.", fix)
    return warning("packages", f"Packages have other versions than tested: {shown}.", fix)


def pinned(lock: Path) -> dict[str, str]:
    """Package -> version in a compiled file."""
    lines = (line.split("#")[0].split(";")[0].partition("==") for line in lock.read_text().splitlines())
    return {_plain(name): version.strip() for name, sign, version in lines if sign}


def installed_versions() -> dict[str, str]:
    """Package -> version, without the mark of a local build (`+cpu`)."""
    return {_plain(found.metadata["Name"]): found.version.partition("+")[0] for found in distributions()}


def check_disk(settings: Settings) -> Line:
    """Whether a job could download a checkpoint."""
    free = shutil.disk_usage(existing(settings.work_dir)).free / GB
    needed = settings.free_disk_gb + settings.job_disk_gb
    if free < needed:
        sentence = f"{free:.0f} GB are free where jobs work; {needed:.0f} GB are wanted, without any checkpoint."
        fix = "Free disk space, or name another folder (PODIUM_WORK_DIR), or lower PODIUM_JOB_DISK_GB."
        return (failed if free < 1 else warning)("disk", sentence, fix)
    return ok("disk", f"{free:.0f} GB are free where jobs work.")


def check_memory(settings: Settings) -> Line:
    """Whether as many jobs as there are slots fit into the memory of this machine."""
    total = psutil.virtual_memory().total / GB
    if settings.executor == "slurm":
        return ok("memory", f"This machine has {total:.0f} GB; jobs run on the cluster.")
    wanted = settings.slots * settings.job_memory_gb
    if wanted > total:
        sentence = f"{settings.slots} jobs of {settings.job_memory_gb:g} GB are more than the {total:.0f} GB here."
        return warning("memory", sentence, "Lower PODIUM_SLOTS or PODIUM_JOB_MEMORY_GB.")
    return ok("memory", f"This machine has {total:.0f} GB; jobs may use {wanted:.0f} GB of them.")


def check_gpu(settings: Settings) -> Line:
    """Which accelerators the driver shows, and whether the settings need one."""
    try:
        command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
        listed = subprocess.run(command, capture_output=True, text=True, timeout=ANSWER_S, check=True)
        names = [line.strip() for line in listed.stdout.splitlines() if line.strip()]
    except FileNotFoundError:
        names = []
    except subprocess.SubprocessError as error:
        sentence = f"There is a GPU driver that does not answer ({type(error).__name__})."
        return failed("gpu", sentence, "Run nvidia-smi, reload the driver or restart the machine.")
    if names:
        return ok("gpu", f"{len(names)} GPUs: {', '.join(sorted(set(names)))}.")
    if settings.device.startswith("cuda") and settings.executor != "slurm":
        fix = "Install the NVIDIA driver, or set PODIUM_DEVICE=cpu."
        return failed("gpu", f"PODIUM_DEVICE is {settings.device}, and there is no GPU.", fix)
    return ok("gpu", "There is no GPU; jobs compute on the processor.")


def check_sandbox(settings: Settings) -> Iterator[Line]:
    """Which layers of the sandbox this machine gives."""
    if settings.sandbox == "off":
        yield warning(
            "sandbox",
            "PODIUM_SANDBOX=off: a submitted checkpoint can read whatever this service can.",
            "Remove the setting once a layer below is ok.",
        )
    problems = layer_problems()
    wanted = [Layer(settings.sandbox)] if settings.sandbox in list(Layer) else list(Layer)
    works = any(not problems[layer] for layer in wanted)
    for layer in wanted:
        name = f"sandbox: {layer}"
        if not problems[layer]:
            yield ok(name, f"Jobs can be confined by {layer}.")
            continue
        state = warning if works or settings.sandbox == "off" or settings.executor == "slurm" else failed
        yield state(name, f"Jobs cannot be confined by {layer}: {problems[layer]}.", f"It needs {HOW[layer]}.")


def check_programs() -> Line:
    """Whether submitted code, and the programs of competition bundles, can be run."""
    why = programs.problem()
    if why:
        return warning("sandbox: programs", f"Submitted code is refused here. {why}", programs.HOW)
    return ok("sandbox: programs", "Submitted code and the programs of competition bundles can be run in bubblewrap.")


def check_images() -> Line:
    """Whether programs of competition bundles can run in an image that their organiser names."""
    path, why = containers.engine()
    if why:
        return ok("sandbox: images", f"Benchmarks that need an image of their own are refused here. {why}")
    return ok("sandbox: images", f"Programs of competition bundles run in their organiser's image, by {path}.")


def existing(folder: Path) -> Path:
    """`folder`, or the nearest folder above it that is there."""
    place = folder.absolute()
    while not place.exists():
        place = place.parent
    return place


def _plain(name: str) -> str:
    return name.strip().lower().replace("_", "-").replace(".", "-")
