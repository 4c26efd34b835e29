"""Copies of whole repos: branches, tags, their history and the large files, without discussions and pull requests.

The copied files never change, so the copy consists of hard links and needs no disk space.
"""

import os
from pathlib import Path

from localhub.clock import now
from localhub.errors import LocalHubError
from localhub.files import fsync_folder
from localhub.names import RepoName
from localhub.repos import Repo, Repos, new_meta, write_skeleton


def duplicate(repos: Repos, source: Repo, name: RepoName, creator: str, *, private: bool) -> Repo:
    """Create a repo with the content and the gating of another. Raises AlreadyExists."""
    meta = new_meta(name, creator, now(), private=private, gated=source.meta.gated, sdk=source.meta.sdk)
    return repos.add(name, meta, lambda copy: _fill(copy, source))


def _fill(copy: Repo, source: Repo) -> None:
    write_skeleton(copy)
    # The references are read first, so that all their objects are on disk, whatever is committed meanwhile.
    refs = source.refs.under("refs/heads/") | source.refs.under("refs/tags/")
    try:
        for part in ("objects", "lfs/objects"):
            _link_all(source.folder / part, copy.folder / part)
    except FileNotFoundError:
        raise LocalHubError(f"{source.id} was repacked or deleted meanwhile: try again", status=503) from None
    for ref, oid in refs.items():
        copy.refs.move(ref, None, oid)


def _link_all(source: Path, copy: Path) -> None:
    for folder, _, names in os.walk(source):
        target = copy / Path(folder).relative_to(source)
        target.mkdir(parents=True, exist_ok=True)
        for name in names:
            (target / name).hardlink_to(Path(folder) / name)
        fsync_folder(target)
