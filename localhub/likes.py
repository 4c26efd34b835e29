"""Likes of repos."""

from dataclasses import replace

from localhub.clock import now, stamp
from localhub.repos import Repo


def like_count(repo: Repo) -> int:
    """The number of likes: users of this Hub plus the seeded number."""
    return repo.meta.likes + len(repo.meta.likers)


def like(repo: Repo, user: str) -> None:
    """Add a user's like; a second like changes nothing."""
    _set(repo, user, liked=True)


def unlike(repo: Repo, user: str) -> None:
    """Remove a user's like."""
    _set(repo, user, liked=False)


def _set(repo: Repo, user: str, *, liked: bool) -> None:
    with repo.lock():
        meta = repo.fresh_meta()
        if (user in meta.likers) == liked:
            return
        others = {name: since for name, since in meta.likers.items() if name != user}
        repo.save(replace(meta, likers={**others, user: stamp(now())} if liked else others))
