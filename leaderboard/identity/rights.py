"""Who may do what: the roles, who has them, and the one table of every API route and every event of the pages."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from leaderboard.records import Person, hub_name, namespace_of


class Role(StrEnum):
    """What somebody must be to do something."""

    READER = "reader"
    """Anybody, signed in or not."""
    SUBMITTER = "submitter"
    """Whoever PODIUM_SIGN_IN lets submit: everybody signed in; without sign-in, everybody."""
    OWNER = "owner"
    """Who the model belongs to: its namespace is their own or that of an organisation of theirs. Maintainers too."""
    MAINTAINER = "maintainer"
    """Whom PODIUM_MAINTAINERS names, by themselves or by an organisation of theirs."""


ROUTES: dict[str, Role] = {
    "GET /benchmarks": Role.READER,
    "GET /leaderboard": Role.READER,
    "GET /models/{name}": Role.READER,
    "GET /models/{org}/{name}": Role.READER,
    "GET /results/{path}": Role.READER,
    "GET /details/{task}/{path}": Role.READER,
    "GET /benchmarks/{benchmark}/terms": Role.READER,
    "GET /benchmarks/{benchmark}/kit": Role.READER,
    "GET /benchmarks/{benchmark}/rows": Role.READER,
    "GET /benchmarks/{benchmark}/export.{form}": Role.READER,
    "GET /benchmarks/{benchmark}/contents.{form}": Role.READER,
    "GET /compare": Role.READER,
    "GET /compare/examples": Role.READER,
    "GET /plots/{name}": Role.READER,
    "GET /plots/{name}/figure": Role.READER,
    "GET /requests": Role.READER,
    "GET /requests/{request_id}": Role.READER,
    "GET /requests/{request_id}/file": Role.READER,
    "GET /requests/{request_id}/log": Role.READER,
    "GET /requests/{request_id}/detailed-results": Role.READER,
    "GET /requests/{request_id}/hidden-scores": Role.MAINTAINER,
    "GET /requests/{request_id}/private-answers": Role.MAINTAINER,
    "GET /requests/{request_id}/events": Role.READER,
    "GET /queue/events": Role.READER,
    "GET /requests/{request_id}/votes": Role.READER,
    "POST /requests/{request_id}/votes": Role.SUBMITTER,
    "DELETE /requests/{request_id}/votes": Role.SUBMITTER,
    "POST /requests/{request_id}/cancel": Role.SUBMITTER,
    "POST /requests/{request_id}/report": Role.SUBMITTER,
    "POST /requests/{request_id}/relaunch": Role.MAINTAINER,
    "POST /requests/{request_id}/rerun": Role.MAINTAINER,
    "PATCH /requests/{request_id}": Role.MAINTAINER,
    "GET /flags": Role.READER,
    "GET /flags.json": Role.READER,
    "GET /flags/{flag_id}": Role.READER,
    "POST /flags": Role.SUBMITTER,
    "POST /flags/{flag_id}/state": Role.SUBMITTER,
    "GET /discussions/{kind}/{subject}": Role.READER,
    "POST /discussions/{kind}/{subject}/comments": Role.SUBMITTER,
    "POST /submissions/check": Role.READER,
    "POST /submissions": Role.SUBMITTER,
    "GET /quota": Role.SUBMITTER,
    "POST /bundles": Role.MAINTAINER,
    "GET /uploads": Role.SUBMITTER,
    "POST /uploads": Role.SUBMITTER,
    "GET /uploads/{upload_id}": Role.SUBMITTER,
    "PATCH /uploads/{upload_id}": Role.SUBMITTER,
    "DELETE /uploads/{upload_id}": Role.SUBMITTER,
    "GET /artifacts/{sha256}": Role.SUBMITTER,
    "GET /policy/{benchmark}": Role.READER,
    "POST /policy/{benchmark}": Role.MAINTAINER,
    "GET /benchmarks/{benchmark}/competition": Role.READER,
    "GET /benchmarks/{benchmark}/competition/mine": Role.SUBMITTER,
    "POST /benchmarks/{benchmark}/competition/teams": Role.SUBMITTER,
    "POST /benchmarks/{benchmark}/competition/teams/invitations": Role.SUBMITTER,
    "DELETE /benchmarks/{benchmark}/competition/teams/invitations/{person}": Role.SUBMITTER,
    "POST /benchmarks/{benchmark}/competition/teams/join": Role.SUBMITTER,
    "POST /benchmarks/{benchmark}/competition/teams/leave": Role.SUBMITTER,
    "PUT /benchmarks/{benchmark}/competition/selection": Role.SUBMITTER,
    "POST /benchmarks/{benchmark}/competition/opening": Role.MAINTAINER,
    "GET /benchmarks/{benchmark}/competition/reviews": Role.MAINTAINER,
    "POST /benchmarks/{benchmark}/competition/reviews/{request_id}": Role.MAINTAINER,
    "POST /benchmarks/{benchmark}/competition/reviews/{request_id}/notes": Role.MAINTAINER,
    "POST /benchmarks/{benchmark}/competition/baselines/{request_id}": Role.MAINTAINER,
    "POST /benchmarks/{benchmark}/competition/reruns": Role.MAINTAINER,
    "GET /me": Role.READER,
    "GET /sign-in": Role.READER,
    "GET /sign-in/callback": Role.READER,
    "GET /sign-in/client.json": Role.READER,
    "POST /sign-out": Role.SUBMITTER,
}
"""Method and path below /api/v1 -> who may call it. A route that is not here answers nobody; HEAD is as GET.

For OWNER the route itself asks `Identity.owner` about its model; before that, only submitters are let through.
"""

EVENTS: dict[str, Role] = {
    "shell.show": Role.READER,
    "submit.look_up": Role.READER,
    "submit.prefill": Role.READER,
    "submit.show_kind": Role.READER,
    "submit.submit": Role.SUBMITTER,
    "tools.look_up_model": Role.READER,
    "tools.search_leaderboard": Role.READER,
}
"""Module and name of the handler of every event of the pages -> who may call it.

Handlers above READER ask `Identity` first; a test calls each of them as a stranger.
"""


class Roles:
    """Who has which role, by configuration."""

    def __init__(self, maintainers: Iterable[str]) -> None:
        self._maintainers = {hub_name(name) for name in maintainers}

    def is_maintainer(self, person: Person) -> bool:
        """Whether they, or an organisation of theirs, are named."""
        return not self._maintainers.isdisjoint(_names(person))

    def owns(self, person: Person, model: str) -> bool:
        """Whether `model` lies in their namespace or in that of an organisation of theirs."""
        namespace = namespace_of(model)
        return bool(namespace) and hub_name(namespace) in _names(person)


def _names(person: Person) -> set[str]:
    return {hub_name(name) for name in (person.name, *person.orgs)}
