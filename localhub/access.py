"""Access requests of gated repos: pending, accepted and rejected."""

from dataclasses import replace

from localhub.clock import now, stamp
from localhub.errors import Invalid, NotFound
from localhub.repos import Repo

PENDING, ACCEPTED, REJECTED = "pending", "accepted", "rejected"
STATUSES = (PENDING, ACCEPTED, REJECTED)


def access_of(repo: Repo, user: str) -> str | None:
    """`pending`, `accepted`, `rejected`, or None if the user never requested access."""
    return repo.meta.access.get(user, {}).get("status")


def ask(repo: Repo, user: str) -> str:
    """Request access; an automatic gate accepts at once. Returns the status."""
    _check_gated(repo)
    if access_of(repo, user) is None:
        _set(repo, user, ACCEPTED if repo.meta.gated == "auto" else PENDING)
    return str(access_of(repo, user))


def decide(repo: Repo, user: str, status: str) -> None:
    """Set the status of an existing request; raises Invalid or NotFound."""
    _check_gated(repo)
    if status not in STATUSES:
        raise Invalid(f'Unknown status "{status}": expected one of {", ".join(STATUSES)}')
    present = access_of(repo, user)
    if present is None:
        raise NotFound(f"{user} has not requested access to {repo.id}")
    if present == status:
        raise NotFound(f"The request of {user} is already {status}")
    _set(repo, user, status)


def grant(repo: Repo, user: str) -> None:
    """Give access to a user who did not request it; raises Invalid."""
    _check_gated(repo)
    if access_of(repo, user) == ACCEPTED:
        raise Invalid(f"{user} already has access to {repo.id}")
    _set(repo, user, ACCEPTED)


def _check_gated(repo: Repo) -> None:
    if not repo.meta.gated:
        raise Invalid(f"{repo.id} is not gated: access needs no request")


def _set(repo: Repo, user: str, status: str) -> None:
    with repo.lock():
        meta = repo.fresh_meta()
        entry = {"status": status, "timestamp": stamp(now())}
        repo.save(replace(meta, access={**meta.access, user: entry}))
