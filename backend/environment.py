"""The environment of jobs, made from nothing: no token and none of our own settings get into it."""

from __future__ import annotations

from leaderboard.hub import hub_environment
from leaderboard.settings import Settings, inherited_environment


def job_environment(settings: Settings) -> dict[str, str]:
    """Variables for a job on this machine; caches and downloads go under the work folder."""
    home = settings.work_dir.absolute() / "home"
    environment = {
        **inherited_environment(),
        "HOME": str(home),
        "HF_HOME": str(settings.work_dir.absolute() / "hub"),
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
