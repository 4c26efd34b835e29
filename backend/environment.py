"""Where jobs find what they read, and their environment: made from nothing, so that no secret can be in it."""

from __future__ import annotations

from pathlib import Path

from leaderboard.settings import Settings, inherited_environment


def hub_cache(settings: Settings) -> Path:
    """Where downloads of checkpoints are kept, for the next job that reads them."""
    return settings.work_dir.absolute() / "hub" / "hub"


def tasks_data(settings: Settings) -> Path:
    """The data that tasks read in the place of Hub datasets: the operator's, or what this worker has downloaded."""
    return (settings.data_root or settings.work_dir / "datasets").absolute()


def job_environment(settings: Settings) -> dict[str, str]:
    """Variables for every job on this machine. A job adds the folders that are its own (see backend/job.py)."""
    environment = {
        **inherited_environment(),
        "HOME": "/nonexistent",
        "USER": "job",
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1",
        "NLTK_DATA": str(tasks_data(settings) / "nltk_data"),
        "TOKENIZERS_PARALLELISM": "false",
        "DISABLE_MULTIPROC": "1",
        "ARROW_DEFAULT_MEMORY_POOL": "system",
        "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",  # fewer page table entries to copy for every fork
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    if settings.threads:
        environment["OMP_NUM_THREADS"] = environment["MKL_NUM_THREADS"] = str(settings.threads)
    return environment
