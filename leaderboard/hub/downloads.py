"""What the Hub's client has downloaded into a cache."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from huggingface_hub import scan_cache_dir
from huggingface_hub.errors import CacheNotFound


class Download(NamedTuple):
    """A checkpoint in a cache, all its downloaded commits together."""

    model: str
    folder: Path
    bytes: int


def downloaded_models(cache: Path) -> list[Download]:
    """Every checkpoint in a cache, the least recently used first; none where there is no cache."""
    try:
        repos = scan_cache_dir(cache).repos
    except CacheNotFound:
        return []
    models = sorted((one for one in repos if one.repo_type == "model"), key=lambda one: one.last_accessed)
    return [Download(one.repo_id, one.repo_path, one.size_on_disk) for one in models]
