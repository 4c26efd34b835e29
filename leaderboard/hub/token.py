"""What a token of the Hub may do, and what the Hub says of itself, for who sets a board up."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

from huggingface_hub.utils import get_session  # type: ignore[attr-defined]

from leaderboard.errors import HubUnavailable, NotAllowed
from leaderboard.hub.client import client_of, settle_pool
from leaderboard.hub.errors import HubRefusal, translated

WRITERS = frozenset({"admin", "write", "contributor"})
"""Roles in an organisation that may make and change datasets."""


class TokenRights(NamedTuple):
    """Whose token it is, and what it may do."""

    name: str
    role: str
    """`read`, `write` or `fineGrained`."""
    orgs: Mapping[str, str]
    """Organisation -> the person's role in it."""
    scoped: frozenset[str] = frozenset()
    """Fine-grained tokens: names of what they may write to, in lower case."""

    def may_write(self, namespace: str) -> bool:
        """Whether it may make and change datasets of a person or an organisation."""
        if self.role == "fineGrained":
            return namespace.lower() in self.scoped
        if self.role != "write":
            return False
        roles = {name.lower(): role for name, role in self.orgs.items()} | {self.name.lower(): "admin"}
        return roles.get(namespace.lower(), "") in WRITERS


def token_rights(endpoint: str, token: str, timeout_s: float) -> TokenRights:
    """What `token` may do at the Hub. Raises NotAllowed for one that it does not know, HubUnavailable."""
    try:
        with translated("the board's own token"):
            said: dict[str, Any] = client_of(endpoint, token, timeout_s).whoami()
            about = said["auth"]["accessToken"]
            orgs = {org["name"]: str(org.get("roleInOrg") or "") for org in said.get("orgs", [])}
            return TokenRights(str(said["name"]), str(about["role"]), orgs, _scoped(about.get("fineGrained") or {}))
    except HubRefusal as refusal:
        if refusal.status in (401, 403):
            raise NotAllowed("The Hub does not know this token.") from refusal
        raise HubUnavailable(f"The Hub would not say whose the token is (it answered {refusal.status}).") from refusal


def hub_time(endpoint: str, timeout_s: float) -> datetime | None:
    """The Hub's clock; None where it does not say it. Raises HubUnavailable when it does not answer."""
    settle_pool(timeout_s)
    with translated():
        answer = get_session().get(f"{endpoint.rstrip('/')}/api/models", params={"limit": 1}, timeout=timeout_s)
    if answer.status_code >= 500:
        raise HubUnavailable(f"The Hub has trouble of its own (it answered {answer.status_code}).")
    try:
        return parsedate_to_datetime(answer.headers["date"]).astimezone(UTC)
    except (KeyError, ValueError):
        return None


def dataset_exists(endpoint: str, token: str | None, repo_id: str, timeout_s: float) -> bool:
    """Whether there is such a dataset that the token may read. Raises HubUnavailable."""
    try:
        with translated(repo_id):
            return bool(client_of(endpoint, token, timeout_s).repo_exists(repo_id, repo_type="dataset"))
    except HubRefusal as refusal:
        raise HubUnavailable(f"The Hub would not tell of {repo_id} (it answered {refusal.status}).") from refusal


def _scoped(fine: Mapping[str, Any]) -> frozenset[str]:
    """Names of people and organisations in which a fine-grained token may write repositories."""
    return frozenset(
        str(scope["entity"]["name"]).lower()
        for scope in fine.get("scoped", [])
        if "repo.write" in scope.get("permissions", []) and scope.get("entity", {}).get("name")
    )
