"""The environment of jobs, made from nothing: no token and none of our own settings get into it."""

from __future__ import annotations

from pathlib import Path

from leaderboard.hub import hub_environment
from leaderboard.settings import Settings, inherited_environment


def hub_home(settings: Settings) -> Path:
    """HF_HOME of the jobs."""
    return settings.work_dir.absolute() / "hub"


def hub_cache(settings: Settings) -> Path:
    """Where the Hub's client of the jobs keeps what it downloads."""
    return hub_home(settings) / "hub"


def job_environment(settings: Settings) -> dict[str, str]:
    """Variables for a job on this machine; caches and downloads go under the work folder."""
    home = settings.work_dir.absolute() / "home"
    environment = {
        **inherited_environment(),
        "HOME": str(home),
        "HF_HOME": str(hub_home(settings)),
        **hub_environment(settings),
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "DISABLE_MULTIPROC": "1",
        "ARROW_DEFAULT_MEMORY_POOL": "system",
        "PYTHONUNBUFFERED": "1",
    }
    if settings.threads:
        environment["OMP_NUM_THREADS"] = environment["MKL_NUM_THREADS"] = str(settings.threads)
    if settings.data_root is not None:
        environment["NLTK_DATA"] = str(settings.data_root.absolute() / "nltk_data")
    return environment
