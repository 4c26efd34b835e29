"""Who was let into a gated repo, who asked, who was turned away."""

from dataclasses import replace

from localhub.clock import now, stamp
from localhub.errors import Invalid, NotFound
from localhub.repos import Repo

PENDING, ACCEPTED, REJECTED = "pending", "accepted", "rejected"
STATUSES = (PENDING, ACCEPTED, REJECTED)


def access_of(repo: Repo, user: str) -> str | None:
    """`pending`, `accepted`, `rejected`, or None when the user never asked."""
    return repo.meta.access.get(user, {}).get("status")


def ask(repo: Repo, user: str) -> str:
    """Ask to be let in; an automatic gate opens at once. Returns the status."""
    _check_gated(repo)
    if access_of(repo, user) is None:
        _set(repo, user, ACCEPTED if repo.meta.gated == "auto" else PENDING)
    return str(access_of(repo, user))


def decide(repo: Repo, user: str, status: str) -> None:
    """Put a request that was made into another state."""
    _check_gated(repo)
    if status not in STATUSES:
        raise Invalid(f'Unknown status "{status}": expected one of {", ".join(STATUSES)}')
    present = access_of(repo, user)
    if present is None:
        raise NotFound(f"{user} has not asked for access to {repo.id}")
    if present == status:
        raise NotFound(f"The request of {user} is {status} already")
    _set(repo, user, status)


def grant(repo: Repo, user: str) -> None:
    """Let a user in who did not ask."""
    _check_gated(repo)
    if access_of(repo, user) == ACCEPTED:
        raise Invalid(f"{user} has access to {repo.id} already")
    _set(repo, user, ACCEPTED)


def _check_gated(repo: Repo) -> None:
    if not repo.meta.gated:
        raise Invalid(f"{repo.id} is not gated: there is no access to ask for")


def _set(repo: Repo, user: str, status: str) -> None:
    with repo.lock():
        meta = repo.fresh_meta()
        entry = {"status": status, "timestamp": stamp(now())}
        repo.save(replace(meta, access={**meta.access, user: entry}))
