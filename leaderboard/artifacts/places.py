"""Where private files lie, by the settings: in a folder, or in a private dataset on the Hub."""

from __future__ import annotations

from pathlib import Path

from leaderboard.artifacts.folder import FolderArtifacts
from leaderboard.artifacts.hub import HubArtifacts
from leaderboard.artifacts.hub_data import HubPrivateData
from leaderboard.artifacts.store import ArtifactStore
from leaderboard.artifacts.uploads import UploadLimits, Uploads
from leaderboard.errors import BadSettings
from leaderboard.hub.private_repo import PrivateRepo
from leaderboard.records import is_dataset_id
from leaderboard.settings import Settings

GB = 1_000_000_000


def open_artifacts(settings: Settings) -> ArtifactStore:
    """What people uploaded. Raises BadSettings."""
    folder = FolderArtifacts(settings.private_dir.absolute() / "artifacts")
    if settings.store == "local":
        return folder
    return HubArtifacts(private_repo(settings), folder, settings.hub_create)


def open_uploads(settings: Settings, artifacts: ArtifactStore) -> Uploads:
    """What people are uploading."""
    limits = UploadLimits(
        open=settings.upload_open,
        day_bytes=round(settings.upload_day_gb * GB),
        free_bytes=round(settings.upload_free_gb * GB),
    )
    return Uploads(settings.private_dir.absolute() / "uploads", artifacts, limits)


def private_results(settings: Settings) -> Path:
    """Folder of what results hold that is not for everybody (`leaderboard.results.private_results`)."""
    return settings.private_dir.absolute() / "results"


def private_answers(settings: Settings) -> Path:
    """Folder of what submitters answered for the organisers alone (`leaderboard.submissions.private_answers`)."""
    return settings.private_dir.absolute() / "answers"


def private_data(settings: Settings, benchmark_id: str) -> Path:
    """Folder of a benchmark's private data: reference answers, programs, bundles. It may not exist.

    Where the store is the Hub, `fetch_private_data` brings it up to date; what was returned before stays as it is.
    """
    return (settings.private_dir.absolute() / "benchmarks" / benchmark_id).resolve()


def fetch_private_data(settings: Settings, benchmark_id: str) -> None:
    """Have a benchmark's private data on this machine as they are on the Hub, where the store is the Hub.

    Raises BadSettings, HubUnavailable, OSError.
    """
    if settings.store == "hub":
        HubPrivateData(private_repo(settings), settings.private_dir.absolute()).fetch(benchmark_id)


def keep_private_data(settings: Settings, benchmark_id: str) -> None:
    """Have a benchmark's private data on the Hub as they are on this machine, where the store is the Hub.

    Raises BadSettings, HubUnavailable, OSError.
    """
    if settings.store == "hub":
        HubPrivateData(private_repo(settings), settings.private_dir.absolute()).keep(benchmark_id)


def private_repo(settings: Settings) -> PrivateRepo:
    """The private dataset of the board. Raises BadSettings."""
    space = settings.hub_namespace or settings.hub_requests.partition("/")[0]
    name = settings.hub_private_data or f"{space}/private"
    if not is_dataset_id(name):
        raise BadSettings(f"PODIUM_HUB_PRIVATE_DATA: {name!r} is not the name of a dataset. Write OWNER/NAME.")
    return PrivateRepo(name, settings.hub_endpoint, settings.token, settings.hub_timeout_s)
