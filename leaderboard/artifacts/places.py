"""Where private files lie, by the settings."""

from __future__ import annotations

from pathlib import Path

from leaderboard.artifacts.folder import FolderArtifacts
from leaderboard.artifacts.store import ArtifactStore
from leaderboard.artifacts.uploads import UploadLimits, Uploads
from leaderboard.settings import Settings

GB = 1_000_000_000


def open_artifacts(settings: Settings) -> ArtifactStore:
    """What people uploaded."""
    return FolderArtifacts(settings.private_dir.absolute() / "artifacts")


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


def private_data(settings: Settings, benchmark_id: str) -> Path:
    """Folder of a benchmark's private data: reference answers, programs, bundles. It may not exist."""
    return settings.private_dir.absolute() / "benchmarks" / benchmark_id
