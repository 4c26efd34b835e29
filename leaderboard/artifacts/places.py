"""Where private files lie, by the settings."""

from __future__ import annotations

from pathlib import Path

from leaderboard.artifacts.folder import FolderArtifacts
from leaderboard.settings import Settings


def open_artifacts(settings: Settings) -> FolderArtifacts:
    """What people uploaded."""
    return FolderArtifacts(settings.private_dir / "artifacts")


def private_results(settings: Settings) -> Path:
    """Folder of what results hold that is not for everybody (`leaderboard.results.private_results`)."""
    return settings.private_dir.absolute() / "results"


def private_data(settings: Settings, benchmark_id: str) -> Path:
    """Folder of a benchmark's private data: reference answers, programs, bundles. It may not exist."""
    return settings.private_dir.absolute() / "benchmarks" / benchmark_id
