"""All checks, in the order in which somebody would fix what they find."""

from __future__ import annotations

from collections.abc import Iterator

from backend.doctor.board import check_benchmarks, check_datasets, check_folders, check_settings
from backend.doctor.cluster import check_slurm
from backend.doctor.hub import check_hub
from backend.doctor.line import Line, failed
from backend.doctor.machine import (
    check_disk,
    check_gpu,
    check_images,
    check_memory,
    check_packages,
    check_programs,
    check_python,
    check_sandbox,
)
from leaderboard.errors import BadSettings
from leaderboard.settings import load_settings


def examine() -> Iterator[Line]:
    """A line for each thing, as soon as it was looked at."""
    yield check_python()
    yield check_packages()
    try:
        settings = load_settings()
    except BadSettings as error:
        yield failed("settings", str(error), "Correct these settings; the rest was not looked at.")
        return
    yield from check_settings(settings)
    yield check_benchmarks(settings)
    yield from check_folders(settings)
    yield check_disk(settings)
    yield check_memory(settings)
    yield check_gpu(settings)
    yield from check_sandbox(settings)
    yield check_programs()
    yield check_images()
    yield from check_hub(settings)
    yield from check_datasets(settings)
    yield from check_slurm(settings)
