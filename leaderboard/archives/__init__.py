"""Opening the zips and tars of strangers: within limits, or refused with sentences and nothing left behind."""

from __future__ import annotations

from leaderboard.archives.entry import ArchiveLimits
from leaderboard.archives.opening import ArchiveFile, list_archive, open_archive

__all__ = ["ArchiveFile", "ArchiveLimits", "list_archive", "open_archive"]
