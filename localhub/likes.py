"""Who likes a repo."""

from dataclasses import replace

from localhub.clock import now, stamp
from localhub.repos import Repo


def like_count(repo: Repo) -> int:
    """How many like the repo: those who said so here, and the number that it was seeded with."""
    return repo.meta.likes + len(repo.meta.likers)


def like(repo: Repo, user: str) -> None:
    """Note that a user likes the repo; a second time changes nothing."""
    _set(repo, user, liked=True)


def unlike(repo: Repo, user: str) -> None:
    """Forget that a user likes the repo."""
    _set(repo, user, liked=False)


def _set(repo: Repo, user: str, *, liked: bool) -> None:
    with repo.lock():
        meta = repo.fresh_meta()
        if (user in meta.likers) == liked:
            return
        others = {name: since for name, since in meta.likers.items() if name != user}
        repo.save(replace(meta, likers={**others, user: stamp(now())} if liked else others))
